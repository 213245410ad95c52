"""What methods keep of pictures, on disk, so that each picture is looked at once."""

import hashlib
import logging
from pathlib import Path

from placeproof.errors import StorageError
from placeproof.evaluation.method import Features
from placeproof.sealed import SealError, read_sealed, tensors_of, write_sealed

KIND = "placeproof-evaluation-features/1"

_log = logging.getLogger(__name__)


class FeatureStore:
    """Named arrays for each picture, role and method, found by what they depend on.

    Several runs, methods and processes may share a folder.

    Args:
        folder: Where the files go; made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, content_hash: str, features_key: str, *, panorama: bool) -> bool:
        """Whether there is a file under this key, sound or not."""
        return self._path(content_hash, features_key, panorama).exists()

    def get(self, content_hash: str, features_key: str, *, panorama: bool) -> Features | None:
        """The features that :meth:`put` stored under the same key, if they are there and sound.

        Args:
            content_hash: SHA-256 of the picture's file.
            features_key: :attr:`placeproof.evaluation.method.Method.features_key`.
            panorama: Whether the picture was taken for a panorama.
        """
        path = self._path(content_hash, features_key, panorama)
        try:
            sealed = read_sealed(path.read_bytes(), KIND, "features of an evaluation")
        except FileNotFoundError:
            return None
        except (OSError, SealError) as error:
            _log.warning("features in '%s' will be made anew: it %s", path, error)
            return None
        return {name: tensor.numpy() for name, tensor in sealed.tensors.items()}

    def put(
        self, content_hash: str, features_key: str, features: Features, *, panorama: bool
    ) -> None:
        """Stores named arrays; see :meth:`get` for the key.

        Raises:
            StorageError: If they cannot be written.
        """
        path = self._path(content_hash, features_key, panorama)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make '{path.parent}': {error.strerror}") from error
        write_sealed(path, KIND, None, tensors_of(features))

    def _path(self, content_hash: str, features_key: str, panorama: bool) -> Path:
        key = hashlib.sha256(f"{features_key}\n{panorama}".encode()).hexdigest()[:24]
        return self.folder / key / f"{content_hash}.safetensors"
