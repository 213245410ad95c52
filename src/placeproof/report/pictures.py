"""Overlay pictures as files: one sheet for each panorama that was compared."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placeproof.files import write_atomically
from placeproof.panoramas.source import PanoramaRecord, PanoramaSource
from placeproof.report.overlay import overlay
from placeproof.report.point_matches import point_matches
from placeproof.results import Verification

_QUALITY = 90  # of JPEG
_ID_CHARACTERS = 12


class Panoramas(Sequence[NDArray[np.uint8]]):
    """Pixels of panoramas, (H, W, 3) uint8 each, that are fetched whenever they are asked for.

    Args:
        source: Where to fetch them.
        records: Which, in order.
    """

    def __init__(self, source: PanoramaSource, records: Sequence[PanoramaRecord]) -> None:
        self._source = source
        self._records = records

    def __getitem__(self, index: Any) -> Any:
        return self._source.fetch(self._records[index])

    def __len__(self) -> int:
        return len(self._records)


def write_overlays(
    verification: Verification,
    photo: NDArray[np.uint8],
    panoramas: Sequence[NDArray[np.uint8]],
    folder: Path,
) -> list[Path]:
    """Writes one sheet for each panorama, as ``street-01-0123456789ab.jpg``.

    Its name is made of the photo's, the panorama's rank by distance, and the panorama's id. Where
    a second look found points, there is another one, whose name ends in ``-points``. Of a panorama
    whose terms forbid that its pictures are kept, there is one sheet with the photo and the masks,
    which says so.

    Args:
        verification: What to draw.
        photo: (h, w, 3) sRGB pixels of the photo.
        panoramas: (H, W, 3) sRGB pixels of each panorama, in the order of
            ``verification.evidence``; taken one at a time.
        folder: An existing folder.

    Returns:
        The files, in the same order.

    Raises:
        StorageError: If a file cannot be written.
    """
    stem = verification.provenance.photo.stem
    paths = []
    for index, evidence in enumerate(verification.evidence):
        name = re.sub(r"[^A-Za-z0-9_-]", "_", evidence.record.id[:_ID_CHARACTERS])
        path = folder / f"{stem}-{index + 1:02}-{name}.jpg"
        pixels = panoramas[index] if evidence.record.may_keep else None
        write_picture(overlay(evidence.comparison, photo, pixels), path)
        paths.append(path)
        look = evidence.second_look
        points = None if look is None or pixels is None else point_matches(look, photo, pixels)
        if points is not None:
            paths.append(path.with_stem(f"{path.stem}-points"))
            write_picture(points, paths[-1])
    return paths


def write_picture(picture: Image.Image, path: Path) -> None:
    """Writes a picture, whole or not at all: as PNG if the name says so, and else as JPEG.

    Raises:
        StorageError: If the file cannot be written.
    """
    buffer = io.BytesIO()
    picture.save(buffer, "PNG" if path.suffix.lower() == ".png" else "JPEG", quality=_QUALITY)
    write_atomically(path, buffer.getvalue())
