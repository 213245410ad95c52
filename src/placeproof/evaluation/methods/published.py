"""Reads weights that others have published. Nothing in their files is run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from placeproof.errors import WeightsError, WeightsMismatchError
from placeproof.files import file_sha256


def file_key(path: Path) -> str:
    """The first digits of a file's SHA-256, by which features of other weights are told apart.

    Raises:
        WeightsError: If it cannot be read.
    """
    try:
        return file_sha256(path)[:16]
    except OSError as error:
        raise WeightsError(f"cannot read weights '{path}': {error.strerror}") from error


def unreadable(path: Path, what: str, error: Exception) -> WeightsError:
    """The error for a file that a library could not read, in one line."""
    reason = (str(error) or type(error).__name__).strip().splitlines()[0][:200]
    return WeightsError(f"'{path}' is damaged or no {what}: {reason}")


def read_torch_file(path: Path) -> Any:
    """What a file of torch's holds: tensors and plain data, or an error; never code.

    Raises:
        WeightsError: If it is missing, damaged, or holds anything else.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"cannot read weights '{path}': {error.strerror}") from error
    # What a damaged file makes torch raise is not documented.
    except Exception as error:
        raise unreadable(path, "file of torch's weights", error) from error


def fill(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Puts tensors into a model, which may be on the meta device, and readies it for use.

    How many batches batch normalisation has seen may be missing: old files do not say.

    Args:
        model: Left in evaluation mode, without gradients.
        tensors: By the model's names; all of them and no others.
        path: Where they are from, for the message.

    Raises:
        WeightsMismatchError: If a tensor is missing, too many, or of another shape.
    """
    tensors = {n: t for n, t in tensors.items() if not n.endswith("num_batches_tracked")}
    counts = {n: torch.tensor(0) for n in model.state_dict() if n.endswith("num_batches_tracked")}
    expected = {n: tuple(t.shape) for n, t in model.state_dict().items() if n not in counts}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wrong = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
    if wrong:
        raise WeightsMismatchError(
            f"'{path}' is of another network: {len(wrong)} of {len(expected)} tensors differ, "
            f"first '{wrong[0]}'"
        )
    numbers = {name: tensor.float().contiguous() for name, tensor in tensors.items()}
    model.load_state_dict(numbers | counts, assign=True)
    model.requires_grad_(False).eval()
