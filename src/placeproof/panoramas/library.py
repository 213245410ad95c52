"""The local library: a folder of panoramas that placeproof manages, searched by place.

The folder holds::

    placeproof-library.txt       says that the folder is a library
    index.sqlite                 every record, searchable by place
    panoramas/ab/abcd…           a picture, named by the SHA-256 of its bytes
    panoramas/ab/abcd….json      its record; the index can be rebuilt from these
    features/                    what extractors made of the pictures; a cache
    set-aside/                   what ``placeproof library check --repair`` took out

A panorama enters as picture, then record file, then index row, and leaves the other way round,
each file put in place whole, all while the index is locked. So whenever the program is killed,
whatever the index lists is there, and the same ``add`` or ``remove`` completes the rest.
"""

import hashlib
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_data_path

from placeproof.errors import (
    CorruptLibraryError,
    LibraryError,
    PlaceproofError,
    StorageError,
)
from placeproof.files import file_sha256, write_atomically
from placeproof.images import read_picture
from placeproof.location import Location
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.panoramas.index import PanoramaIndex
from placeproof.panoramas.intake import Candidate, describe, gather, read_original, revise
from placeproof.panoramas.record_file import write_record
from placeproof.panoramas.source import PanoramaRecord

_MARKER = "placeproof-library.txt"
_MARKER_TEXT = """This folder is a panorama library of placeproof.
Change it with `placeproof library` only; what is put in by hand is not found.
"""
_ID_PREFIX = re.compile(r"[0-9a-f]{4,64}")


def default_library_folder() -> Path:
    """Where the library is unless the user names another folder."""
    return user_data_path("placeproof", appauthor=False) / "library"


class Outcome(StrEnum):
    """What became of a file that was to be added."""

    ADDED = "added"
    UPDATED = "updated"
    ALREADY_THERE = "already there"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class AddResult:
    """What became of one file, and why.

    Attributes:
        path: Absolute path of the file.
        outcome: What became of it.
        record: The panorama's record in the library; None if the file was rejected.
        reason: Why it was rejected; None if it was not.
    """

    path: Path
    outcome: Outcome
    record: PanoramaRecord | None
    reason: str | None


class Library:
    """A :class:`~placeproof.panoramas.source.PanoramaSource` on the local disk.

    A panorama's id is its content hash, so the same picture under two names is one panorama.
    Get one by :meth:`open` or :meth:`create_or_open`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.panoramas = folder / "panoramas"
        self.features = FeatureCache(folder / "features")
        here = shlex.quote(str(folder))
        remedy = f"rebuild it with: placeproof library check --repair --library {here}"
        self.index = PanoramaIndex(folder / "index.sqlite", remedy)

    @classmethod
    def open(cls, folder: Path) -> "Library":
        """Opens a library.

        Raises:
            LibraryError: If the folder is no library or cannot be read.
            CorruptLibraryError: If its index is missing or damaged.
        """
        library = cls.find(folder)
        len(library)  # recognises the index
        return library

    @classmethod
    def create_or_open(cls, folder: Path) -> "Library":
        """Opens a library; makes it where the folder is empty or missing.

        Raises:
            LibraryError: If the folder holds other things or cannot be read.
            CorruptLibraryError: If the index is missing or damaged.
            StorageError: If the disk is full.
        """
        library = cls(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / _MARKER).exists():
                # The marker comes last: a killed process leaves an index at the most.
                beside = (".", library.index.path.name)
                if any(not entry.name.startswith(beside) for entry in folder.iterdir()):
                    raise LibraryError(
                        f"{folder} holds other things and is no panorama library; "
                        "name a new or an empty folder"
                    )
                library.index.create()
                len(library)  # recognises the index
                write_atomically(folder / _MARKER, _MARKER_TEXT.encode())
        except OSError as error:
            raise LibraryError(f"{folder} cannot be used: {error.strerror}") from error
        return cls.open(folder)

    @classmethod
    def find(cls, folder: Path) -> "Library":
        """A library whose index may be damaged, for repairs.

        Raises:
            LibraryError: If the folder is no library or cannot be read.
        """
        try:
            if not (folder / _MARKER).exists():
                what = "is no panorama library" if folder.exists() else "does not exist"
                raise LibraryError(
                    f"{folder} {what}; make one with: "
                    f"placeproof library add PATH --library {shlex.quote(str(folder))}"
                )
        except OSError as error:
            raise LibraryError(f"{folder} cannot be read: {error.strerror}") from error
        return cls(folder)

    def __len__(self) -> int:
        return len(self.index)

    def records(self) -> list[PanoramaRecord]:
        """All records, by id."""
        return self.index.with_prefix("")

    def search(self, location: Location, radius_m: float) -> list[PanoramaRecord]:
        """All panoramas within ``radius_m`` metres of ``location``, nearest first.

        Raises:
            LocationError: If the radius is negative or not a finite number.
        """
        return self.index.search(location, radius_m)

    def fetch(self, record: PanoramaRecord) -> NDArray[np.uint8]:
        """Pixels of one panorama, (H, W, 3) uint8, sRGB.

        Raises:
            CorruptLibraryError: If the picture is missing or no longer the one that was added.
        """
        if problem := self.picture_problem(record.id):
            raise CorruptLibraryError(
                f"the picture of panorama {record.id[:12]} in {self.folder} is {problem}; "
                "add the original again, or take it out with: placeproof library remove "
                f"{record.id[:12]} --library {shlex.quote(str(self.folder))}"
            )
        return read_picture(self.picture_path(record.id)).pixels

    def add(self, paths: Iterable[Path]) -> Iterator[AddResult]:
        """Adds files, folders (with all below) and sidecars; yields what became of each file.

        See :func:`~placeproof.panoramas.intake.gather` for the files that paths stand for.

        Raises:
            StorageError: If the disk is full; what was added before stays.
            CorruptLibraryError: If the index is damaged.
        """
        return map(self.add_candidate, gather(paths))

    def add_candidate(self, candidate: Candidate) -> AddResult:
        """Adds one file; see :meth:`add`.

        A picture that is there already gets what its sidecar says now, and keeps what the
        sidecar leaves out. A stored picture that has become damaged is replaced.
        """
        path, said = candidate.path, candidate.said
        if candidate.problem:
            return AddResult(path, Outcome.REJECTED, None, candidate.problem)
        try:
            data = read_original(path)
        except LibraryError as error:
            return AddResult(path, Outcome.REJECTED, None, str(error))
        content_hash = hashlib.sha256(data).hexdigest()
        known = self.index.get(content_hash)
        try:
            record = revise(known, said) if known else describe(path, said)
        except PlaceproofError as error:
            return AddResult(path, Outcome.REJECTED, None, str(error))
        if record.id != content_hash:
            return AddResult(path, Outcome.REJECTED, None, "changed while it was read")
        with self.index.writing() as writer:
            before = writer.get(record.id)
            damaged = self.picture_problem(record.id) is not None
            if damaged:
                self._make_shard(record.id)
                write_atomically(self.picture_path(record.id), data)
            if damaged or before != record:
                write_record(self.record_path(record.id), record)
                writer.put(record)
        if before is None:
            return AddResult(path, Outcome.ADDED, record, None)
        changed = damaged or before != record
        return AddResult(path, Outcome.UPDATED if changed else Outcome.ALREADY_THERE, record, None)

    def resolve(self, prefix: str) -> PanoramaRecord:
        """The one record whose id begins with ``prefix``, of at least 4 hexadecimal digits.

        Raises:
            LibraryError: If there is none, or more than one.
        """
        if not _ID_PREFIX.fullmatch(prefix.lower()):
            raise LibraryError(f"'{prefix}' is no panorama id: write 4 to 64 of its digits 0-9a-f")
        match self.index.with_prefix(prefix.lower()):
            case [record]:
                return record
            case []:
                raise LibraryError(f"no panorama in {self.folder} has an id like '{prefix}'")
            case several:
                ids = ", ".join(record.id[: len(prefix) + 8] for record in several[:5])
                raise LibraryError(f"'{prefix}' begins {len(several)} panorama ids: {ids}")

    def remove(self, panorama_id: str) -> None:
        """Deletes a panorama, its record and its cached features, if it is there.

        Raises:
            StorageError: If a file cannot be deleted; ``check --repair`` then sets it aside.
        """
        with self.index.writing() as writer:
            writer.delete(panorama_id)
        # The row is gone for good before any file is; and if another process adds the panorama
        # again in between, its files stay.
        with self.index.writing() as writer:
            if writer.get(panorama_id) is None:
                try:
                    self.record_path(panorama_id).unlink(missing_ok=True)
                    self.picture_path(panorama_id).unlink(missing_ok=True)
                except OSError as error:
                    reason = f"cannot delete {error.filename}: {error.strerror}"
                    raise StorageError(reason) from error
                self.features.forget(panorama_id)

    def picture_path(self, panorama_id: str) -> Path:
        """Where the picture of a panorama is."""
        return self.panoramas / panorama_id[:2] / panorama_id

    def record_path(self, panorama_id: str) -> Path:
        """Where the record file of a panorama is."""
        return self.panoramas / panorama_id[:2] / f"{panorama_id}.json"

    def picture_problem(self, panorama_id: str) -> str | None:
        """``"missing"``, ``"unreadable"`` or ``"damaged"``; None if the picture is sound."""
        try:
            digest = file_sha256(self.picture_path(panorama_id))
        except FileNotFoundError:
            return "missing"
        except OSError as error:
            return f"unreadable ({error.strerror})"
        return None if digest == panorama_id else "damaged"

    def _make_shard(self, panorama_id: str) -> None:
        folder = self.picture_path(panorama_id).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make {folder}: {error.strerror}") from error
