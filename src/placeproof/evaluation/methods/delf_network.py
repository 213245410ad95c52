"""The network of DELF: ResNet50 up to its fourth stage, and attention.

TensorFlow's ResNet differs from torchvision's: each stage but the last is coarsened in its last
unit instead of its first, and pooling pads below and to the right only. Tensors keep
TensorFlow's names and order of axes, so that converting the published weights is copying them.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from placeproof.errors import WeightsError
from placeproof.evaluation.methods.published import fill, unreadable

# Stages: their number of units and inner channels; each yields four times as many.
STAGES = ((3, 64), (4, 128), (6, 256))
CHANNELS = 4 * STAGES[-1][1]
STRIDE = 32
SIZE = 40  # of a descriptor, of the 1024 components that the file holds
_NORM_NAMES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


class DelfNetwork(nn.Module):
    """Dense features, attention and principal components (DELF, sections 3 and 4).

    Attributes:
        mean: (1024,) subtracted from features at unit length.
        matrix: (1024, 1024) principal components, a row each, the strongest first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.root = _Convolution(3, 64, 7, stride=2)
        units: list[nn.Module] = []
        channels = 64
        for count, inner in STAGES:
            for number in range(count):
                units.append(_Bottleneck(channels, inner, stride=2 if number == count - 1 else 1))
                channels = 4 * inner
        self.units = nn.Sequential(*units)
        self.hidden = _Convolution(CHANNELS, 512, 1)
        self.score = nn.Conv2d(512, 1, 1)
        self.mean = nn.Parameter(torch.zeros(CHANNELS))
        self.matrix = nn.Parameter(torch.zeros(CHANNELS, CHANNELS))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and their attention, on a grid of one patch in 32 pixels.

        Args:
            images: (B, 3, H, W) sRGB in [0, 1].

        Returns:
            (B, 1024, h, w), and (B, h, w) of 0 or more. Patch (i, j) is centred on pixel
            (32 i, 32 j).
        """
        x = F.relu(self.root((images * 255 - 128) / 128))
        x = F.max_pool2d(_padded_as_tensorflow(x), 3, stride=2)
        x = self.units(x)
        return x, F.softplus(self.score(F.relu(self.hidden(x))))[:, 0]

    def reduce(self, features: Tensor) -> Tensor:
        """Descriptors (N, 40) of unit length, of features (N, 1024)."""
        centred = F.normalize(features, dim=1) - self.mean
        return F.normalize(centred @ self.matrix[:SIZE].T, dim=1)


class _Convolution(nn.Module):
    """A convolution without bias, and batch normalisation."""

    def __init__(self, channels: int, out: int, side: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, side, stride, side // 2, bias=False)
        self.norm = nn.BatchNorm2d(out, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.conv(x))
        return normed


class _Bottleneck(nn.Module):
    """A residual unit whose middle convolution has the stride."""

    def __init__(self, channels: int, inner: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = _Convolution(channels, inner, 1)
        self.conv2 = _Convolution(inner, inner, 3, stride)
        self.conv3 = _Convolution(inner, 4 * inner, 1)
        changes = channels != 4 * inner
        self.shortcut = _Convolution(channels, 4 * inner, 1, stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            kept = x[:, :, :: self.stride, :: self.stride]
        else:
            kept = self.shortcut(x)
        added: Tensor = self.conv3(F.relu(self.conv2(F.relu(self.conv1(x)))))
        return F.relu(added + kept)


def _padded_as_tensorflow(x: Tensor) -> Tensor:
    """Padding "SAME" for windows of 3 and a stride of 2: an odd pixel goes below and right."""
    missing = [max(0, (-(-n // 2) - 1) * 2 + 3 - n) for n in x.shape[2:]]
    (top, bottom), (left, right) = ((m // 2, m - m // 2) for m in missing)
    return F.pad(x, (left, right, top, bottom), value=-torch.inf)


def tensorflow_names() -> dict[str, str]:
    """The published tensors' names by those of :class:`DelfNetwork`."""
    attention = "attention_block/attention/compute"
    names = {
        "mean": "pca/mean",
        "matrix": "pca/matrix",
        "score.weight": f"{attention}/conv2/weights",
        "score.bias": f"{attention}/conv2/biases",
    }
    starts = {"root": "resnet_v1_50/conv1", "hidden": f"{attention}/conv1"}
    units = [
        f"resnet_v1_50/block{stage}/unit_{unit}/bottleneck_v1"
        for stage, (count, _) in enumerate(STAGES, start=1)
        for unit in range(1, count + 1)
    ]
    with torch.device("meta"):
        own = list(DelfNetwork().state_dict())
    for name in own:
        if name in names or name.endswith("num_batches_tracked"):
            continue
        *place, layer, kind = name.split(".")  # "units", number, convolution; or "root", "hidden"
        start = starts.get(place[0]) or f"{units[int(place[1])]}/{place[2]}"
        names[name] = (
            f"{start}/{'weights' if layer == 'conv' else f'BatchNorm/{_NORM_NAMES[kind]}'}"
        )
    return names


def load_delf(path: Path) -> DelfNetwork:
    """The network with the published tensors in a safetensors file.

    Args:
        path: Holds the variables of the published model under their own names and in their own
            shapes (kernels: height, width, in, out), and ``pca/mean`` (1024,) and ``pca/matrix``
            (1024, 1024). Others are passed over.

    Raises:
        WeightsError: If the file is missing, damaged, or lacks a tensor.
        WeightsMismatchError: If a tensor has another shape.
    """
    try:
        theirs: Mapping[str, Tensor] = load_file(path)
    except OSError as error:
        raise WeightsError(f"cannot read weights '{path}': {error.strerror or error}") from error
    except SafetensorError as error:
        raise unreadable(path, "safetensors file", error) from error
    names = tensorflow_names()
    missing = sorted(name for name in names.values() if name not in theirs)
    if missing:
        raise WeightsError(f"'{path}' lacks {len(missing)} tensors of DELF, first '{missing[0]}'")
    tensors = {own: theirs[name] for own, name in names.items()}
    kernels = {own: t.permute(3, 2, 0, 1) for own, t in tensors.items() if t.ndim == 4}
    with torch.device("meta"):
        model = DelfNetwork()
    fill(model, tensors | kernels, path)
    return model
