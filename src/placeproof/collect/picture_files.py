"""The pictures of a collection on the disk, named by what the services call them."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeproof.errors import StorageError
from placeproof.files import write_atomically
from placeproof.panoramas.source import PanoramaRecord
from placeproof.report.overlay import scaled

PHOTOS, PANORAMAS = "photos", "panoramas"
# Twice what the default recipe trains on; a panorama of 16384 pixels would take 20 MB.
PANORAMA_WIDTH = 4096
_QUALITY = 92  # of JPEG, panoramas
_OTHER = ".img"  # a picture of a rarer format
_SUFFIXES = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp"}


class PictureFiles:
    """Photos and panoramas below a collection's folder.

    Args:
        folder: The collection's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def name(self, path: Path) -> str:
        """A file's name as the database has it."""
        return path.relative_to(self.folder).as_posix()

    def find_photo(self, photo_id: str) -> Path | None:
        """A photo that has been downloaded, or None."""
        stem = self._path(PHOTOS, photo_id)
        suffixes = (*_SUFFIXES.values(), _OTHER)
        return next((p for p in map(stem.with_suffix, suffixes) if p.exists()), None)

    def save_photo(self, photo_id: str, data: bytes) -> Path:
        """Writes a photo's file as it was downloaded.

        Raises:
            StorageError: If it cannot be written.
        """
        suffix = next((s for magic, s in _SUFFIXES.items() if data.startswith(magic)), _OTHER)
        return _write(self._path(PHOTOS, photo_id).with_suffix(suffix), data)

    def panorama(self, record: PanoramaRecord) -> Path:
        """Where a panorama is, or will be; several photos may share one."""
        return self._path(PANORAMAS, f"{record.source}\n{record.id}").with_suffix(".jpg")

    def save_panorama(self, record: PanoramaRecord, pixels: NDArray[np.uint8]) -> Path:
        """Writes a panorama as JPEG, scaled down to ``PANORAMA_WIDTH``.

        Raises:
            StorageError: If it cannot be written.
        """
        width = min(PANORAMA_WIDTH, pixels.shape[1])
        buffer = io.BytesIO()
        scaled(pixels, (width, width // 2)).save(buffer, "JPEG", quality=_QUALITY)
        return _write(self.panorama(record), buffer.getvalue())

    def remove(self, path: Path) -> None:
        """Removes a file, if it is there.

        Raises:
            StorageError: If it cannot be removed.
        """
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot remove '{path}': {error.strerror}") from error

    def sweep(self, belongs: Callable[[str], bool]) -> None:
        """Removes what killed runs left behind.

        Args:
            belongs: Whether a file of this name is to stay.

        Raises:
            StorageError: If a file cannot be removed.
        """
        for kind in (PHOTOS, PANORAMAS):
            for path in (self.folder / kind).glob("*/*"):
                if path.name.startswith(".") or not belongs(self.name(path)):
                    self.remove(path)

    def _path(self, kind: str, name: str) -> Path:
        """Without a suffix. Names from elsewhere may hold anything; a hash of them does not."""
        digest = hashlib.sha256(name.encode()).hexdigest()[:32]
        return self.folder / kind / digest[:2] / digest


def _write(path: Path, data: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make '{path.parent}': {error.strerror}") from error
    write_atomically(path, data)
    return path
