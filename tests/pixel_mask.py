"""Masks with a patch for each pixel, for tests that say what every pixel is."""

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.patches import Mask, PatchGrid


def pixel_mask(pixels: NDArray[np.float32]) -> Mask:
    """The mask whose ``pixels()`` are these (H, W)."""
    size = (pixels.shape[1], pixels.shape[0])
    return Mask(torch.from_numpy(pixels), PatchGrid(1, size, size, wraps=False))
