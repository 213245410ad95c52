"""Pictures of providers on disk, so that each is fetched once; where the terms allow it."""

import dataclasses
import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_cache_path

from placeproof.errors import StorageError
from placeproof.files import file_sha256, write_atomically
from placeproof.panoramas.source import PanoramaRecord

VARIABLE = "PLACEPROOF_CACHE"
_SCHEMA_VERSION = 1

_log = logging.getLogger(__name__)


def default_cache_folder() -> Path:
    """Where pictures go unless the environment variable ``PLACEPROOF_CACHE`` names a folder."""
    if folder := os.environ.get(VARIABLE):
        return Path(folder).expanduser().absolute()
    return user_cache_path("placeproof", appauthor=False)


class PictureCache:
    """One file for each picture, as its provider sent it, and its record as JSON beside it.

    ::

        pictures/ab/abcd…         the picture, named by its record's key
        pictures/ab/abcd….json    its record (provider, licence, page…) and its checksum

    A damaged picture is not found, so that it is fetched anew. What may not be kept never gets
    here.

    Args:
        folder: Where the files go; made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, record: PanoramaRecord) -> Path | None:
        """The picture's file, checked; None where there is none or it is damaged."""
        path = self._path(record)
        try:
            stored = json.loads(_beside(path).read_bytes())
            if stored["schema_version"] != _SCHEMA_VERSION:
                return None
            if stored["sha256"] == file_sha256(path):
                return path
            reason = "wrong checksum"
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            reason = str(error)
        _log.warning("cached picture %s is damaged and will be fetched anew: %s", path, reason)
        return None

    def put(self, record: PanoramaRecord, data: bytes) -> Path:
        """Stores a picture's file; returns where.

        Raises:
            ValueError: If the picture may not be kept.
            StorageError: If it cannot be written.
        """
        if not record.may_keep:
            raise ValueError(f"a picture of {record.source} may not be written to a disk")
        path = self._path(record)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
            stored = {
                "schema_version": _SCHEMA_VERSION,
                "sha256": file_sha256(path),
                "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
                "record": dataclasses.asdict(record),
            }
            write_atomically(_beside(path), (json.dumps(stored, indent=2) + "\n").encode())
        except (StorageError, OSError) as error:
            raise StorageError(
                f"pictures cannot be kept in {self.folder}; name another folder in {VARIABLE}: "
                f"{error}"
            ) from error
        return path

    def forget(self, record: PanoramaRecord) -> None:
        """Deletes a picture that turned out to be useless; fails silently."""
        path = self._path(record)
        for file in (_beside(path), path):
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                _log.warning("cannot delete %s: %s", file, error.strerror)

    def _path(self, record: PanoramaRecord) -> Path:
        return self.folder / "pictures" / record.key[:2] / record.key


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".json")
