"""DINOv2: what a large self-supervised transformer says of a whole picture."""

from pathlib import Path
from typing import Any

import numpy as np
import timm
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from placeproof.errors import WeightsError, WeightsMismatchError
from placeproof.evaluation.methods.descriptor import DescriptorMethod
from placeproof.evaluation.methods.published import file_key, unreadable
from placeproof.patches import as_batch
from placeproof.weights_store import find_published

MODEL = "vit_base_patch14_dinov2.lvd142m"  # timm's name; also the backbone of MegaLoc and SALAD
VIEW_SIDE = 322  # pixels; what those models see, and a multiple of the patch


class DinoV2(DescriptorMethod):
    """The class token of DINOv2; of a panorama the best of eight views counts.

    It has never been trained to tell places apart, so it shows what those that were add to it.
    The weights come from timm's repository on the Hugging Face hub; no code does.

    Args:
        weights: A safetensors file as timm publishes it; None: the one that was downloaded.
        allow_download: Whether the user has asked for downloads.
        model: timm's name of a vision transformer.

    Raises:
        WeightsError: If the file is missing or damaged.
        WeightsMismatchError: If it holds another network.
        DownloadNotAllowedError: If it would have to be downloaded and the user has not asked.
        DownloadError: If the download fails.
        StorageError: If it cannot be stored.
    """

    name = "dinov2"
    title = "DINOv2"
    source = "Oquab et al.: DINOv2: Learning Robust Visual Features without Supervision, TMLR 2024"
    view_side = VIEW_SIDE

    def __init__(
        self, weights: Path | None = None, *, allow_download: bool = False, model: str = MODEL
    ) -> None:
        path = weights or find_published(model, allow_download=allow_download)
        self._model = load_timm(model, path)
        patch = self._model.patch_embed.patch_size[0]
        self._side = VIEW_SIDE // patch * patch
        config = self._model.pretrained_cfg
        self._mean, self._std = config["mean"], config["std"]
        self.weights = f"The authors' {model}, as timm publishes it, {path.name}"
        self.features_key = f"dinov2/1 {model} {file_key(path)}"

    def describe(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Tensor:
        """See :class:`DescriptorMethod`."""
        del panorama
        batch = as_batch(pixels, (self._side, self._side))
        mean, std = batch.new_tensor(self._mean), batch.new_tensor(self._std)
        described: Tensor = self._model((batch - mean[:, None, None]) / std[:, None, None])[0]
        return described


def load_timm(name: str, path: Path) -> Any:
    """A vision transformer of timm's without its classifier, for pictures of any size.

    Raises:
        WeightsError: If the file is missing or damaged.
        WeightsMismatchError: If it holds another network.
    """
    try:
        tensors = load_file(path)
    except OSError as error:
        raise WeightsError(f"cannot read weights '{path}': {error.strerror or error}") from error
    except SafetensorError as error:
        raise unreadable(path, "safetensors file", error) from error
    try:
        model: Any = timm.create_model(
            name,
            pretrained=True,
            pretrained_cfg_overlay={"state_dict": tensors},  # all tensors or none
            dynamic_img_size=True,
        )
    except (KeyError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsMismatchError(f"'{path}' does not fit timm's '{name}': {reason}") from error
    model.reset_classifier(0)
    return model.eval().requires_grad_(False)
