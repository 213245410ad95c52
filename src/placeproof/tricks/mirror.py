"""Whether a photo was mirrored: its mirror image matches, and it does not."""

import numpy as np
from numpy.typing import NDArray

LEAST_MIRRORED = 30  # matched points
TIMES_UPRIGHT = 1.75  # as many as of the photo as it is


def mirrored(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) with left and right exchanged."""
    return np.ascontiguousarray(pixels[:, ::-1])


def is_mirrored(upright: int, mirrored: int) -> bool:
    """Whether a photo is the mirror image of one that matches.

    Args:
        upright: How many matched points of the photo passed the geometric check, 0 or more.
        mirrored: How many of its mirror image did, against the same panorama.
    """
    return mirrored >= LEAST_MIRRORED and mirrored >= TIMES_UPRIGHT * upright
