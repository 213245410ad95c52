"""Whether a photo is bright and sharp enough, and what it looks like in 64 bits.

All is measured on a small grey copy, so that a photo's resolution plays no part. The defaults in
:class:`~placeproof.collect.criteria.Criteria` come from 120 photos of streets: all were sharper
than 160, and none than 55 once blurred by a Gaussian of 1.5 pixels of the copy.
"""

from dataclasses import dataclass

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import laplace

from placeproof.report.overlay import fitted_size

SIDE = 512  # pixels along the copy's longer side


@dataclass(frozen=True, slots=True)
class Quality:
    """What is measured of a photo.

    Attributes:
        brightness: Mean grey value, 0 (black) to 255 (white).
        sharpness: See :func:`sharpness`.
        fingerprint: 64 bits, most of which near duplicates share: a perceptual hash.
    """

    brightness: float
    sharpness: float
    fingerprint: int


def measure(pixels: NDArray[np.uint8]) -> Quality:
    """Measures a photo, (H, W, 3) sRGB."""
    size = fitted_size(pixels.shape, min(SIDE, max(pixels.shape[:2])))
    grey = Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.LANCZOS)
    values = np.asarray(grey, dtype=np.float32)
    return Quality(
        brightness=float(values.mean()),
        sharpness=sharpness(values),
        fingerprint=int(str(imagehash.phash(grey)), 16),
    )


def sharpness(grey: NDArray[np.float32]) -> float:
    """Variance of the Laplacian: of how much each pixel differs from its four neighbours.

    Args:
        grey: (h, w), 0 to 255, at most ``SIDE`` pixels wide and high.
    """
    return float(laplace(grey).var())
