"""Mean of max cosine: how similar each patch of the query is to its best match, on the average."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.evaluation.method import Answer, Features, Method
from placeproof.evaluation.methods.dense import (
    IMAGENET,
    DenseFeatures,
    about_weights,
    feature_map,
    method_name,
)
from placeproof.network.matching import match
from placeproof.weights_store import SHIPPED_FILE


class _MeanMaxCosine(Method):
    """The mean of B_Q (paper, Eq. 3) over the query's patches, in [-1, 1]. It does not localize.

    Args:
        dense: Where features come from.
    """

    source = (
        "The best matches of Cheng, Wu, AbdAlmageed, Natarajan: Image-to-GPS Verification Through "
        "a Bottom-Up Pattern Matching Network, ACCV 2018, Eq. 1 and 3, without all that is "
        "learned behind them"
    )

    def __init__(self, dense: DenseFeatures) -> None:
        self._dense = dense
        self.features_key = dense.key

    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """See :meth:`DenseFeatures.features`."""
        return self._dense.features(pixels, panorama=panorama)

    @torch.inference_mode()
    def compare(self, query: Features, reference: Features, *, panorama: bool) -> Answer:
        """The mean best cosine similarity; that a panorama's edges touch makes no difference."""
        del panorama
        found = match(feature_map(reference).float(), feature_map(query))
        return Answer(score=float(found.query.mean()))


class MeanMaxCosine(_MeanMaxCosine):
    """On a checkpoint's features: behind its projection, and without its background.

    Args:
        weights: A checkpoint; the one that ships by default.

    Raises:
        WeightsError: If the checkpoint cannot be loaded.
    """

    def __init__(self, weights: Path = SHIPPED_FILE) -> None:
        super().__init__(DenseFeatures.of_checkpoint(weights))
        card = self._dense.card
        self.name = method_name("mean-max-cosine", weights, card)
        self.title = self.name.replace("mean-max-cosine", "Mean max cosine", 1)
        self.weights = f"extractor and projection of {about_weights(weights, card)}"


class MeanMaxCosineImagenet(_MeanMaxCosine):
    """On the plain ImageNet extractor's features: nothing was learned from street scenes."""

    name = "mean-max-cosine-imagenet"
    title = "Mean max cosine, ImageNet"
    weights = IMAGENET

    def __init__(self) -> None:
        super().__init__(DenseFeatures.of_imagenet())
