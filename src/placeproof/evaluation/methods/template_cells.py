"""Pictures as grids of cells for template matching: of colours, or of deep features.

A template matcher slides a template of one size, so the query has to be at the reference's scale.
Nobody states a photo's field of view; here every photo covers 72 degrees along its longer side,
which is the scale at which BUPM's weights that ship see it (384 of 1664 pixels). To try several
fields of view and take the best window of any is worse: the smaller a template, the better its
best window by chance.

A cell is 5 degrees wide: a panorama has 72 x 36 and a photo of 4:3 has 17 x 13, few enough to look
at every window in a fraction of a second. A template is a photo as it is: that straight lines are
curves in a panorama is left to the measures, which are made for deformation.
"""

import math
from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from placeproof.evaluation.method import Features
from placeproof.evaluation.methods.dense import IMAGENET, DenseFeatures, feature_map, picture_size

Cells = NDArray[np.float32]  # (rows, columns, channels)

PANORAMA_GRID = (36, 72)  # rows and columns of cells
FIELD_OF_VIEW = 72.0  # degrees along the longer side of a photo
PATCH = 3  # pixels along each side of a cell of colours (both papers)
LEAST_DEVIATION = 1e-6  # of a channel over the template; one that varies less counts as constant

_FOCAL = PANORAMA_GRID[1] / (2 * math.pi)  # in cells
# So that a degree in a photo's middle spans as many cells as in the panorama.
LONGER_SIDE = round(2 * _FOCAL * math.tan(math.radians(FIELD_OF_VIEW) / 2))


def photo_grid(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of cells in a photo of the given size in pixels."""
    scale = LONGER_SIDE / max(width, height)
    return max(1, round(height * scale)), max(1, round(width * scale))


class Appearance(ABC):
    """What cells look like.

    Attributes:
        key: All that its features depend on beside the picture.
        weights: Which weights it takes, in words for a report.
    """

    key: str
    weights: str

    @abstractmethod
    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """What is kept of a picture (H, W, 3)."""

    @abstractmethod
    def cells(self, query: Features, reference: Features, *, panorama: bool) -> tuple[Cells, Cells]:
        """The cells of a pair: (h, w, C) of the query and (H, W, C) of the reference.

        Squared Euclidean distances between them say how unlike they are.
        """


class Colour(Appearance):
    """The pixels of a 3 x 3 patch, side by side: RGB in [0, 1] (both papers)."""

    key = f"colour-cells/1 {PANORAMA_GRID} {LONGER_SIDE} {PATCH}"
    weights = "none: pixels as they are"

    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """``cells``: (rows, columns, 27) uint8 of a picture scaled to 3 x 3 pixels a cell."""
        height, width = pixels.shape[:2]
        rows, columns = PANORAMA_GRID if panorama else photo_grid(width, height)
        size = (columns * PATCH, rows * PATCH)
        # Each pixel is the mean of those below it: nothing beyond a panorama's seam is missed.
        scaled = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
        patches = scaled.reshape(rows, PATCH, columns, PATCH, 3).swapaxes(1, 2)
        return {"cells": patches.reshape(rows, columns, PATCH * PATCH * 3)}

    def cells(self, query: Features, reference: Features, *, panorama: bool) -> tuple[Cells, Cells]:
        """See :class:`Appearance`."""
        del panorama
        first, second = (
            features["cells"].astype(np.float32) / np.float32(255)
            for features in (query, reference)
        )
        return first, second


class Deep(Appearance):
    """ImageNet features, whose channels are standardised and whose vectors have unit length.

    Mean and deviation are the template's, as in the code that Talmi et al. published. So the
    squared distance of two cells is 2 less twice their cosine similarity.
    """

    weights = f"not the VGG-19 of the papers' deep features: {IMAGENET}"

    def __init__(self) -> None:
        self._dense = DenseFeatures.of_imagenet()
        self.key = self._dense.key

    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """See :meth:`DenseFeatures.features`: patches are averaged into cells only in pairs."""
        return self._dense.features(pixels, panorama=panorama)

    def cells(self, query: Features, reference: Features, *, panorama: bool) -> tuple[Cells, Cells]:
        """See :class:`Appearance`."""
        grid = PANORAMA_GRID if panorama else photo_grid(*picture_size(reference))
        return standardised(
            F.adaptive_avg_pool2d(feature_map(query).float(), photo_grid(*picture_size(query))),
            F.adaptive_avg_pool2d(feature_map(reference).float(), grid),
        )


def standardised(template: Tensor, reference: Tensor) -> tuple[Cells, Cells]:
    """Features (C, rows, columns) of both by the template's mean and deviation, at unit length.

    Returns:
        Both as (rows, columns, C).
    """
    deviation, mean = torch.std_mean(template, dim=(1, 2), correction=0, keepdim=True)
    scale = torch.where(deviation > LEAST_DEVIATION, deviation, 1.0)
    first, second = (
        F.normalize((features - mean) / scale, dim=0).permute(1, 2, 0).numpy()
        for features in (template, reference)
    )
    return first, second
