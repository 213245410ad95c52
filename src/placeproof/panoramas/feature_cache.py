"""Features of reference panoramas on disk, so that each is extracted once."""

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from placeproof.errors import StorageError
from placeproof.files import write_atomically
from placeproof.sealed import SealError, read_sealed, tensors_of, write_sealed

ARRAYS = "placeproof-local-features/1"
FEATURES_VERSION = 1  # raise it when the same weights and picture give other features

_log = logging.getLogger(__name__)


class FeatureCache:
    """Dense features in half precision, and named arrays of local features, as safetensors files.

    The cache is no result: whatever goes wrong with it is logged and costs time, nothing else.

    Args:
        folder: Where the files go; made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(
        self, content_hash: str, extractor: str, weights_sha256: str, size: tuple[int, int]
    ) -> Tensor | None:
        """The features that :meth:`put` stored under the same key.

        Args:
            content_hash: SHA-256 of the picture's file, lower-case hex.
            extractor: Name of the feature extractor.
            weights_sha256: SHA-256 of the extractor's weights.
            size: Width and height in pixels at which the extractor saw the picture.

        Returns:
            float16 on the CPU, of the shape that was put; None where there is nothing sound.
        """
        path = self._path(content_hash, extractor, weights_sha256, size)
        try:
            with safe_open(path, framework="pt") as file:
                features: Tensor = file.get_tensor("features")
                # safetensors notices a truncated file, but no flipped bits.
                if file.metadata()["sha256"] == _digest(features):
                    return features
            reason = "wrong checksum"
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, KeyError, TypeError) as error:
            reason = str(error)
        _drop(path, reason)
        return None

    def put(
        self,
        content_hash: str,
        extractor: str,
        weights_sha256: str,
        size: tuple[int, int],
        features: Tensor,
    ) -> Tensor:
        """Stores features of any shape; see :meth:`get` for the key.

        Returns:
            What :meth:`get` will return: the features rounded to half precision, so that a first
            run computes with the same numbers as one that finds them cached. Features beyond
            half precision's range are not stored and come back as they are.
        """
        half = features.detach().to("cpu", torch.float16).contiguous()
        if not half.isfinite().all():
            _log.warning("features of %s are beyond half precision: not cached", extractor)
            return features
        path = self._path(content_hash, extractor, weights_sha256, size)
        data = save({"features": half}, metadata={"sha256": _digest(half)})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
        except (StorageError, OSError) as error:
            _log.warning("features are not cached: %s", error)
        return half

    def get_arrays(self, content_hash: str, key: str) -> dict[str, NDArray[np.generic]] | None:
        """The arrays that :meth:`put_arrays` stored under the same key.

        Args:
            content_hash: SHA-256 of the picture's file.
            key: All else that the arrays depend on.

        Returns:
            As they were put; None where there is nothing sound.
        """
        path = self._arrays_path(content_hash, key)
        try:
            sealed = read_sealed(path.read_bytes(), ARRAYS, "local features")
        except FileNotFoundError:
            return None
        except (OSError, SealError) as error:
            _drop(path, str(error))
            return None
        return {name: tensor.numpy() for name, tensor in sealed.tensors.items()}

    def put_arrays(
        self, content_hash: str, key: str, arrays: Mapping[str, NDArray[np.generic]]
    ) -> None:
        """Stores named arrays of any type and shape; see :meth:`get_arrays` for the key."""
        path = self._arrays_path(content_hash, key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_sealed(path, ARRAYS, None, tensors_of(arrays))
        except (StorageError, OSError) as error:
            _log.warning("local features are not cached: %s", error)

    def forget(self, content_hash: str) -> None:
        """Deletes all features of one picture.

        Raises:
            StorageError: If that fails.
        """
        try:
            shutil.rmtree(self._shard(content_hash))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StorageError(f"cannot delete {error.filename}: {error.strerror}") from error

    def _shard(self, content_hash: str) -> Path:
        return self.folder / content_hash[:2] / content_hash

    def _path(
        self, content_hash: str, extractor: str, weights_sha256: str, size: tuple[int, int]
    ) -> Path:
        # The digest tells keys apart, whatever their characters; the rest is for people.
        readable = re.sub(r"[^A-Za-z0-9_-]", "_", extractor)[:40]
        key = json.dumps([FEATURES_VERSION, extractor, weights_sha256, *size])
        digest = hashlib.sha256(key.encode()).hexdigest()[:32]
        name = f"{readable}-{size[0]}x{size[1]}-{digest}.safetensors"
        return self._shard(content_hash) / name

    def _arrays_path(self, content_hash: str, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()[:32]
        return self._shard(content_hash) / f"local-{digest}.safetensors"


def _drop(path: Path, reason: str) -> None:
    _log.warning("cached features %s are damaged and will be made anew: %s", path, reason)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("cannot delete %s: %s", path, error.strerror)


def _digest(features: Tensor) -> str:
    what = f"{features.dtype} {tuple(features.shape)}".encode()
    return hashlib.sha256(what + features.numpy().tobytes()).hexdigest()
