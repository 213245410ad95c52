"""Photos made from panoramas, to train on: perspective views, seen by many cameras.

A pure function of the panorama and a seed. The paper cuts its synthetic queries out of the image
plane (section 4.2); these are true perspective views, with the paper's kinds of augmentation.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from placeproof.geometry import View, cut_view

LONGER_SIDE = 384  # pixels, before the scale is varied
ASPECTS = (9 / 16, 3 / 4, 1.0, 4 / 3)  # height / width


@dataclass(frozen=True, slots=True)
class StreetPhoto:
    """A made photo and the camera that took it.

    Attributes:
        pixels: (H, W, 3) uint8 sRGB.
        view: The camera, at the panorama's own position.
    """

    pixels: NDArray[np.uint8]
    view: View


def take_photo(panorama: NDArray[np.uint8], seed: int) -> StreetPhoto:
    """Takes a photo inside a panorama (H, W, 3), W = 2 H, sRGB.

    The field of view (50 to 90 degrees along the longer side), the direction, the picture's
    size, gamma, colours, contrast, noise, sharpness and JPEG quality are drawn by ``seed``.
    """
    random = np.random.default_rng(seed)
    view = _draw_view(random)
    scene = torch.from_numpy(panorama.copy()).permute(2, 0, 1).float() / 255
    colours = _develop(cut_view(scene, view).numpy(), random)
    picture = Image.fromarray(np.rint(colours.transpose(1, 2, 0) * 255).astype(np.uint8))
    if random.uniform() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.5)))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(random.integers(40, 96)))
    return StreetPhoto(np.array(Image.open(file)), view)


def _draw_view(random: np.random.Generator) -> View:
    longer = LONGER_SIDE * math.exp(random.uniform(-0.25, 0.25))
    aspect = random.choice(ASPECTS)
    width, height = (longer / aspect, longer) if aspect > 1 else (longer, longer * aspect)
    half = math.tan(math.radians(random.uniform(50.0, 90.0)) / 2)  # of the longer side
    fov = 2 * math.degrees(math.atan(half * width / longer))
    return View(
        yaw=random.uniform(-180.0, 180.0),
        pitch=random.uniform(-8.0, 22.0),  # photos of buildings look up rather than down
        roll=random.normal(0.0, 2.0),
        fov=fov,
        width=round(width),
        height=round(height),
    )


def _develop(colours: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float64]:
    """Another camera's and another day's rendering of (3, H, W) in [0, 1]."""
    light = colours.clip(1e-4, 1.0) ** random.uniform(0.5, 1.5)  # the paper's gamma
    light = light * random.uniform(0.85, 1.15, (3, 1, 1))  # white balance
    grey = light.mean(axis=0, keepdims=True)
    light = grey + (light - grey) * random.uniform(0.3, 1.3)  # saturation
    middle = light.mean()
    light = middle + (light - middle) * random.uniform(0.7, 1.3) + random.uniform(-0.1, 0.1)
    noise = random.normal(0.0, random.uniform(0.0, 0.03), light.shape)
    return np.asarray((light + noise).clip(0.0, 1.0), dtype=np.float64)
