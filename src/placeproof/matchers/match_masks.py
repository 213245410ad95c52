"""Matched points as masks on coarse grids: how certain it is that a part of a picture was found.

Each point counts for its surroundings, with a Gaussian weight. The mask is 1 - exp(-sum of
weights): 0.63 at a lone point, above 0.5 up to 0.86 standard deviations from it, and further
where there are several.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.geometry import angles_from_pixel, direction_from_angles

PANORAMA_GRID = (72, 36)  # columns and rows: cells of 5 degrees
PHOTO_CELLS = 24  # along the longer side of a photo
_PANORAMA_REACH = np.radians(6.0)  # standard deviation of the weight
_PHOTO_REACH = 0.08  # of the longer side; about 6 degrees, too


def panorama_mask(directions: NDArray[np.float64]) -> NDArray[np.float32]:
    """The mask of points in a panorama.

    Args:
        directions: (K, 3) unit vectors; there may be none.

    Returns:
        (36, 72) in [0, 1].
    """
    columns, rows = PANORAMA_GRID
    y, x = torch.meshgrid(
        torch.arange(rows, dtype=torch.float64) + 0.5,
        torch.arange(columns, dtype=torch.float64) + 0.5,
        indexing="ij",
    )
    cells = direction_from_angles(*angles_from_pixel(x, y, columns, rows)).numpy()
    apart = np.arccos((cells @ directions.T).clip(-1, 1))
    return _certainty(apart / _PANORAMA_REACH)


def photo_mask(points: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """The mask of points in a plain picture.

    Args:
        points: (K, 2), x and y in its pixels; there may be none.
        width: Of the picture, pixels.
        height: Of the picture, pixels.

    Returns:
        (h, w) in [0, 1], of about square cells, 24 along the longer side.
    """
    longer = max(width, height)
    columns, rows = (max(1, round(side * PHOTO_CELLS / longer)) for side in (width, height))
    y, x = np.meshgrid(
        (np.arange(rows) + 0.5) / rows * height,
        (np.arange(columns) + 0.5) / columns * width,
        indexing="ij",
    )
    apart = np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1])
    return _certainty(apart / longer / _PHOTO_REACH)


def _certainty(apart: NDArray[np.float64]) -> NDArray[np.float32]:
    """From distances (h, w, K) in standard deviations to a mask (h, w)."""
    mask: NDArray[np.float32] = -np.expm1(-np.exp(-0.5 * apart**2).sum(axis=-1))
    return mask.astype(np.float32)
