"""Checks a local library, and makes a damaged one sound again without deleting anything."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from placeproof.errors import CorruptLibraryError, LibraryError, StorageError
from placeproof.panoramas.library import Library
from placeproof.panoramas.record_file import read_record, write_record
from placeproof.panoramas.source import PanoramaRecord

_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One panorama or stray file of a library.

    Attributes:
        path: The panorama's picture, or the file.
        problem: What is wrong, or was and has been repaired; None if nothing is.
    """

    path: Path
    problem: str | None


def check(library: Library) -> Iterator[Finding]:
    """Checks the index, then every panorama and every file; yields each, sound or not.

    Raises:
        CorruptLibraryError: If the index itself is damaged.
    """
    library.index.verify()
    ids, strays = _on_disk(library)
    indexed = {record.id: record for record in library.records()}
    for path in strays:
        yield Finding(path, "does not belong here")
    for panorama_id in sorted(ids | indexed.keys()):
        problem = _problem(library, panorama_id, indexed.get(panorama_id))
        yield Finding(library.picture_path(panorama_id), problem)


def repair(library: Library) -> Iterator[Finding]:
    """Makes a library sound; yields what it had to change.

    The index is rebuilt from the record files, a damaged record file from the index. Pictures
    that are damaged or of which no record is left, records without their picture, and stray
    files are moved to the folder ``set-aside``. Other processes cannot write meanwhile.

    Args:
        library: From :meth:`Library.find`; its index may be missing or damaged.

    Raises:
        StorageError: If a file cannot be moved or written; running it again goes on from there.
    """
    try:
        library.index.verify()
    except CorruptLibraryError:
        yield Finding(library.index.path, "the index is missing or damaged: rebuilt")
        # A journal left by a killed process must not be played into the new index.
        for path in library.folder.glob(f"{library.index.path.name}*"):
            _set_aside(library, path)
        library.index.create()
    with library.index.writing() as writer:
        ids, strays = _on_disk(library)
        indexed = {record.id: record for record in library.records()}
        for path in strays:
            _set_aside(library, path)
            yield Finding(path, "does not belong here: set aside")
        writer.clear()
        for panorama_id in sorted(ids | indexed.keys()):
            before = indexed.get(panorama_id)
            problem = _problem(library, panorama_id, before)
            record = _best_record(library, panorama_id, before)
            if record is None or library.picture_problem(panorama_id):
                _set_aside(library, library.record_path(panorama_id))
                _set_aside(library, library.picture_path(panorama_id))
                library.features.forget(panorama_id)
                yield Finding(library.picture_path(panorama_id), f"{problem}: set aside")
                continue
            if problem:
                write_record(library.record_path(panorama_id), record)
                yield Finding(library.picture_path(panorama_id), f"{problem}: repaired")
            writer.put(record)


def _problem(library: Library, panorama_id: str, indexed: PanoramaRecord | None) -> str | None:
    """What is wrong with one panorama, the worst first."""
    if problem := library.picture_problem(panorama_id):
        return f"the picture is {problem}"
    try:
        written = read_record(library.record_path(panorama_id))
    except CorruptLibraryError:
        return "its record file is damaged"
    if written is None:
        return "its record file is missing"
    if indexed is None:
        return "it is not in the index"
    return None if written == indexed else "its record file and the index differ"


def _best_record(
    library: Library, panorama_id: str, indexed: PanoramaRecord | None
) -> PanoramaRecord | None:
    """The record file is written before the index and therefore goes before it."""
    try:
        return read_record(library.record_path(panorama_id)) or indexed
    except CorruptLibraryError:
        return indexed


def _on_disk(library: Library) -> tuple[set[str], list[Path]]:
    """Ids of the panoramas of which a picture or a record is there, and all other files.

    Temporary files that a killed process left are neither; their names begin with a dot.
    """
    ids: set[str] = set()
    strays: list[Path] = []

    def fail(error: OSError) -> None:
        raise LibraryError(f"{error.filename} cannot be read: {error.strerror}") from error

    for parent, folders, names in os.walk(library.panoramas, onerror=fail):
        folders.sort()
        for path in (Path(parent, name) for name in sorted(names) if not name.startswith(".")):
            panorama_id = path.name.removesuffix(".json")
            in_place = path.parent == library.picture_path(panorama_id).parent
            if in_place and _ID.fullmatch(panorama_id):
                ids.add(panorama_id)
            else:
                strays.append(path)
    return ids, strays


def _set_aside(library: Library, path: Path) -> None:
    """Moves a file, if it is there, out of the library's way, under a free name."""
    folder = library.folder / "set-aside"
    free, number = folder / path.name, 0
    try:
        folder.mkdir(exist_ok=True)
        while free.exists():
            number += 1
            free = folder / f"{path.name}.{number}"
        path.rename(free)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"cannot move {path} to {free}: {error.strerror}") from error
