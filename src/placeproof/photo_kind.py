"""Whether a photo shows an outdoor scene at all. A room, or a screenshot, matches no panorama.

Of such a photo, a mismatch says nothing. What it shows is read from the features that the first
look has computed anyway, from their mean over all patches: by a linear classifier, and by how far
it lies from all street pictures, which catches what the classifier was never shown.
``tools/fit_photo_kind.py`` makes the weights.
"""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from placeproof.buildings.small import extractor_hash
from placeproof.errors import WeightsError, WeightsMismatchError
from placeproof.network.features import FeatureExtractor
from placeproof.sealed import read_weights, write_sealed
from placeproof.weights_store import SHIPPED_FILE

FORMAT = "placeproof-photo-kind/1"
NAME = "photo-kind-lite2"
HEAD_FILE = SHIPPED_FILE.with_name(f"{NAME}.safetensors")
SCENE = "an outdoor scene"  # the first kind of every head


@dataclass(frozen=True, slots=True)
class PhotoKind:
    """What a photo shows, as far as it matters.

    Attributes:
        judgeable: Whether it may show an outdoor scene. Where it does not, a mismatch is no
            evidence against a claim.
        probability: That it shows one and none of the other kinds, in [0, 1], if as many photos
            do as do not.
        strangeness: How far it is from street pictures, 0 or more; about 1 for a usual one.
        looks_like: What it shows instead, in words such as "an indoor scene"; None where it is
            judgeable, and where that is too uncertain to be said.
    """

    judgeable: bool
    probability: float
    strangeness: float
    looks_like: str | None


@dataclass(frozen=True, slots=True)
class KindCard:
    """What the weights of a :class:`PhotoKindHead` are and where they come from.

    Attributes:
        name: Name of the weights.
        extractor_sha256: :func:`placeproof.buildings.small.extractor_hash` of the extractor whose
            features it was fitted to.
        channels: Length of these features.
        kinds: What it tells apart: ``SCENE``, then the others, in words.
        judgeable_from: Probability of ``SCENE`` from which a photo is judgeable,
        strange_from: unless it is stranger than this.
        named_from: Probability, among the other kinds, from which the likeliest is named.
        false_rate: Share of photos of outdoor scenes, of places it was not fitted to, that it
            does not take for judgeable, at most, in each set of photos.
        training_data: The data sets it was fitted to, with their licences.
        metrics: What was measured, on which data: ``{"data set: metric": value}``.
        attribution: Whose work the weights build on.
        created: ISO 8601 date.
        seed: Seed of the examples.

    Raises:
        ValueError: If it describes no possible head.
    """

    name: str
    extractor_sha256: str
    channels: int
    kinds: list[str]
    judgeable_from: float
    strange_from: float
    named_from: float
    false_rate: float
    training_data: str
    metrics: dict[str, float]
    attribution: str
    created: str
    seed: int

    def __post_init__(self) -> None:
        if not self.channels > 0 or self.kinds[:1] != [SCENE] or len(self.kinds) < 2:
            raise ValueError("there is nothing to tell apart")
        if not (0 <= self.judgeable_from <= 1 and 0 <= self.named_from <= 1):
            raise ValueError("a threshold is no probability")
        if not self.strange_from > 0:
            raise ValueError("every photo would be strange")


class HeadTensors(NamedTuple):
    """What a head computes with; float32 on disk.

    Attributes:
        weight: (kinds, C) and
        bias: (kinds,), of the linear classifier of pooled features.
        centre: (C,), the mean of street pictures' pooled features.
        axes: (K, C), the directions in which these vary most, each of a length below 1 that says
            how little a step in it counts, compared with one in any other direction.
        noise: (), standard deviation in every other direction.
    """

    weight: Tensor
    bias: Tensor
    centre: Tensor
    axes: Tensor
    noise: Tensor


class PhotoKindHead:
    """Judges photos by their features.

    Args:
        tensors: Fitted.
        card: What they are.

    Raises:
        WeightsMismatchError: If the tensors are not those that the card describes.
    """

    def __init__(self, tensors: HeadTensors, card: KindCard) -> None:
        kinds, channels, axes = len(card.kinds), card.channels, len(tensors.axes)
        expected = [(kinds, channels), (kinds,), (channels,), (axes, channels), ()]
        if [tuple(tensor.shape) for tensor in tensors] != expected:
            raise WeightsMismatchError(f"'{card.name}' does not have the tensors that it describes")
        self.tensors, self.card = tensors, card

    @torch.inference_mode()
    def __call__(self, features: Tensor) -> PhotoKind:
        """What a photo shows.

        Args:
            features: (C, h, w), any float type: what the extractor, without the projection behind
                it, makes of a photo. The head must fit the extractor: see :meth:`fits`.
        """
        mean = pooled(features)
        strange = strangeness(mean, self.tensors)
        probability = (self.tensors.weight @ mean + self.tensors.bias).softmax(dim=0)
        scene = float(probability[0])
        others = probability[1:] / probability[1:].sum()
        likeliest = int(others.argmax())
        looks_like = None
        if scene < self.card.judgeable_from and float(others[likeliest]) >= self.card.named_from:
            looks_like = self.card.kinds[1 + likeliest]
        return PhotoKind(
            judgeable=scene >= self.card.judgeable_from and strange <= self.card.strange_from,
            probability=scene,
            strangeness=strange,
            looks_like=looks_like,
        )

    def fits(self, extractor: FeatureExtractor) -> bool:
        """Whether it was fitted to this extractor's features; of others it can say nothing."""
        return extractor_hash(extractor) == self.card.extractor_sha256


def pooled(features: Tensor) -> Tensor:
    """The mean (C,) of the patches of features (C, h, w), each at unit length."""
    return F.normalize(features.float().flatten(1), dim=0).mean(dim=1)


def strangeness(mean: Tensor, tensors: HeadTensors) -> float:
    """How far pooled features (C,) are from those of street pictures, per channel.

    The Mahalanobis distance of a Gaussian with a few free directions (probabilistic PCA: Tipping
    and Bishop, 1999), over the square root of C.
    """
    away = mean - tensors.centre
    squared = away.square().sum() - (tensors.axes @ away).square().sum()
    return float(squared.clamp_min(0).sqrt() / tensors.noise) / math.sqrt(len(mean))


def save_kind_head(head: PhotoKindHead, path: Path) -> None:
    """Writes a head with its card, atomically.

    Raises:
        StorageError: If the file cannot be written.
    """
    write_sealed(path, FORMAT, dataclasses.asdict(head.card), head.tensors._asdict())


def load_kind_head(path: Path = HEAD_FILE) -> PhotoKindHead:
    """Reads what :func:`save_kind_head` wrote.

    Raises:
        WeightsError: If the file is missing, damaged, or holds no such head.
        WeightsMismatchError: If its tensors are not those that its card describes.
    """
    (content, tensors), _ = read_weights(path, FORMAT, "judge of photos")
    try:
        return PhotoKindHead(HeadTensors(**tensors), KindCard(**content))
    except (ValueError, TypeError) as error:
        raise WeightsError(f"'{path}' has no valid card") from error
