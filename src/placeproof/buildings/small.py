"""The building detector that ships: a few convolutions on the features of the default extractor.

Features that were computed for matching serve it as well, so that a panorama costs next to
nothing more. ``tools/train_building_detector.py`` makes its weights.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from placeproof.errors import WeightsError, WeightsMismatchError
from placeproof.network.features import FeatureExtractor
from placeproof.patches import Mask, PatchGrid, as_batch, scaled_size
from placeproof.sealed import hash_tensors, read_weights, write_sealed
from placeproof.weights_store import SHIPPED_FILE

FORMAT = "placeproof-buildings/1"
NAME = "buildings-lite2"
HEAD_FILE = SHIPPED_FILE.with_name(f"{NAME}.safetensors")
HIDDEN = 64  # channels of the head
FINENESS = 4  # cells of the answer along a side of a patch


@dataclass(frozen=True, slots=True)
class BuildingCard:
    """What a building detector's weights are and where they come from.

    Attributes:
        name: Name of the weights.
        extractor: Name of the feature extractor.
        extractor_sha256: :func:`extractor_hash` of the extractor that it was trained on.
        channels: Length of the extractor's features.
        panorama_width: Panoramas are scaled to this many pixels across and half as many down.
        photo_side: Photos are scaled so that their longer side has this many pixels.
        training_data: The data sets it was trained on, with their licences.
        metrics: What was measured, on which data: ``{"data set: metric": value}``.
        attribution: Whose work the weights build on.
        created: ISO 8601 date.
        seed: Seed of the training.

    Raises:
        ValueError: If a size is not above 0.
    """

    name: str
    extractor: str
    extractor_sha256: str
    channels: int
    panorama_width: int
    photo_side: int
    training_data: str
    metrics: dict[str, float]
    attribution: str
    created: str
    seed: int

    def __post_init__(self) -> None:
        if not min(self.channels, self.panorama_width, self.photo_side) > 0:
            raise ValueError("a size is not above 0")


class BuildingHead(nn.Module):
    """Features of patches to the logit of "here is a building".

    Args:
        channels: Length of a feature vector.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1))  # of the training's features
        self.register_buffer("std", torch.ones(channels, 1, 1))
        self.reduce = nn.Conv2d(channels, HIDDEN, 1)
        self.look_around = nn.Conv2d(HIDDEN, HIDDEN, 3)
        self.decide = nn.Conv2d(HIDDEN, 1, 1)
        self.dropout = nn.Dropout2d(0.3)

    def forward(self, features: Tensor, *, wraps: bool) -> Tensor:
        """Logits (B, h, w) of features (B, channels, h, w); ``wraps``: of panoramas."""
        x = self.dropout((features - self.mean) / self.std)
        x = self.reduce(x).relu()
        x = F.pad(x, (1, 1, 0, 0), mode="circular" if wraps else "replicate")
        x = F.pad(x, (0, 0, 1, 1), mode="replicate")
        x = self.look_around(x).relu()
        logits: Tensor = self.decide(self.dropout(x))[:, 0]
        return logits


class SmallBuildingDetector:
    """A trained head and the extractor that it was trained on; a ``BuildingDetector``.

    Args:
        extractor: Of a loaded checkpoint.
        head: In evaluation mode.
        card: What the head is.

    Attributes:
        name: Name of the head, and which weights of that name it has.

    Raises:
        WeightsMismatchError: If the head was trained on another extractor's features.
    """

    def __init__(self, extractor: FeatureExtractor, head: BuildingHead, card: BuildingCard) -> None:
        if extractor_hash(extractor) != card.extractor_sha256:
            raise WeightsMismatchError(
                f"'{card.name}' finds buildings in the features of '{card.extractor}' as it was "
                "when they were trained, and this is another extractor; train them anew with "
                "tools/train_building_detector.py"
            )
        self.name = f"{card.name}-{hash_tensors(_rounded(head))[:12]}"
        self._extractor, self._head, self._card = extractor, head, card

    @torch.inference_mode()
    def __call__(self, pixels: NDArray[np.uint8], *, wraps: bool = False) -> NDArray[np.float32]:
        """See :class:`placeproof.buildings.detector.BuildingDetector`."""
        height, width = pixels.shape[:2]
        size = self.input_size(width, height, wraps=wraps)
        batch = as_batch(pixels, size)
        return self.from_features(self._extractor(batch, wraps=wraps)[0], size, wraps=wraps)

    def input_size(self, width: int, height: int, *, wraps: bool) -> tuple[int, int]:
        """Width and height at which the extractor sees a picture of the given size."""
        if wraps:
            return self._card.panorama_width, self._card.panorama_width // 2
        return scaled_size((width, height), self._card.photo_side, self._extractor.stride)

    @torch.inference_mode()
    def from_features(
        self, features: Tensor, size: tuple[int, int], *, wraps: bool
    ) -> NDArray[np.float32]:
        """The same, of features that are there already.

        Args:
            features: (C, rows, columns), any float type: what the extractor, without the
                projection behind it, makes of a picture.
            size: Width and height of the picture as the extractor saw it.
            wraps: Whether it is a panorama.

        Returns:
            Building probability (h, w), ``FINENESS`` cells a patch.
        """
        logits = self._head(features.float()[None], wraps=wraps)[0]
        stride = self._extractor.stride
        cells = tuple(max(1, round(side * FINENESS / stride)) for side in size)
        grid = PatchGrid(stride, size, (cells[0], cells[1]), wraps=wraps)
        finer = torch.from_numpy(Mask(logits, grid).pixels())
        probability: NDArray[np.float32] = finer.sigmoid().numpy()
        return probability


def load_small_detector(
    extractor: FeatureExtractor, path: Path = HEAD_FILE
) -> SmallBuildingDetector:
    """The detector that ships, or another head's.

    Args:
        extractor: Of a loaded checkpoint: of ``SHIPPED_FILE``, for the head that ships.
        path: The head's weights.

    Raises:
        WeightsError: If the file is missing, damaged, or holds no building detector.
        WeightsMismatchError: If the head was trained on another extractor's features.
    """
    return SmallBuildingDetector(extractor, *load_head(path))


def extractor_hash(extractor: FeatureExtractor) -> str:
    """Tells extractors with different weights apart, lower-case hex.

    In half precision, as checkpoints hold them: weights that were rounded for one, and those
    from which it was made, are the same.
    """
    return hash_tensors(_rounded(extractor))


def save_head(head: BuildingHead, card: BuildingCard, path: Path) -> None:
    """Writes a head in half precision with its card, atomically.

    Raises:
        StorageError: If the file cannot be written.
    """
    tensors = _rounded(head)
    write_sealed(path, FORMAT, dataclasses.asdict(card), tensors)


def load_head(path: Path) -> tuple[BuildingHead, BuildingCard]:
    """Reads what :func:`save_head` wrote; the head is in evaluation mode, single precision.

    Raises:
        WeightsError: If the file is missing, damaged, or holds no building detector.
        WeightsMismatchError: If its tensors are not those of a head.
    """
    (content, tensors), _ = read_weights(path, FORMAT, "building detector")
    try:
        card = BuildingCard(**content)
        head = BuildingHead(card.channels)
    except (ValueError, TypeError) as error:
        raise WeightsError(f"'{path}' has no valid card") from error
    try:
        head.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsMismatchError(f"'{path}' does not hold the tensors of a head") from error
    return head.eval().requires_grad_(False), card


def _rounded(module: nn.Module) -> dict[str, Tensor]:
    return {
        name: (t.half() if t.is_floating_point() else t).cpu().contiguous()
        for name, t in module.state_dict().items()
    }
