"""What the baselines run on here where their published weights are not given.

The extractor is EfficientNet-Lite2 with ImageNet weights, which is part of the checkpoint that
ships. What a baseline has learned on top of its own extractor cannot be had offline; what such a
layer needs at least, a vocabulary and principal components, was fitted to streets that placeproof
renders (``tools/fit_stand_ins.py``) and ships beside this file. No baseline so made is the
published model, and each says so in its name and in ``weights``.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from placeproof.errors import WeightsMismatchError
from placeproof.network.checkpoint import load_checkpoint
from placeproof.network.features import FeatureExtractor
from placeproof.sealed import hash_tensors, read_weights
from placeproof.weights_store import SHIPPED_FILE

FORMAT = "placeproof-stand-ins/1"
FILE = Path(__file__).with_name("stand_ins.safetensors")
ABOUT = (
    "NOT the published weights. EfficientNet-Lite2 with ImageNet weights (as shipped with "
    "placeproof) in place of the authors' network"
)


@dataclass(frozen=True, slots=True, eq=False)
class StandIns:
    """What was fitted to rendered streets.

    Attributes:
        centres: (64, C) cluster centres of the extractor's features at unit length.
        sharpness: Factor of the soft assignment to them.
        mean: (c,) mean of the finest feature map's patches at unit length.
        components: (40, c) their principal components, the strongest first.
    """

    centres: Tensor
    sharpness: float
    mean: Tensor
    components: Tensor


@cache
def extractor() -> FeatureExtractor:
    """The shipped checkpoint's extractor."""
    return load_checkpoint(SHIPPED_FILE).network.extractor.requires_grad_(False)


def extractor_key() -> str:
    """By which features of other extractors are told apart."""
    return hash_tensors(extractor().state_dict())[:16]


@cache
def stand_ins() -> StandIns:
    """The shipped numbers.

    Raises:
        WeightsError: If the file is missing or damaged.
        WeightsMismatchError: If it was fitted to another extractor.
    """
    (content, tensors), _ = read_weights(FILE, FORMAT, "file of stand-ins")
    if content["extractor"] != extractor_key():
        raise WeightsMismatchError(
            f"'{FILE}' was fitted to another extractor; run: python tools/fit_stand_ins.py"
        )
    numbers = {name: tensor.float() for name, tensor in tensors.items()}
    return StandIns(
        numbers["centres"], content["sharpness"], numbers["mean"], numbers["components"]
    )


@torch.inference_mode()
def raw_maps(batch: Tensor) -> list[Tensor]:
    """The extractor's own feature maps, finest first, as ReLU-free activations of any length.

    Args:
        batch: (B, 3, H, W) sRGB in [0, 1]; H and W are multiples of 32.

    Returns:
        (B, 120, H / 16, W / 16) and (B, 352, H / 32, W / 32).
    """
    model = extractor()
    maps: list[Tensor] = model.backbone((batch - model.mean) / model.std)
    return maps
