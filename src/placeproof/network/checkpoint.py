"""Weights on disk: one safetensors file with the whole network and its model card."""

import dataclasses
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from placeproof.errors import WeightsError, WeightsMismatchError
from placeproof.network.bupm import Bupm
from placeproof.sealed import hash_tensors, read_weights, write_sealed

FORMAT = "placeproof-checkpoint/1"
MAX_SIZE = 2**13  # of a projection, its hidden units and a background; 256 MiB for two of them


@dataclass(frozen=True, slots=True)
class Operation:
    """How a trained network is fed and read; it belongs to the weights.

    Attributes:
        panorama_width: Panoramas are scaled to this many pixels across and half as many down.
        photo_side: Photos are scaled so that their longer side has this many pixels. At the
            usual 60 to 75 degrees along it, a degree then spans as many pixels as in the
            panorama, so that the same wall gives the same features in both.
        temperature: Divides the logit before the sigmoid (calibration).
        consistent_from: Probability from which a pair counts as the same place.
        inconsistent_to: Probability up to which a pair counts as different places.
        least_variety: A photo of less variety (:meth:`placeproof.inference.Inference.variety`)
            says nothing about any place.
        false_rate: The share of development photos that reached ``consistent_from`` with any
            panorama of another place that they were compared with.
        miss_rate: The share of development pairs of one place, with parallax, that stayed at
            ``inconsistent_to`` or below.

    Raises:
        ValueError: If a size or the temperature is not above 0, or the thresholds are no
            probabilities in their order.
    """

    panorama_width: int
    photo_side: int
    temperature: float
    consistent_from: float
    inconsistent_to: float
    least_variety: float
    false_rate: float
    miss_rate: float

    def __post_init__(self) -> None:
        if not (self.panorama_width > 0 and self.photo_side > 0 and self.temperature > 0):
            raise ValueError("a size or the temperature is not above 0")
        if not 0 <= self.inconsistent_to <= self.consistent_from <= 1:
            raise ValueError("the thresholds are no probabilities in their order")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a checkpoint is and where it comes from.

    Attributes:
        name: Name of the weights.
        extractor: Name of the feature extractor.
        projection: Channels of the map behind it, or None.
        hidden: Hidden units of that map, or None for a linear one.
        background: How many background patches a match has to beat, or None.
        operation: How the network is fed and read.
        training_data: The data sets it was trained on, with their licences.
        metrics: What was measured, on which data: ``{"data set: metric": value}``.
        attribution: Whose work the weights build on, and under which licences.
        created: ISO 8601 date.
        seed: Seed of the training.

    Raises:
        ValueError: If what it says is of no possible network.
    """

    name: str
    extractor: str
    projection: int | None
    hidden: int | None
    background: int | None
    operation: Operation
    training_data: str
    metrics: dict[str, float]
    attribution: str
    created: str
    seed: int

    def __post_init__(self) -> None:
        if not isinstance(self.extractor, str):
            raise ValueError("the extractor's name is no text")
        for name in ("projection", "hidden", "background"):
            size = getattr(self, name)
            if size is not None and not (isinstance(size, int) and 0 < size <= MAX_SIZE):
                raise ValueError(f"{name} = {size} is impossible")
        if self.hidden is not None and self.projection is None:
            raise ValueError("there are hidden units, but no projection")

    def network(self) -> Bupm:
        """The network that the card describes, with random weights."""
        return Bupm(self.extractor, self.projection, self.hidden, self.background)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded network.

    Attributes:
        network: In evaluation mode, single precision.
        card: Its model card.
        sha256: Hash of the file, lower-case hex.
        features_sha256: Hash of the tensors that features depend on, for their cache.
    """

    network: Bupm = field(repr=False)
    card: ModelCard
    sha256: str
    features_sha256: str


def save_checkpoint(network: Bupm, card: ModelCard, path: Path) -> None:
    """Writes a network in half precision with its card, atomically.

    Raises:
        StorageError: If the file cannot be written.
        WeightsError: If a weight is no number, or beyond half precision.
    """
    tensors = {
        name: t.half() if t.is_floating_point() else t for name, t in network.state_dict().items()
    }
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise WeightsError(f"half precision cannot hold the weights '{name}'")
    write_sealed(path, FORMAT, dataclasses.asdict(card), tensors)


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint that :func:`save_checkpoint` wrote. Never runs code from the file.

    Raises:
        WeightsError: If the file is missing, damaged, or no checkpoint of placeproof's.
        WeightsMismatchError: If the tensors are not those of the network that the card names.
    """
    (content, tensors), data = read_weights(path, FORMAT, "checkpoint of placeproof")
    try:
        card = ModelCard(**{**content, "operation": Operation(**content["operation"])})
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"'{path}' has no valid model card") from error
    network = card.network()
    _load_tensors(network, tensors, card.extractor, path)
    of_features = {n: t for n, t in tensors.items() if n.startswith(("extractor.", "projection."))}
    return Checkpoint(
        network.eval(), card, hashlib.sha256(data).hexdigest(), hash_tensors(of_features)
    )


def _load_tensors(network: Bupm, tensors: dict[str, Tensor], extractor: str, path: Path) -> None:
    """Copies tensors into a network of the same shape, in its own precision."""
    expected = {name: tuple(t.shape) for name, t in network.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    wrong = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
    if wrong:
        raise WeightsMismatchError(
            f"'{path}' does not fit extractor '{extractor}': {len(wrong)} of "
            f"{len(expected)} tensors differ, first '{wrong[0]}'"
        )
    network.load_state_dict(tensors)
