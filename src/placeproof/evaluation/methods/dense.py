"""Dense features of pictures, for all methods that compare patches. This is no method."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from placeproof.evaluation.method import Features
from placeproof.files import file_sha256
from placeproof.inference import Inference
from placeproof.network.checkpoint import Checkpoint, ModelCard, load_checkpoint
from placeproof.sealed import hash_tensors
from placeproof.weights_store import SHIPPED_FILE

VERSION = 1  # raise it when the same weights and picture give other features
IMAGENET = (
    "EfficientNet-Lite2 as published for ImageNet-1k by the TensorFlow TPU authors (Apache-2.0), "
    "rounded to half precision and frozen; maps of strides 16 and 32, each patch at unit length"
)


class DenseFeatures:
    """Pictures through a checkpoint's extractor, at the sizes that the checkpoint asks for.

    A panorama's features are in half precision, as :class:`placeproof.verify.Verifier` caches
    them; a photo's are in single precision, as there. So a benchmark computes with the numbers
    that the product computes with.

    Args:
        checkpoint: The network; only its extractor and its projection are used.
        weights_sha256: Of what features depend on.

    Attributes:
        inference: The network, as the product runs it.
        card: The checkpoint's.
        key: All that features depend on beside the picture.
    """

    def __init__(self, checkpoint: Checkpoint, weights_sha256: str) -> None:
        self.inference = Inference(checkpoint)
        self.card = checkpoint.card
        operation = checkpoint.card.operation
        self.key = (
            f"dense/{VERSION} {checkpoint.card.extractor} {weights_sha256} "
            f"{operation.panorama_width} {operation.photo_side}"
        )

    @classmethod
    def of_checkpoint(cls, path: Path) -> "DenseFeatures":
        """Features that a checkpoint's network matches: those behind its projection, if it has one.

        Raises:
            WeightsError: If the checkpoint cannot be loaded.
        """
        checkpoint = load_checkpoint(path)
        return cls(checkpoint, checkpoint.features_sha256)

    @classmethod
    def of_imagenet(cls) -> "DenseFeatures":
        """Features of the plain ImageNet extractor, without any projection.

        Its weights are taken from the checkpoint that ships, whose training left them alone.
        """
        checkpoint = load_checkpoint(SHIPPED_FILE)
        checkpoint.network.projection = nn.Identity()
        return cls(checkpoint, hash_tensors(checkpoint.network.extractor.state_dict()))

    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """Features of a picture (H, W, 3).

        Returns:
            ``map``: (C, h, w), float16 of a panorama and float32 of a photo; ``size``: (2,) int64,
            the picture's own width and height.
        """
        size = (pixels.shape[1], pixels.shape[0])
        seen = self.inference.panorama_size if panorama else self.inference.photo_size(*size)
        found = self.inference.features(pixels, seen, wraps=panorama)
        half = found.half()
        # What is beyond half precision is not rounded, as in the product's cache.
        kept = half if panorama and bool(half.isfinite().all()) else found
        # Laid out as what comes back from a store: sums of another order differ in the last bits.
        return {"map": kept.contiguous().numpy(), "size": np.array(size, dtype=np.int64)}


def feature_map(features: Features) -> Tensor:
    """The features (C, h, w) of :meth:`DenseFeatures.features`, in their own precision."""
    values: NDArray[Any] = features["map"]
    return torch.from_numpy(values)


def picture_size(features: Features) -> tuple[int, int]:
    """Width and height of the picture that features are of, in its own pixels."""
    width, height = features["size"].tolist()
    return width, height


def method_name(name: str, path: Path, card: ModelCard) -> str:
    """``name`` for the checkpoint that ships, and ``name-CARD`` for any other."""
    if path == SHIPPED_FILE:
        return name
    letters = (c if c.isascii() and c.isalnum() else "-" for c in card.name.lower())
    return f"{name}-{''.join(letters)}"


def about_weights(path: Path, card: ModelCard) -> str:
    """Which checkpoint it is, in words for a report; other weights have other words."""
    where = "ships with placeproof" if path == SHIPPED_FILE else path.name
    return f"{card.name} ({where}, SHA-256 {file_sha256(path)[:12]})"
