"""Folders of pictures, and where the pictures were taken."""

import os
from collections.abc import Mapping, Set
from pathlib import Path

from placeproof.errors import LibraryError, SuiteError
from placeproof.panoramas.intake import PICTURE_SUFFIXES
from placeproof.panoramas.sidecar import BadRow, SidecarEntry, read_sidecar

POSITIONS = "positions.csv"


def absolute(path: Path) -> Path:
    """The absolute path of an existing folder.

    Raises:
        SuiteError: If there is no such folder.
    """
    if not path.is_dir():
        raise SuiteError(f"{str(path)!r} is no folder")
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links


def subfolder(folder: Path, *names: str) -> Path:
    """The first of these subfolders that exists.

    Raises:
        SuiteError: If there is none.
    """
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    raise SuiteError(f"{folder.name} has no folder {' or '.join(names)}")


def pictures(folder: Path) -> list[Path]:
    """All pictures in a folder and below, by name; hidden ones are passed over.

    Raises:
        SuiteError: If there are none, or a folder cannot be read.
    """

    def refuse(problem: OSError) -> None:
        raise SuiteError(f"{problem.filename} cannot be read: {problem.strerror}") from problem

    found: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(parent, name)
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in PICTURE_SUFFIXES
        ]
    if not found:
        raise SuiteError(f"{folder.name} holds no pictures")
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def by_stem(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their names without suffix; of one below, with its folder.

    Raises:
        SuiteError: If there are none, or two have the same name.
    """
    found: dict[str, Path] = {}
    for path in pictures(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if found.setdefault(name, path) != path:
            raise SuiteError(
                f"{folder.name} has both {found[name].name!r} and {path.name!r}: which one is "
                "meant?"
            )
    return found


def positions(folder: Path) -> Mapping[Path, SidecarEntry]:
    """What ``positions.csv`` in a folder says of pictures; nothing if there is no such file.

    It has the columns of a library's sidecar: file (relative to it), lat, lon, and perhaps
    heading: of a panorama's centre column, or of a photo's optical axis.

    Raises:
        SuiteError: If it cannot be read, or a row is wrong.
    """
    listing = folder / POSITIONS
    if not listing.exists():
        return {}
    try:
        entries = read_sidecar(listing)
    except LibraryError as problem:
        raise SuiteError(str(problem)) from problem
    said: dict[Path, SidecarEntry] = {}
    for entry in entries:
        if isinstance(entry, BadRow):
            raise SuiteError(entry.reason)
        if not entry.file.is_file():
            raise SuiteError(f"{POSITIONS}: file '{entry.file}' does not exist")
        said[entry.file] = entry
    return said


def count_warning(queries: Set[Path], published: int) -> str:
    """A sentence for a suite's ``about`` where it has not as many queries as the paper says."""
    if len(queries) == published:
        return ""
    return (
        f" Warning: {len(queries)} queries, where the paper has {published}; results do not "
        "compare with the paper's."
    )
