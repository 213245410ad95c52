"""Visual feature extraction (paper, section 3.2): a picture in, one feature a patch out.

Every extractor is a :class:`FeatureExtractor`. To add one, add a line to ``NAMED``; any other
backbone of ``timm`` already works by its timm name.
"""

from dataclasses import dataclass
from typing import Any

import timm
import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn
from torch.nn import functional as F

from placeproof.errors import WeightsError

WRAP_PIXELS = 128  # context taken from across a panorama's seam


@dataclass(frozen=True, slots=True)
class Backbone:
    """How an extractor is made of a ``timm`` model.

    Attributes:
        timm_name: Name of the architecture, with the tag of its weights where it has one.
        strides: Strides of the feature maps that are joined; the finest sets the grid.
        mean: Subtracted from each colour channel of pictures in [0, 1]; None: as timm says.
        std: Divides each colour channel after that; None: as timm says.
    """

    timm_name: str
    strides: tuple[int, ...] = (32,)
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


NAMED: dict[str, Backbone] = {
    # The paper's: torchvision's ImageNet weights without pooling and classifier.
    "resnet50": Backbone("resnet50.tv_in1k"),
    # The default. Its first publisher's normalisation is (rgb255 - 127) / 128.
    "efficientnet-lite2": Backbone(
        "tf_efficientnet_lite2.in1k", (16, 32), mean=(127 / 255,) * 3, std=(128 / 255,) * 3
    ),
}


class FeatureExtractor(nn.Module):
    """Dense features of a picture of any size, one vector for each patch of ``stride`` pixels.

    The contract: patch (i, j) of the output is centred on pixel ((i + .5), (j + .5)) * stride
    of the input, to within half a stride: the convolutions of most backbones are off-centre by
    up to that much, in every picture the same way. Where several strides are joined, each is
    scaled to unit length, the coarser is enlarged to the finer grid, and they are concatenated,
    so that the cosine similarity of two patches is about the mean of their cosine similarities
    at every stride.

    Batch normalisation always uses its stored statistics, also while training: batches of a
    few large pictures have no statistics worth having.

    Args:
        name: A key of ``NAMED`` or the name of any timm model that yields feature maps.

    Attributes:
        name: The name it was made by.
        channels: Length of a feature vector.
        stride: Pixels between neighbouring patches.

    Raises:
        WeightsError: If timm has no such model, or it has no feature maps of the contract.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str) -> None:
        super().__init__()
        spec = NAMED.get(name) or Backbone(name)
        self.name = name
        self.backbone = _feature_maps(spec)
        maps: Any = self.backbone.feature_info
        self.channels: int = sum(maps.channels())
        self.stride: int = min(maps.reduction())
        self._coarsest: int = max(maps.reduction())
        config = timm.get_pretrained_cfg(spec.timm_name)
        mean = spec.mean or (config.mean if config else IMAGENET_DEFAULT_MEAN)
        std = spec.std or (config.std if config else IMAGENET_DEFAULT_STD)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)  # half the time on a CPU
        self.eval()

    def train(self, mode: bool = True) -> "FeatureExtractor":
        """Keeps batch normalisation and dropout in evaluation mode (see the class)."""
        del mode
        super().train(False)
        return self

    def forward(self, images: Tensor, *, wraps: bool) -> Tensor:
        """Features of a batch of pictures.

        Args:
            images: (B, 3, H, W) sRGB in [0, 1].
            wraps: Whether left and right edges touch, as a panorama's do.

        Returns:
            (B, channels, ceil(H / stride), ceil(W / stride)).
        """
        height, width = images.shape[2:]
        rows, columns = -(-height // self.stride), -(-width // self.stride)
        margin = -(-WRAP_PIXELS // self._coarsest) * self._coarsest if wraps else 0
        # Fill up the last patch, with what lies beyond the seam or else with the edge's pixels.
        down = (torch.arange(_multiple(height, self._coarsest))).clamp_max(height - 1)
        right = torch.arange(-margin, _multiple(width, self._coarsest) + margin)
        right = right % width if wraps else right.clamp_max(width - 1)
        images = (images[:, :, down][..., right] - self.mean) / self.std
        maps = self.backbone(images.contiguous(memory_format=torch.channels_last))
        if len(maps) > 1:
            size = maps[0].shape[2:]
            maps = [
                F.interpolate(F.normalize(m, dim=1), size, mode="bilinear", align_corners=False)
                for m in maps
            ]
        left = margin // self.stride
        return torch.cat(maps, dim=1)[:, :, :rows, left : left + columns]


def _multiple(length: int, step: int) -> int:
    """The smallest multiple of ``step`` that is no less than ``length``."""
    return -(-length // step) * step


def _feature_maps(spec: Backbone) -> nn.Module:
    """The timm model, with random weights, that yields the feature maps of ``spec.strides``."""
    try:
        if ":" in spec.timm_name:  # timm would look on the Hugging Face Hub or in a folder
            raise ValueError("only models that are part of timm can be named")
        with torch.device("meta"):  # shapes without numbers
            every: Any = timm.create_model(spec.timm_name, pretrained=False, features_only=True)
            strides = list(every.feature_info.reduction())
            options: dict[str, Any] = {"features_only": True, "pretrained": False}
            if len(set(strides)) == 1:  # a plain transformer: one stride, a fixed size by default
                options |= {"out_indices": [-1], "dynamic_img_size": True}
            else:  # the last map at each stride, finest first
                options["out_indices"] = [
                    len(strides) - 1 - strides[::-1].index(stride)
                    for stride in sorted(spec.strides)
                ]
            _require_maps_of_any_size(timm.create_model(spec.timm_name, **options))
        model: nn.Module = timm.create_model(spec.timm_name, **options)
    except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"'{spec.timm_name}' is no usable timm feature extractor: {reason}"
        ) from error
    return model


@torch.no_grad()
def _require_maps_of_any_size(backbone: Any) -> None:
    """Raises an error, of whatever kind, if a picture that is not square gets no such maps."""
    maps = backbone.feature_info
    height, width = 3 * max(maps.reduction()), 5 * max(maps.reduction())
    expected = [
        (1, channels, height // stride, width // stride)
        for channels, stride in zip(maps.channels(), maps.reduction(), strict=True)
    ]
    found = [tuple(m.shape) for m in backbone.eval()(torch.empty(1, 3, height, width))]
    if found != expected:
        raise ValueError(f"its feature maps have the shapes {found} instead of {expected}")
