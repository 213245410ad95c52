"""Sidecars: CSV or GeoJSON files beside panoramas that say where each was taken.

A CSV needs the columns ``file``, ``lat`` and ``lon`` (or ``latitude`` and ``longitude``); a
GeoJSON is a FeatureCollection of Points, each with a property ``file``. Both may give
``heading``, ``captured``, ``source`` and ``licence``. ``file`` is relative to the sidecar's own
folder. What a row leaves empty, the sidecar does not say.
"""

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from placeproof.errors import LibraryError, LocationError
from placeproof.location import Location

SIDECAR_SUFFIXES = frozenset({".csv", ".geojson"})
_YEAR_OR_MONTH = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2]))?")  # of ISO 8601, unknown to datetime
_Row = tuple[str, dict[str, str], str | None]  # where it stands, its fields, what is wrong with it


@dataclass(frozen=True, slots=True)
class SidecarEntry:
    """What a sidecar says of one picture; None where it says nothing.

    Attributes:
        file: Absolute path of the picture; there may be no such file.
        location: Where it was taken.
        heading: Compass bearing of the centre column, degrees in [0, 360).
        captured: ISO 8601 date, date and time, year or month.
        source: Where the picture came from.
        licence: Licence or attribution.
    """

    file: Path
    location: Location | None = None
    heading: float | None = None
    captured: str | None = None
    source: str | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used.

    Attributes:
        file: Absolute path of the picture that the row names, or of the sidecar where it names
            none.
        reason: What is wrong, with the sidecar's name and the row.
    """

    file: Path
    reason: str


def read_sidecar(path: Path) -> list[SidecarEntry | BadRow]:
    """Reads a CSV or GeoJSON of positions; a bad row does not spoil the others.

    Raises:
        LibraryError: If the file cannot be read, or is no sidecar at all.
    """
    read_rows = _geojson_rows if path.suffix.lower() == ".geojson" else _csv_rows
    sidecar = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LibraryError(f"{path.name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LibraryError(f"{path.name} is no UTF-8 text; save it as UTF-8") from error
    nameless: list[str] = []
    entries: dict[Path, SidecarEntry | BadRow] = {}
    for place, row, problem in read_rows(path, text):
        file = row.get("file", "")
        if not file or "\0" in file:
            nameless.append(place)
            continue
        picture = Path(os.path.normpath(sidecar.parent / file))
        entry: SidecarEntry | BadRow
        try:
            if problem:
                raise ValueError(problem)
            entry = _entry(picture, row)
        except (ValueError, LocationError) as error:
            entry = BadRow(picture, f"{path.name}, {place}: {error}")
        if entries.setdefault(picture, entry) != entry:
            # Neither of two contradicting rows can be trusted.
            reason = f"{path.name}, {place}: contradicts an earlier row of the same file"
            entries[picture] = BadRow(picture, reason)
    if nameless:
        entries[sidecar] = BadRow(sidecar, f"no file named in {', '.join(nameless)}")
    return list(entries.values())


def normalised_heading(degrees: float | None) -> float | None:
    """A compass bearing in [0, 360), or None where it is unknown or no finite number."""
    if degrees is None or not math.isfinite(degrees):
        return None
    heading = degrees % 360.0
    return heading if heading < 360.0 else 0.0  # -1e-20 % 360 is 360


def _csv_rows(path: Path, text: str) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if "file" not in header or not {"lat", "latitude"} & set(header):
            raise LibraryError(
                f"{path.name} is no list of positions: its first line must name the columns "
                "file, lat and lon, separated by commas"
            )
        for fields in reader:
            if any(field.strip() for field in fields):
                row = dict(zip(header, map(str.strip, fields), strict=False))
                too_long = len(fields) > len(header)
                problem = "more fields than columns; quote fields with commas" if too_long else None
                yield f"line {reader.line_num}", row, problem
    except csv.Error as error:
        raise LibraryError(f"{path.name} is no sound CSV: {error}") from error


def _geojson_rows(path: Path, text: str) -> Iterator[_Row]:
    try:
        features = json.loads(text)["features"]
        properties = [dict(feature.get("properties") or {}) for feature in features]
    except (json.JSONDecodeError, RecursionError) as error:
        raise LibraryError(f"{path.name} is no sound JSON: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LibraryError(f"{path.name} is no GeoJSON FeatureCollection") from error
    if not any("file" in values for values in properties):
        raise LibraryError(
            f"{path.name} is no list of positions: no feature has the property 'file'"
        )
    for number, (feature, values) in enumerate(zip(features, properties, strict=True), 1):
        problem = None
        match feature.get("geometry"):
            case None:
                pass
            case {"type": "Point", "coordinates": [longitude, latitude, *_]}:
                values |= {"lat": latitude, "lon": longitude}
            case _:
                problem = "its geometry is no Point"
        row = {name: str(value).strip() for name, value in values.items() if value is not None}
        yield f"feature {number}", row, problem


def _entry(picture: Path, row: Mapping[str, str]) -> SidecarEntry:
    """Raises ValueError or LocationError where a field is wrong."""
    captured = row.get("captured") or None
    if captured and not _YEAR_OR_MONTH.fullmatch(captured):
        try:
            datetime.fromisoformat(captured)
        except ValueError:
            raise ValueError(f"captured '{captured}' is no ISO 8601 date") from None
    return SidecarEntry(
        picture,
        location=_location(row),
        heading=normalised_heading(_number(row, "heading")),
        captured=captured,
        source=row.get("source") or None,
        licence=row.get("licence") or None,
    )


def _location(row: Mapping[str, str]) -> Location | None:
    latitude, longitude = _number(row, "lat", "latitude"), _number(row, "lon", "longitude")
    if latitude is None and longitude is None:
        return None
    if latitude is None or longitude is None:
        raise ValueError("gives only one of latitude and longitude")
    if latitude == longitude == 0:
        raise ValueError("position 0,0 stands for an unknown one; leave it empty")
    return Location(latitude, longitude)


def _number(row: Mapping[str, str], *names: str) -> float | None:
    """The number in the first of these fields that is not empty."""
    for name in names:
        if text := row.get(name):
            try:
                return float(text)
            except ValueError:
                raise ValueError(f"{name} '{text}' is no number") from None
    return None
