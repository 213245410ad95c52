"""Published weights for a feature extractor, to train a network from (paper, section 3.2)."""

from pathlib import Path

import timm
from safetensors import SafetensorError
from safetensors.torch import load_file as read_tensors
from torch import Tensor

from placeproof.download import Progress
from placeproof.errors import WeightsError, WeightsMismatchError
from placeproof.network.features import NAMED, FeatureExtractor
from placeproof.weights_store import find_published


def load_pretrained(
    extractor: FeatureExtractor,
    *,
    allow_download: bool,
    progress: Progress = lambda _here, _total: None,
) -> None:
    """Loads the weights that timm publishes: ImageNet's, for most models.

    Args:
        extractor: Its backbone's weights are replaced.
        allow_download: Whether the user has asked for downloads.
        progress: Told how many bytes are here, and how many there are in all.

    Raises:
        WeightsError: If timm publishes none.
        DownloadNotAllowedError: If they would have to be downloaded and the user has not asked.
        DownloadError: If the download fails.
        StorageError: If they cannot be stored.
    """
    path = find_published(extractor.name, allow_download=allow_download, progress=progress)
    load_file(extractor, path)


def load_file(extractor: FeatureExtractor, path: Path) -> None:
    """Loads the weights of a whole timm model, classifier included, from a safetensors file.

    Args:
        extractor: Its backbone's weights are replaced; unchanged if an error is raised.
        path: The file, of the very model that the extractor is made of.

    Raises:
        WeightsError: If the file cannot be read.
        WeightsMismatchError: If it lacks one of the model's tensors or holds another.
    """
    try:
        tensors = read_tensors(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read weights '{path}', or they are damaged") from error
    name = NAMED[extractor.name].timm_name if extractor.name in NAMED else extractor.name
    try:
        # timm adapts what others published to its own names, and accepts all tensors or none.
        model = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay={"state_dict": tensors}
        )
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsMismatchError(f"'{path}' does not fit timm's '{name}': {reason}") from error
    whole = {_same_for_both(key): tensor for key, tensor in model.state_dict().items()}
    state: dict[str, Tensor] = {}
    for key, like in extractor.backbone.state_dict().items():
        tensor = whole.get(_same_for_both(key))
        if tensor is None or tensor.shape != like.shape:
            raise WeightsMismatchError(f"'{path}' lacks tensor '{key}' of '{extractor.name}'")
        state[key] = tensor
    extractor.backbone.load_state_dict(state)


def _same_for_both(key: str) -> str:
    """A tensor's name, without what timm changes when it makes a model yield feature maps.

    It puts some models under "model.", and turns "stages.0" into "stages_0" in others.
    """
    return key.removeprefix("model.").replace("_", ".")
