"""How much of a photo was found: a few points in one corner say less than points all over it."""

import numpy as np
from numpy.typing import NDArray

CELLS = 8  # along each side of the photo


def covered_share(
    points: NDArray[np.float32], keypoints: NDArray[np.float32], size: tuple[int, int]
) -> float:
    """The share in [0, 1] of the photo's textured cells in which a point was found; 0 without any.

    Args:
        points: (K, 2), x and y in pixels of the photo: what was found.
        keypoints: (N, 2), all that could have been found; they show where there is texture.
        size: Width and height of the photo, pixels.
    """
    textured = _cells(keypoints, size)
    return len(_cells(points, size) & textured) / len(textured) if textured else 0.0


def _cells(points: NDArray[np.float32], size: tuple[int, int]) -> set[tuple[int, int]]:
    indices = (points / np.array(size, dtype=np.float32) * CELLS).clip(0, CELLS - 1).astype(int)
    return {(int(column), int(row)) for column, row in indices}
