"""What the network is before the first batch (paper, section 4.3).

The extractor begins with published weights, everything else with random ones. A projection
begins as PCA whitening, without which ImageNet features make all patches look alike.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from placeproof.errors import WeightsError, WeightsMismatchError
from placeproof.network.bupm import Bupm
from placeproof.network.checkpoint import load_checkpoint
from placeproof.network.pretrained import load_file, load_pretrained
from placeproof.sealed import SealError, is_sealed
from placeproof.training.recipe import Recipe

RIDGE = 1e-3  # of the strongest direction's variance, so that whitening does not raise noise
SAMPLED = 7  # every so many patches of a picture are looked at


def initial_network(
    recipe: Recipe, init: Path | None, *, allow_download: bool
) -> tuple[Bupm, bool]:
    """The network that a run begins with, and whether its projection has yet to be set.

    Args:
        recipe: Names the extractor, and has the seed of the random weights.
        init: A checkpoint of placeproof's, all of whose weights are taken, or the weights of the
            extractor's whole timm model; None takes those that timm publishes.
        allow_download: Whether the user has asked for downloads.

    Raises:
        WeightsError: If the file cannot be read, or timm publishes no weights.
        WeightsMismatchError: If they are of another network.
        DownloadNotAllowedError: If they would have to be downloaded and the user has not asked.
    """
    network = recipe.network()
    if init is None:
        load_pretrained(network.extractor, allow_download=allow_download)
    elif _is_checkpoint(init):
        checkpoint = load_checkpoint(init)
        for key in ("extractor", "projection", "hidden", "background"):
            has, wanted = getattr(checkpoint.card, key), getattr(recipe, key)
            if has != wanted:
                raise WeightsMismatchError(f"'{init}' has {key} {has}, and the recipe {wanted}")
        network.load_state_dict(checkpoint.network.state_dict())
        return network, False
    else:
        load_file(network.extractor, init)
    return network, True


def _is_checkpoint(path: Path) -> bool:
    try:
        return is_sealed(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"cannot read weights '{path}': {error.strerror}") from error
    except SealError as error:
        raise WeightsError(f"'{path}' {error}") from error


@torch.no_grad()
def whiten(projection: nn.Conv2d, pictures: Iterable[Tensor]) -> None:
    """Makes a linear map PCA whitening of the raw features (C, h, w) of some pictures.

    Its outputs have zero mean, and variances that are all alike but for the weakest ones'.

    Raises:
        WeightsMismatchError: If it has more outputs than inputs.
    """
    assert projection.bias is not None  # noqa: S101 - as it is made
    channels, inputs = projection.weight.shape[:2]
    if channels > inputs:
        raise WeightsMismatchError(
            f"a projection to {channels} channels cannot whiten the {inputs} of the extractor"
        )
    count = 0
    total = torch.zeros(inputs, dtype=torch.float64)
    moments = torch.zeros(inputs, inputs, dtype=torch.float64)
    for features in pictures:
        patches = features.cpu().double().flatten(1)[:, ::SAMPLED]
        count += patches.shape[1]
        total += patches.sum(dim=1)
        moments += patches @ patches.T
    mean = total / count
    variances, directions = torch.linalg.eigh(moments / count - torch.outer(mean, mean))
    variances, directions = variances.flip(0)[:channels], directions.flip(1)[:, :channels]
    matrix = (directions / (variances + RIDGE * variances[0]).sqrt()).T
    projection.weight.copy_(matrix[:, :, None, None])
    projection.bias.copy_(-matrix @ mean)
