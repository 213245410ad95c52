"""NetVLAD: residuals to cluster centres, softly assigned and summed over the picture."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.io import loadmat
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import vgg16

from placeproof.errors import WeightsError, WeightsMismatchError
from placeproof.evaluation.methods import imagenet
from placeproof.evaluation.methods.descriptor import DescriptorMethod, dense_size
from placeproof.evaluation.methods.published import file_key, fill, unreadable
from placeproof.patches import as_batch

CONVOLUTIONS = 13  # of VGG16
LAYERS_WITH_WEIGHTS = CONVOLUTIONS + 2  # then the pooling layer's and the whitening's


class NetVladLayer(nn.Module):
    """The pooling layer (NetVLAD, equations 3 and 4), as the authors' code has it.

    Features are scaled to unit length; each cluster's sum of residuals is, too
    (intra-normalisation), and so is the whole vector.

    Args:
        clusters: K.
        channels: D, of a feature.

    Attributes:
        assignment: (K, D), the weights w_k of the soft assignment; there are no biases b_k.
        centres: (K, D), the centres c_k.
    """

    def __init__(self, clusters: int, channels: int) -> None:
        super().__init__()
        self.assignment = nn.Parameter(torch.zeros(clusters, channels))
        self.centres = nn.Parameter(torch.zeros(clusters, channels))

    def forward(self, features: Tensor) -> Tensor:
        """(B, D, H, W) to (B, D * K), unit length; the cluster's number runs faster."""
        x = F.normalize(features.flatten(2), dim=1)
        shares = (self.assignment @ x).softmax(dim=1)  # (B, K, N)
        residuals = x @ shares.mT - self.centres.T * shares.sum(dim=2)[:, None]  # (B, D, K)
        return F.normalize(F.normalize(residuals, dim=1).flatten(1), dim=1)


class VggNetVlad(nn.Module):
    """VGG16 up to conv5_3, the pooling layer, and PCA with whitening, as published.

    Args:
        clusters: K, published with 64.
        size: Of the descriptor, published with 4096.
    """

    def __init__(self, clusters: int, size: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(3))  # of pixels in [0, 255]
        self.backbone = vgg16(weights=None).features[:-2]  # without the last ReLU and pooling
        self.pooling = NetVladLayer(clusters, 512)
        self.whitening = nn.Parameter(torch.zeros(512 * clusters, size))
        self.offset = nn.Parameter(torch.zeros(size))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) sRGB in [0, 1] to (B, size), unit length."""
        maps = self.backbone(images * 255 - self.mean[:, None, None])
        return F.normalize(self.pooling(maps) @ self.whitening + self.offset, dim=1)


class NetVlad(DescriptorMethod):
    """NetVLAD of whole pictures, panoramas included, as the paper uses it (section 5.2).

    Args:
        weights: The authors' network as a MATLAB file of structs, such as hloc's
            ``Pitts30K_struct.mat``. None: the layer as the authors initialise it before
            training, on the ImageNet extractor that ships; not the published model.

    Raises:
        WeightsError: If the file is missing or damaged.
        WeightsMismatchError: If it holds another network.
    """

    source = (
        "Arandjelović, Gronat, Torii, Pajdla, Sivic: NetVLAD: CNN Architecture for Weakly "
        "Supervised Place Recognition, CVPR 2016"
    )

    def __init__(self, weights: Path | None = None) -> None:
        self._vgg = None if weights is None else load_netvlad(weights)
        if self._vgg is not None and weights is not None:
            self.name, self.title = "netvlad", "NetVLAD"
            size = len(self._vgg.offset)
            self.weights = f"The authors' VGG16 network from {weights.name}; {size} numbers"
            self.features_key = f"netvlad/1 {file_key(weights)}"
            return
        self.name, self.title = "netvlad-imagenet", "NetVLAD layer (ImageNet, untrained)"
        self.weights = (
            f"{imagenet.ABOUT}, under the NetVLAD layer as it is initialised before training: 64 "
            "clusters of features of rendered streets; without whitening"
        )
        self.features_key = f"netvlad-imagenet/1 {imagenet.extractor_key()}"
        fitted = imagenet.stand_ins()
        self._layer = NetVladLayer(*fitted.centres.shape).requires_grad_(False)
        self._layer.centres.copy_(fitted.centres)
        self._layer.assignment.copy_(fitted.sharpness * F.normalize(fitted.centres, dim=1))

    def describe(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Tensor:
        """See :class:`DescriptorMethod`."""
        batch = as_batch(pixels, dense_size(pixels, panorama=panorama))
        if self._vgg is not None:
            described: Tensor = self._vgg(batch)[0]
        else:
            described = self._layer(imagenet.extractor()(batch, wraps=panorama))[0]
        return described


def load_netvlad(path: Path) -> VggNetVlad:
    """The authors' network with whitening, from their MATLAB file with objects made structs.

    Args:
        path: A MATLAB 5 file with ``net.layers``, 35 of them as published, and
            ``net.meta.normalization.averageImage``.

    Raises:
        WeightsError: If the file is missing or damaged.
        WeightsMismatchError: If it holds another network.
    """
    try:
        net: Any = loadmat(path, struct_as_record=False, squeeze_me=True)["net"]
    except OSError as error:
        raise WeightsError(f"cannot read weights '{path}': {error.strerror}") from error
    # What a damaged file makes scipy raise is not documented.
    except Exception as error:
        raise unreadable(path, "MATLAB file with a network", error) from error
    try:
        pairs = [_pair(layer) for layer in net.layers]
        kernels, biases = zip(*(pair for pair in pairs if pair is not None), strict=True)
        if len(kernels) != LAYERS_WITH_WEIGHTS:
            raise ValueError(f"{len(kernels)} layers with weights, not {LAYERS_WITH_WEIGHTS}")
        mean = np.asarray(net.meta.normalization.averageImage, dtype=np.float32).reshape(-1, 3)[0]
        assignment, minus_centres = kernels[-2], biases[-2]  # (D, K); the centres' sign is turned
        tensors = {
            "mean": mean,
            "pooling.assignment": assignment.T,
            "pooling.centres": -minus_centres.T,
            "whitening": kernels[-1],
            "offset": biases[-1],
        }
        with torch.device("meta"):
            model = VggNetVlad(assignment.shape[1], len(biases[-1]))
        names = [n for n in model.state_dict() if n.startswith("backbone") and "weight" in n]
        for name, kernel, bias in zip(names, kernels, biases, strict=False):
            tensors[name] = kernel.transpose(3, 2, 0, 1)  # from height, width, in, out
            tensors[name.replace("weight", "bias")] = bias
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise WeightsMismatchError(
            f"'{path}' holds no NetVLAD network of VGG16 with whitening: {reason}"
        ) from error
    fill(model, {n: torch.from_numpy(np.asarray(t, np.float32)) for n, t in tensors.items()}, path)
    return model


def _pair(layer: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """A layer's two arrays of weights; None if it has none."""
    weights = getattr(layer, "weights", None)
    if not isinstance(weights, np.ndarray) or weights.dtype != object or weights.shape != (2,):
        return None
    return weights[0], weights[1]
