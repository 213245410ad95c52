"""Global descriptors: one vector a picture, pooled from its patches, compared by their cosine."""

from abc import abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from placeproof.evaluation.method import Answer, Features, Method
from placeproof.evaluation.methods.dense import IMAGENET, DenseFeatures, feature_map

GEM_POWER = 3.0  # p, where Radenović et al. begin to learn it
GEM_FLOOR = 1e-6  # smaller features are raised to it, as there


def generalized_mean(features: Tensor) -> Tensor:
    """GeM pooling: the p-th root of the mean p-th power of each channel.

    ``f_k = (mean over x of max(x, floor)^p)^(1/p)`` (Radenović et al., Eq. 3), p = 3.

    Args:
        features: (C, h, w) float.

    Returns:
        (C,), at least ``GEM_FLOOR``.
    """
    powers = features.clamp_min(GEM_FLOOR).pow(GEM_POWER)
    return powers.mean(dim=(1, 2)).pow(1 / GEM_POWER)


class _GlobalPooling(Method):
    """The cosine similarity of two pictures' pooled features, in [-1, 1]. It does not localize.

    The features are those that other methods keep of the same picture, so they are pooled anew
    for every pair: that takes milliseconds, and a second extraction would take far longer.
    """

    def __init__(self) -> None:
        self._dense = DenseFeatures.of_imagenet()
        self.features_key = self._dense.key

    @abstractmethod
    def pool(self, features: Tensor) -> Tensor:
        """The descriptor (C,) of features (C, h, w) float32."""

    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """See :meth:`DenseFeatures.features`."""
        return self._dense.features(pixels, panorama=panorama)

    @torch.inference_mode()
    def compare(self, query: Features, reference: Features, *, panorama: bool) -> Answer:
        """The descriptors' cosine; where a panorama begins makes no difference to its mean."""
        del panorama
        first, second = (self.pool(feature_map(f).float()) for f in (query, reference))
        return Answer(score=float(F.cosine_similarity(first, second, dim=0)))


class GapCosine(_GlobalPooling):
    """Global average pooling."""

    name = "gap-cosine"
    title = "Global average pooling"
    source = (
        "Babenko, Lempitsky: Aggregating Deep Convolutional Features for Image Retrieval, ICCV 2015"
    )
    weights = f"{IMAGENET}; neither the centring prior nor the whitening of the paper"

    def pool(self, features: Tensor) -> Tensor:
        """The mean of all patches."""
        return features.mean(dim=(1, 2))


class Gem(_GlobalPooling):
    """Generalized-mean pooling with p = 3."""

    name = "gem"
    title = "GeM"
    source = (
        "Radenović, Tolias, Chum: Fine-Tuning CNN Image Retrieval with No Human Annotation, "
        "TPAMI 2018"
    )
    weights = (
        "Not the published ones: the layer, p = 3, on the ImageNet extractor at hand, without "
        f"fine-tuning for retrieval and without learned whitening. {IMAGENET}. These features are "
        "of both signs, and GeM looks at the positive ones only"
    )

    def pool(self, features: Tensor) -> Tensor:
        """See :func:`generalized_mean`."""
        return generalized_mean(features)
