"""Tensors and plain data in one safetensors file, under a checksum of both.

safetensors notices a truncated file, but no flipped bits.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as to_bytes
from torch import Tensor

from placeproof.errors import WeightsError
from placeproof.files import write_atomically

ENTRY = "placeproof"  # one entry of metadata: safetensors writes several in a random order
HEADER_LENGTH = 8  # bytes at the start of a safetensors file that say how long its header is


class SealError(Exception):
    """Why a file cannot be taken for what it should be; goes on after the file's name."""


class Sealed(NamedTuple):
    """What a sealed file holds.

    Attributes:
        content: Plain data: what JSON can say.
        tensors: By their names.
    """

    content: Any
    tensors: dict[str, Tensor]


def write_sealed(path: Path, kind: str, content: object, tensors: Mapping[str, Tensor]) -> None:
    """Writes a file, whole or not at all.

    Args:
        path: The file.
        kind: What it is, with a version of its format.
        content: Plain data.
        tensors: On the CPU.

    Raises:
        StorageError: If it cannot be written.
    """
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    entry = {"format": kind, "content": content, "sha256": _checksum(content, contiguous)}
    write_atomically(path, to_bytes(contiguous, {ENTRY: json.dumps(entry, sort_keys=True)}))


def read_sealed(data: bytes, kind: str, what: str) -> Sealed:
    """What :func:`write_sealed` wrote. Never runs code from the file.

    Args:
        data: The file's bytes.
        kind: What it has to be.
        what: The same in words.

    Raises:
        SealError: If it is damaged, or of another kind.
    """
    try:
        entry, tensors = _entry(data), read_tensors(data)
    except (SafetensorError, ValueError, RecursionError) as error:
        raise SealError("is damaged or no safetensors file") from error
    if entry.get("format") != kind:
        raise SealError(f"is a safetensors file, but no {what}")
    content: Any = entry.get("content")
    if entry.get("sha256") != _checksum(content, tensors):
        raise SealError("is damaged: it does not have the checksum that it states")
    return Sealed(content, tensors)


def read_weights(path: Path, kind: str, what: str) -> tuple[Sealed, bytes]:
    """What a sealed file of weights holds, and its bytes; arguments as of :func:`read_sealed`.

    Raises:
        WeightsError: If it is missing, damaged, or of another kind.
    """
    try:
        data = path.read_bytes()
        return read_sealed(data, kind, what), data
    except OSError as error:
        raise WeightsError(f"cannot read weights '{path}': {error.strerror}") from error
    except SealError as error:
        raise WeightsError(f"'{path}' {error}") from error


def tensors_of(arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, Tensor]:
    """Named arrays as tensors, to be written."""
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def is_sealed(data: bytes) -> bool:
    """Whether placeproof wrote a safetensors file, of whatever kind.

    Raises:
        SealError: If it is damaged, or no safetensors file.
    """
    try:
        return bool(_entry(data))
    except (ValueError, RecursionError, TypeError) as error:
        raise SealError("is damaged or no safetensors file") from error


def hash_tensors(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of all tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        if tensor.numel():  # what is empty may have strides that no view takes
            digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _entry(data: bytes) -> dict[str, Any]:
    """What placeproof wrote into a safetensors file's header; empty if it wrote nothing."""
    length = int.from_bytes(data[:HEADER_LENGTH], "little")
    header = json.loads(data[HEADER_LENGTH : HEADER_LENGTH + length])
    try:
        return dict(json.loads(header["__metadata__"][ENTRY]))
    except (KeyError, TypeError):
        return {}


def _checksum(content: object, tensors: Mapping[str, Tensor]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256((text + hash_tensors(tensors)).encode()).hexdigest()
