"""Matched points of a photo and a panorama, made with everything known."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.geometry import View

NOISE = math.radians(0.05)  # of directions


@dataclass(frozen=True)
class TwoCameras:
    """Points (K, 2) of a photo, directions (K, 3) of a panorama, and which belong together (K,)."""

    points: NDArray[np.float64]
    directions: NDArray[np.float64]
    right: NDArray[np.bool_]


def two_cameras(
    view: View, baseline: NDArray[np.float64], *, seed: int, count: int = 100, wrong: float = 0.5
) -> TwoCameras:
    """Points 8 to 40 m from the photo, which is ``baseline`` metres from the panorama.

    Half a pixel of noise in the photo; the first share ``wrong`` of the directions is shuffled.
    """
    random = np.random.default_rng(seed)
    points = random.uniform(0, [view.width, view.height], (count, 2))
    rays = view.directions(*torch.from_numpy(points).unbind(dim=1)).numpy()
    places = rays * random.uniform(8, 40, (count, 1)) + baseline
    directions = unit(places) + random.normal(0, NOISE, (count, 3))
    wrongs = round(count * wrong)
    directions[:wrongs] = directions[random.permutation(wrongs)]
    points += random.normal(0, 0.5, points.shape)
    return TwoCameras(points, unit(directions), np.arange(count) >= wrongs)


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
