"""Manifests: lists of pairs of pictures that show the same place, to train on (section 4.1).

A CSV, or a Parquet file through the extra ``train``, with one row for each pair:

* ``query``: the photo. Empty: the panorama serves for synthetic pairs and as a negative only.
* ``query_lat``, ``query_lon``: where it was taken, WGS 84 degrees; may be empty.
* ``panorama``: the panorama that shows the same place.
* ``panorama_lat``, ``panorama_lon``: where that was taken; may be empty.
* ``place``: a name; pictures that may show the same things have the same one.
* ``split``: ``train`` or ``development``; all of a place in the same one.
* ``mask``: a picture, white where the panorama shows what the query shows; may be empty.

Paths are relative to the manifest's own folder.
"""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scipy.spatial import KDTree

from placeproof import tables
from placeproof.errors import ManifestError
from placeproof.files import write_atomically
from placeproof.location import Location
from placeproof.training.places import ELSEWHERE_M, SAME_M, points

Split = Literal["train", "development"]
COLUMNS = (
    "query",
    "query_lat",
    "query_lon",
    "panorama",
    "panorama_lat",
    "panorama_lon",
    "place",
    "split",
    "mask",
)
_REQUIRED = ("query", "panorama", "place", "split")
_SPLITS: dict[str, Split] = {"train": "train", "development": "development"}


@dataclass(frozen=True, slots=True)
class Row:
    """A query and a panorama that show the same place, or a panorama alone.

    Attributes:
        query: Absolute path of the photo; None for a panorama alone.
        query_location: Where it was taken, if that is known.
        panorama: Absolute path of the panorama.
        panorama_location: Where it was taken, if that is known.
        place: Name of the place.
        split: Whether to train on it, or to choose and calibrate on it.
        mask: Absolute path of the true M_R on the panorama's pixels, if it is known.
    """

    query: Path | None
    query_location: Location | None
    panorama: Path
    panorama_location: Location | None
    place: str
    split: Split
    mask: Path | None

    def elsewhere(self, other: "Row") -> bool:
        """Whether this row's pictures and the panorama of ``other`` surely show different places.

        Where positions are known, of the panorama of ``other`` and of any of this row's
        pictures, all of them must be more than ``ELSEWHERE_M`` apart. Where they are not, the
        places must have different names.
        """
        if self.panorama == other.panorama:
            return False
        own = [known for known in (self.query_location, self.panorama_location) if known]
        if not own or other.panorama_location is None:
            return self.place != other.place
        return all(known.distance_m(other.panorama_location) > ELSEWHERE_M for known in own)


def read_manifest(path: Path) -> list[Row]:
    """Reads a manifest and checks all that it says.

    Args:
        path: A ``.csv`` or ``.parquet`` file.

    Raises:
        ManifestError: If it cannot be read; if a row lacks something, names a file that does not
            exist, or contradicts another; if a place stands in two splits, or a picture in two
            places, be it under two names less than ``SAME_M`` apart; if no row has a query.
    """
    table = tables.read_table(path, ManifestError)
    _check_columns(path, table.columns)
    known = _Known(path.name)
    rows = []
    for line in table.rows:
        row = _row(line)
        known.add(line.line, row)
        rows.append(row)
    if not any(row.query for row in rows):
        raise ManifestError(f"{path.name} has no pair: no row names a query")
    known.check_positions()
    return rows


def write_manifest(path: Path, rows: Sequence[Row]) -> None:
    """Writes a manifest, whole or not at all; see :func:`read_manifest`.

    Raises:
        ManifestError: If the suffix is neither ``.csv`` nor ``.parquet``, or pyarrow is missing.
        StorageError: If the file cannot be written.
    """
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100

    def relative(file: Path | None) -> str:
        return "" if file is None else Path(os.path.relpath(file, folder)).as_posix()

    records = [
        (
            relative(row.query),
            row.query_location and row.query_location.latitude,
            row.query_location and row.query_location.longitude,
            relative(row.panorama),
            row.panorama_location and row.panorama_location.latitude,
            row.panorama_location and row.panorama_location.longitude,
            row.place,
            row.split,
            relative(row.mask),
        )
        for row in rows
    ]
    tables.check_suffix(path, ManifestError)
    if path.suffix.lower() == ".parquet":
        pyarrow, parquet = tables.pyarrow_modules(ManifestError)
        numbers = {name for name in COLUMNS if name.endswith(("_lat", "_lon"))}
        schema = pyarrow.schema(
            [(name, pyarrow.float64() if name in numbers else pyarrow.string()) for name in COLUMNS]
        )
        columns = [[record[i] for record in records] for i in range(len(COLUMNS))]
        data = io.BytesIO()
        parquet.write_table(pyarrow.table(columns, schema=schema), data)
        write_atomically(path, data.getvalue())
    else:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *records])
        write_atomically(path, text.getvalue().encode())


def _check_columns(path: Path, header: Sequence[str]) -> None:
    if missing := [name for name in _REQUIRED if name not in header]:
        raise ManifestError(f"{path.name} lacks the column {missing[0]!r}")
    # A misspelt name of a column would else lose what it says.
    if unknown := [name for name in header if name not in COLUMNS]:
        raise ManifestError(
            f"{path.name} has a column {unknown[0]!r}; columns are {', '.join(COLUMNS)}"
        )


def _row(line: tables.Row) -> Row:
    query, panorama, mask = line.file("query"), line.required_file("panorama"), line.file("mask")
    query_location = line.location("query_lat", "query_lon")
    if query is None and (mask or query_location):
        raise ManifestError(f"{line.where}: query is empty, but its mask or position is not")
    place = line.required("place")
    split = _SPLITS.get(line.text("split"))
    if split is None:
        raise ManifestError(
            f"{line.where}: split {line.text('split')!r} is neither 'train' nor 'development'"
        )
    return Row(
        query=query,
        query_location=query_location,
        panorama=panorama,
        panorama_location=line.location("panorama_lat", "panorama_lon"),
        place=place,
        split=split,
        mask=mask,
    )


class _Known:
    """What the rows so far have said of pictures and places, and where.

    Args:
        name: The manifest's, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pairs: dict[tuple[Path, Path], str] = {}
        self._splits: dict[str, tuple[str, str]] = {}
        self._pictures: dict[Path, tuple[tuple[str, Location | None], str]] = {}
        self._located: list[tuple[Location, Row, str]] = []

    def add(self, where: str, row: Row) -> None:
        """Raises ManifestError where a row contradicts an earlier one."""
        place = f"place {row.place!r}"
        split, first = self._splits.setdefault(row.place, (row.split, where))
        if split != row.split:
            raise self._error(where, f"{place} is in split {row.split!r}, but {split!r} at {first}")
        pictures = [(row.panorama, row.panorama_location)]
        if row.query is not None:
            pictures.append((row.query, row.query_location))
            first = self._pairs.setdefault((row.query, row.panorama), where)
            if first != where:
                raise self._error(where, f"the same query and panorama as at {first}")
        for picture, location in pictures:
            said = (row.place, location)
            if picture not in self._pictures and location is not None:
                self._located.append((location, row, where))
            before, first = self._pictures.setdefault(picture, (said, where))
            if before[0] != row.place:
                raise self._error(
                    where, f"{picture.name!r} is of {place}, but of {before[0]!r} at {first}"
                )
            if before != said:
                raise self._error(where, f"{picture.name!r} has another position than at {first}")

    def check_positions(self) -> None:
        """Raises ManifestError where two splits have pictures of one place under two names."""
        located = {
            split: [entry for entry in self._located if entry[1].split == split]
            for split in ("train", "development")
        }
        train, development = located["train"], located["development"]
        if not train or not development:
            return
        tree = KDTree(points([location for location, _, _ in train]))
        distances, nearest = tree.query(points([location for location, _, _ in development]))
        worst = int(distances.argmin())
        if distances[worst] < SAME_M:
            _, row, where = development[worst]
            _, other, first = train[nearest[worst]]
            raise self._error(
                where,
                f"place {row.place!r} in split {row.split!r} is {distances[worst]:.0f} m from "
                f"place {other.place!r} in split {other.split!r} at {first}: they are the same",
            )

    def _error(self, where: str, what: str) -> ManifestError:
        return ManifestError(f"{self._name}, {where}: {what}")
