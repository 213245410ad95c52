"""Whether a photo was mirrored: its mirror image matches, and it does not.

Facades match both ways: their windows are symmetric. Of 119 true photos whose points were checked
by epipolar geometry, several matched up to 2.3 times as well mirrored, but none of these with 30
points; one with 41 had 1.5 times as many. By the rule below none was said to be mirrored, and of
their mirror images 78 of 119 were (``tools/measure_tricks.py PAIRS.csv --pairs 40``).
"""

import numpy as np
from numpy.typing import NDArray

LEAST_MIRRORED = 30  # matched points of the mirror image
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
