"""What all extractors share: a picture scaled for the network, keypoints in its own pixels."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from torch import Tensor

from placeproof.matchers.contract import LocalFeatures

MOST_KEYPOINTS = 768  # of a picture
LONGER_SIDE = 1024  # pixels, at most; what LightGlue's authors scale pictures to
MULTIPLE = 32  # of which both sides are: the networks would pad or scale to it themselves
EXTRACTION_VERSION = 1  # raised by whoever changes what is made of the same picture and weights
_CONTRAST = 3  # levels of some colour, that a keypoint's surroundings have at least
_SURROUNDINGS = 17  # pixels across, keypoint in the middle


class Detected(NamedTuple):
    """What a network finds in its input.

    Attributes:
        keypoints: (N, 2), x and y; the centre of the first pixel is (0, 0).
        scores: (N,).
        descriptors: (N, D).
    """

    keypoints: Tensor
    scores: Tensor
    descriptors: Tensor


@torch.inference_mode()
def extract(pixels: NDArray[np.uint8], detect: Callable[[Tensor], Detected]) -> LocalFeatures:
    """Local features of a picture.

    A larger picture is scaled to a longer side of ``LONGER_SIDE``, a smaller one is not enlarged,
    and both sides are rounded to a multiple of ``MULTIPLE``. Keypoints on surfaces of one colour
    are left out: they show the edge of the picture as the network's padding makes it look, and
    every blank picture has the same ones.

    Args:
        pixels: (H, W, 3) sRGB.
        detect: The network. Gets (1, 3, h, w) float32 in [0, 1].
    """
    height, width = pixels.shape[:2]
    size = network_size(width, height)
    image = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    picture = np.array(image)
    found = detect(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)
    keep = _on_texture(picture, found.keypoints)
    keep = keep[found.scores[keep].argsort(descending=True, stable=True)][:MOST_KEYPOINTS]
    scale = torch.tensor([width / size[0], height / size[1]])
    return LocalFeatures(
        keypoints=((found.keypoints[keep].float() + 0.5) * scale).numpy(),
        scores=found.scores[keep].float().numpy(),
        descriptors=found.descriptors[keep].float().contiguous().numpy(),
        width=width,
        height=height,
    )


def network_size(width: int, height: int) -> tuple[int, int]:
    """Width and height at which a network sees a picture."""
    scale = min(1.0, LONGER_SIDE / max(width, height))
    columns, rows = (max(1, round(side * scale / MULTIPLE)) * MULTIPLE for side in (width, height))
    return columns, rows


def _on_texture(picture: NDArray[np.uint8], keypoints: Tensor) -> Tensor:
    """Indices of the keypoints (N, 2) around which a picture (h, w, 3) is not of one colour."""
    window = (_SURROUNDINGS, _SURROUNDINGS, 1)
    contrast = ndimage.maximum_filter(picture, window) - ndimage.minimum_filter(picture, window)
    column, row = keypoints.round().long().numpy().T
    height, width = picture.shape[:2]
    around = contrast[row.clip(0, height - 1), column.clip(0, width - 1)].max(axis=1)
    return torch.from_numpy(np.flatnonzero(around >= _CONTRAST))
