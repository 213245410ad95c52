"""What may enter a local library: which files of the paths given, and why not the others."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from placeproof.errors import LibraryError, NotEquirectangularError
from placeproof.images import MAX_BYTES, Picture, read_picture
from placeproof.panoramas.sidecar import (
    SIDECAR_SUFFIXES,
    BadRow,
    SidecarEntry,
    normalised_heading,
    read_sidecar,
)
from placeproof.panoramas.source import PanoramaRecord

PICTURE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".heic", ".heif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)
MIN_WIDTH = 512  # pixels; below it a view of 90 degrees has fewer than 128 columns
ASPECT_TOLERANCE = 0.01
UNNAMED_SOURCE = "local"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to be added, or a reason against it that is known before it is read.

    Attributes:
        path: Absolute path of the file.
        said: What a sidecar says of it, or None.
        problem: Why it cannot be added, or None.
    """

    path: Path
    said: SidecarEntry | None = None
    problem: str | None = None


def gather(paths: Iterable[Path]) -> list[Candidate]:
    """Lists the files that the paths stand for, each once, in order.

    A folder stands for all pictures in it and below, and for all that sidecars there name; a
    sidecar for the pictures that it names; any other file for itself, with the sidecars beside
    it. Of several sidecars that name one file, one given as a path is believed first, then one
    in a deeper folder, then the last by name. Hidden files and folders are passed over.
    """
    gathered: dict[Path, Candidate] = {}
    siblings: dict[Path, dict[Path, Candidate]] = {}  # what the sidecars of a folder say
    given: list[Candidate] = []
    for path in (Path(os.path.abspath(path)) for path in paths):  # noqa: PTH100 - keeps links
        if os.path.isdir(path):  # noqa: PTH112 - False where access is denied, and no error
            gathered |= _in_folder(path)
        elif _is_sidecar(path):
            given += _read(path)
        else:
            if path.parent not in siblings:
                siblings[path.parent] = _beside(path.parent)
            known = siblings[path.parent]
            unread = (path.parent, *filter(_is_sidecar, known))
            gathered |= {key: known[key] for key in unread if key in known}
            gathered[path] = known.get(path, Candidate(path))
    gathered |= {candidate.path: candidate for candidate in given}
    return list(gathered.values())


def read_original(path: Path) -> bytes:
    """The bytes of a file that is to be added.

    Raises:
        LibraryError: If there is no such file, or it is out of reach or too large.
    """
    try:
        if not path.is_file():
            raise LibraryError("no such file")
        if path.stat().st_size > MAX_BYTES:
            raise LibraryError("larger than 2 GiB")
        return path.read_bytes()
    except OSError as error:
        raise LibraryError(f"cannot be read: {error.strerror}") from error


def describe(path: Path, said: SidecarEntry | None) -> PanoramaRecord:
    """Reads a panorama and everything that is known of it; a sidecar's word goes before EXIF's.

    Raises:
        NotEquirectangularError: If it is no full equirectangular panorama.
        LibraryError: If nothing says where it was taken.
        PlaceproofError: If it cannot be read as a picture.
    """
    picture = read_picture(path)
    require_equirectangular(picture)
    metadata = picture.metadata
    said = said or SidecarEntry(path)
    location = said.location or metadata.location
    if location is None:
        why = metadata.location_problem or "neither its EXIF nor a CSV or GeoJSON beside it has one"
        raise LibraryError(f"no position: {why}")
    height, width = picture.pixels.shape[:2]
    heading = normalised_heading(metadata.heading) if said.heading is None else said.heading
    return PanoramaRecord(
        id=picture.sha256,
        location=location,
        heading=heading,
        captured=said.captured or metadata.captured,
        source=said.source or UNNAMED_SOURCE,
        licence=said.licence,
        content_hash=picture.sha256,
        width=width,
        height=height,
    )


def revise(known: PanoramaRecord, said: SidecarEntry | None) -> PanoramaRecord:
    """A record with what a sidecar says now; the picture's own metadata are the same as ever."""
    if said is None:
        return known
    return replace(
        known,
        location=said.location or known.location,
        heading=known.heading if said.heading is None else said.heading,
        captured=said.captured or known.captured,
        source=said.source or known.source,
        licence=said.licence or known.licence,
    )


def require_equirectangular(picture: Picture) -> None:
    """Raises NotEquirectangularError, saying why, unless this is a full 360 x 180 panorama."""
    height, width = picture.pixels.shape[:2]
    gpano = picture.metadata.gpano
    if gpano and gpano.projection_type and gpano.projection_type.lower() != "equirectangular":
        raise NotEquirectangularError(
            f"not equirectangular: its GPano metadata name the projection {gpano.projection_type}"
        )
    if gpano and gpano.cropped_size and gpano.full_size and gpano.cropped_size != gpano.full_size:
        part, whole = ("{} x {}".format(*size) for size in (gpano.cropped_size, gpano.full_size))
        raise NotEquirectangularError(f"only a part of a panorama: {part} of {whole} pixels")
    if abs(width / height / 2 - 1) > ASPECT_TOLERANCE:
        raise NotEquirectangularError(
            f"not equirectangular: {width} x {height} pixels are not twice as wide as high"
        )
    if width < MIN_WIDTH:
        raise NotEquirectangularError(f"too small: {width} pixels wide, {MIN_WIDTH} are needed")


def _in_folder(folder: Path) -> dict[Path, Candidate]:
    """All pictures in a folder and below, with what the sidecars there say of them."""
    unreadable: list[OSError] = []
    files: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=unreadable.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [Path(parent, name) for name in sorted(names) if not name.startswith(".")]
    pictures = [path for path in files if path.suffix.lower() in PICTURE_SUFFIXES]
    problems = [
        Candidate(Path(error.filename), problem=f"cannot be read: {error.strerror}")
        for error in unreadable
    ]
    return (
        {path: Candidate(path) for path in pictures}
        | _read_all(files)
        | {problem.path: problem for problem in problems}
    )


def _beside(folder: Path) -> dict[Path, Candidate]:
    """What the sidecars in a folder say, of whatever files; also if it cannot be listed."""
    try:
        return _read_all(sorted(folder.iterdir()))
    except (FileNotFoundError, NotADirectoryError):
        return {}  # so there is no file either, which is said of the file
    except OSError as error:
        return {folder: Candidate(folder, problem=f"cannot be read: {error.strerror}")}


def _is_sidecar(path: Path) -> bool:
    return path.suffix.lower() in SIDECAR_SUFFIXES


def _read_all(files: Iterable[Path]) -> dict[Path, Candidate]:
    """What those of the files that are sidecars say, deeper ones overruling shallower ones."""
    sidecars = sorted(filter(_is_sidecar, files), key=lambda path: (len(path.parts), path))
    return {candidate.path: candidate for path in sidecars for candidate in _read(path)}


def _read(sidecar: Path) -> Iterator[Candidate]:
    try:
        entries = read_sidecar(sidecar)
    except LibraryError as error:
        yield Candidate(sidecar, problem=str(error))
        return
    for entry in entries:
        match entry:
            case BadRow():
                yield Candidate(entry.file, problem=entry.reason)
            case SidecarEntry():
                yield Candidate(entry.file, said=entry)
