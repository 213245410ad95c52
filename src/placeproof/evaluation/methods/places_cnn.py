"""Places-CNN: what a network for scene categories holds before it decides on one."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision import models

from placeproof.errors import WeightsMismatchError
from placeproof.evaluation.methods import imagenet
from placeproof.evaluation.methods.descriptor import (
    DescriptorMethod,
    imagenet_normalised,
)
from placeproof.evaluation.methods.published import file_key, fill, read_torch_file
from placeproof.patches import as_batch

ARCHITECTURES = ("resnet18", "resnet50", "vgg16")  # torchvision's names; also the authors'
CLASSES = 365
SIDE = 224  # pixels; the networks were trained on squares of this size


class PlacesCnn(DescriptorMethod):
    """The last features of a Places365 network, of whole pictures made square (section 5.2).

    The authors' own code makes pictures square, too, but looks at their middle only; here the
    whole picture counts, or of a panorama little would be left.

    Args:
        weights: The authors' ``resnet50_places365.pth.tar`` or another file of torch's with one
            of ``ARCHITECTURES``. None: the last feature map of the ImageNet extractor that ships,
            averaged; not the published model.

    Raises:
        WeightsError: If the file is missing or damaged.
        WeightsMismatchError: If it holds another network.
    """

    source = (
        "Zhou, Lapedriza, Khosla, Oliva, Torralba: Places: A 10 Million Image Database for Scene "
        "Recognition, TPAMI 2018"
    )

    def __init__(self, weights: Path | None = None) -> None:
        self._network: nn.Module | None = None
        if weights is None:
            self.name, self.title = "places-cnn-imagenet", "Average pooling (ImageNet classifier)"
            self.weights = (
                f"{imagenet.ABOUT}, its last feature map averaged; it has never seen Places365"
            )
            self.features_key = f"places-cnn-imagenet/1 {imagenet.extractor_key()}"
            return
        self._network, architecture = load_places(weights)
        self.name, self.title = "places-cnn", "Places-CNN"
        self.weights = f"The authors' {architecture}, Places365, from {weights.name}"
        self.features_key = f"places-cnn/1 {file_key(weights)}"

    def describe(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Tensor:
        """See :class:`DescriptorMethod`."""
        del panorama
        batch = as_batch(pixels, (SIDE, SIDE))
        if self._network is None:
            return imagenet.raw_maps(batch)[-1][0].mean(dim=(1, 2))
        described: Tensor = self._network(imagenet_normalised(batch))[0]
        return described


def load_places(path: Path) -> tuple[nn.Module, str]:
    """A Places365 network without its classifier, and the architecture's name.

    Args:
        path: A file of torch's: a dictionary whose ``state_dict`` has torchvision's names, with
            the "module." that training on several devices leaves in them.

    Returns:
        A network from (B, 3, 224, 224), normalised as for ImageNet, to (B, 512) for resnet18,
        (B, 2048) for resnet50 and (B, 4096) for vgg16.

    Raises:
        WeightsError: If the file is missing or damaged.
        WeightsMismatchError: If it holds another network.
    """
    content = read_torch_file(path)
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()):
        raise WeightsMismatchError(f"'{path}' has no 'state_dict' as the Places365 files have")
    tensors = {str(name).replace("module.", ""): tensor for name, tensor in state.items()}
    for architecture in ARCHITECTURES:
        with torch.device("meta"):
            model: nn.Module = getattr(models, architecture)(weights=None, num_classes=CLASSES)
        if _shapes(tensors) == _shapes(model.state_dict()):
            fill(model, tensors, path)
            if isinstance(model, models.VGG):
                model.classifier = model.classifier[:-1]
            else:
                model.fc = nn.Identity()
            return model, architecture
    raise WeightsMismatchError(
        f"'{path}' holds none of {', '.join(ARCHITECTURES)} for {CLASSES} classes of places"
    )


def _shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor but for counts of batches, which old files lack."""
    return {n: tuple(t.shape) for n, t in tensors.items() if "num_batches_tracked" not in n}
