"""BUPM itself, with any checkpoint: what ``placeproof verify`` says of one panorama."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.evaluation.method import Answer, Features, Method
from placeproof.evaluation.methods.dense import (
    DenseFeatures,
    about_weights,
    feature_map,
    method_name,
    picture_size,
)
from placeproof.geometry import WrappedBox
from placeproof.patches import PatchGrid
from placeproof.weights_store import SHIPPED_FILE


class Bupm(Method):
    """Bottom-up pattern matching.

    The score is the calibrated logit, since probabilities near 0 and 1 are all the same number in
    single precision. Probability and yaw are those of
    :meth:`placeproof.inference.Inference.compare`; the masks are its masks on patches, and the
    box is its box, rounded to whole patches.

    Args:
        weights: A checkpoint; the one that ships by default.

    Raises:
        WeightsError: If the checkpoint cannot be loaded.
    """

    source = (
        "Cheng, Wu, AbdAlmageed, Natarajan: Image-to-GPS Verification Through a Bottom-Up Pattern "
        "Matching Network, ACCV 2018"
    )

    def __init__(self, weights: Path = SHIPPED_FILE) -> None:
        self._dense = DenseFeatures.of_checkpoint(weights)
        card = self._dense.card
        self.name = method_name("bupm", weights, card)
        self.title = self.name.replace("bupm", "BUPM", 1)
        self.weights = f"placeproof's own, not the authors': {about_weights(weights, card)}"
        self.features_key = self._dense.key

    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """See :meth:`DenseFeatures.features`."""
        return self._dense.features(pixels, panorama=panorama)

    @torch.inference_mode()
    def compare(self, query: Features, reference: Features, *, panorama: bool) -> Answer:
        """Masks, decision, box and yaw of a pair."""
        inference = self._dense.inference
        found = inference.compare(
            feature_map(query),
            picture_size(query),
            feature_map(reference),
            picture_size(reference),
            panorama=panorama,
        )
        box = found.box
        return Answer(
            score=found.logit,
            probability=found.probability,
            query_mask=found.query_mask.patches.numpy(),
            reference_mask=found.reference_mask.patches.numpy(),
            box=None if box is None else box_on_patches(box, found.reference_mask.grid),
            yaw=found.yaw,
        )


def box_on_patches(box: WrappedBox, grid: PatchGrid) -> WrappedBox:
    """A box in pixels of a picture, in its patches: each edge goes to the nearest patch's edge.

    It keeps at least one patch.
    """
    width, height = grid.picture_size
    left, right = (round(x * grid.columns / width) for x in (box.left, box.left + box.width))
    top, bottom = (round(y * grid.rows / height) for y in (box.top, box.top + box.height))
    # A box narrower than half a patch may lie at a single edge, even the picture's last.
    if grid.wraps:
        left, right = left % round(grid.columns), left % round(grid.columns) + right - left
    else:
        left = min(left, max(round(grid.columns) - 1, 0))
    top = min(top, max(round(grid.rows) - 1, 0))
    return WrappedBox(left, top, max(right - left, 1), max(bottom - top, 1))
