"""What servers answer, read without trusting it: a value of the expected kind, or none."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TypeGuard

from placeproof.errors import LocationError, NetworkError
from placeproof.location import Location
from placeproof.panoramas.intake import ASPECT_TOLERANCE, MIN_WIDTH
from placeproof.panoramas.sidecar import normalised_heading
from placeproof.panoramas.source import PanoramaRecord

# Enough for the network (1664 pixels across), and what providers offer ready-made.
MOST_WIDTH = 2048
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MOST_TEXT = 200  # characters


class UnusableError(Exception):
    """One item of an answer that is left out; says why. Never leaves a provider's module."""


def member(value: object, *names: str | int) -> object:
    """What stands at the end of a path into nested objects and lists; None where it ends."""
    for name in names:
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and isinstance(name, int) and 0 <= name < len(value):
            value = value[name]
        else:
            return None
    return value


def members(value: object, name: str, provider: str) -> list[object]:
    """The list that an answer has under a name.

    Raises:
        NetworkError: If there is none.
    """
    found = member(value, name)
    if not isinstance(found, list):
        raise NetworkError(f"{provider} answers something else than it documents: no '{name}'")
    return found


def number(value: object) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond any float
        return None


def text(value: object) -> str | None:
    """A text in one line, without what cannot be printed, of at most 200 characters."""
    if not isinstance(value, str):
        return None
    words = "".join(c if c.isprintable() else " " for c in value).split()
    return " ".join(words)[:_MOST_TEXT] or None


def identifier(value: object) -> str:
    """The name of a picture, which is safe in an address and in a log.

    Raises:
        UnusableError: If it is none.
    """
    if not is_identifier(value):
        raise UnusableError("it has no id")
    return value


def is_identifier(value: object) -> TypeGuard[str]:
    """Whether this is such a name."""
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


def place(latitude: object, longitude: object) -> Location:
    """A place on Earth.

    Raises:
        UnusableError: If it is none.
    """
    lat, lon = number(latitude), number(longitude)
    if lat is None or lon is None:
        raise UnusableError("it has no position")
    try:
        return Location(lat, lon)
    except LocationError as error:
        raise UnusableError(str(error)) from None


def point(geometry: object) -> Location:
    """The place of a GeoJSON point.

    Raises:
        UnusableError: If it is none.
    """
    if member(geometry, "type") != "Point":
        raise UnusableError("it has no position")
    return place(member(geometry, "coordinates", 1), member(geometry, "coordinates", 0))


def heading(value: object) -> float | None:
    """A compass bearing in [0, 360)."""
    return normalised_heading(number(value))


def time_of_ms(value: object) -> str | None:
    """Milliseconds since 1970 as an ISO 8601 time in UTC."""
    milliseconds = number(value)
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # no year that there is
        return None


def delivered_size(width: object, height: object) -> tuple[int, int]:
    """Width and height at which a panorama is delivered: at most 2048 pixels across, and W = 2 H.

    Args:
        width: Of the whole panorama in pixels, as its provider says.
        height: Likewise.

    Raises:
        UnusableError: If it is no full panorama, or too small.
    """
    across, down = number(width), number(height)
    if across is None or down is None or min(across, down) < 1:
        raise UnusableError("its size is not said")
    if abs(across / down / 2 - 1) > ASPECT_TOLERANCE:
        raise UnusableError(f"{across:.0f} x {down:.0f} pixels are no full panorama")
    if across < MIN_WIDTH:
        raise UnusableError(f"it is only {across:.0f} pixels wide")
    half = min(int(across), MOST_WIDTH) // 2
    return 2 * half, half


def nearest_first(
    records: Iterable[PanoramaRecord], location: Location, radius_m: float
) -> list[PanoramaRecord]:
    """Each panorama once, those beyond the radius left out, the nearest first."""
    by_id = {record.id: record for record in records}
    near = [(location.distance_m(record.location), record.id) for record in by_id.values()]
    return [by_id[name] for distance, name in sorted(near) if distance <= radius_m]
