"""What a picture says of itself: GPS position, heading and date (EXIF), panorama (GPano XMP).

Anyone can write these fields, and many devices write them wrongly: whatever is damaged or makes
no sense is left out, and never an error.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from numbers import Real
from typing import Any

from defusedxml import ElementTree
from PIL import ExifTags, Image

from placeproof.errors import LocationError
from placeproof.location import Location

_GPANO = "{http://ns.google.com/photos/1.0/panorama/}"  # https://developers.google.com/streetview
_Fields = Mapping[int, Any]  # an EXIF directory: values of whatever type by tag


@dataclass(frozen=True, slots=True)
class GPano:
    """What a picture's GPano XMP says of the panorama that it is.

    Attributes:
        projection_type: Such as ``equirectangular``; None where it is not said.
        cropped_size: Width and height in pixels of the part of the panorama that the picture
            shows; None where either is not said.
        full_size: Width and height in pixels of the whole panorama; None likewise.
    """

    projection_type: str | None
    cropped_size: tuple[int, int] | None
    full_size: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a picture says of itself.

    Attributes:
        location: Its EXIF GPS position; None where there is none that could be used.
        location_problem: Why a GPS position that is there cannot be used: a few words that fit
            in brackets. None with a location, and where there is no GPS position.
        heading: Compass bearing from true north in degrees, finite: of the centre column
            (GPano), or else of the camera (EXIF); None where it is not said.
        captured: ISO 8601 date and time, with the offset from UTC where that is said.
        focal_35mm: Focal length in millimetres of a 35 mm camera with the same diagonal field of
            view, in [5, 2000]; None where it is not said.
        gpano: None without GPano XMP.
    """

    location: Location | None
    location_problem: str | None
    heading: float | None
    captured: str | None
    focal_35mm: float | None
    gpano: GPano | None


def read_metadata(image: Image.Image) -> Metadata:
    """Reads what an opened and loaded picture says of itself; never fails."""
    xmp = _gpano_fields(image.info.get("xmp"))
    gps = _directory(image, ExifTags.IFD.GPSInfo)
    location, problem = None, None
    try:
        location = _location(gps)
    except (ValueError, LocationError) as error:
        problem = str(error)
    heading = _finite(xmp.get("PoseHeadingDegrees"))
    if heading is None and _text(gps.get(ExifTags.GPS.GPSImgDirectionRef)).upper() == "T":
        heading = _finite(gps.get(ExifTags.GPS.GPSImgDirection))
    exif = _directory(image, ExifTags.IFD.Exif)
    focal = _finite(exif.get(ExifTags.Base.FocalLengthIn35mmFilm))
    if focal is not None and not 5 <= focal <= 2000:  # 0 says that it is unknown
        focal = None
    return Metadata(location, problem, heading, _captured(exif), focal, _gpano(xmp))


def orientation(image: Image.Image) -> int:
    """The EXIF orientation of an opened and loaded picture, 1 (upright) to 8; 1 if in doubt."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF, see _directory
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _directory(image: Image.Image, tag: ExifTags.IFD) -> _Fields:
    """One of the EXIF directories; empty where it is missing or damaged."""
    try:
        return image.getexif().get_ifd(tag)
    except Exception:  # Pillow's parser lets slip whatever a damaged directory provokes
        return {}


def _location(gps: _Fields) -> Location | None:
    """The position in a GPS directory; raises ValueError or LocationError if it is unusable."""
    names = ("Latitude", "N", "S"), ("Longitude", "E", "W")
    values = [gps.get(ExifTags.GPS[f"GPS{name}"]) for name, _, _ in names]
    if values == [None, None]:
        return None
    if _text(gps.get(ExifTags.GPS.GPSMapDatum)).upper().startswith("TOKYO"):
        raise ValueError("its GPS position is on the Tokyo datum, 400 m off WGS 84")
    degrees = []
    for value, (name, positive, negative) in zip(values, names, strict=True):
        if value is None:
            raise ValueError(f"its GPS position has no {name.lower()}")
        ref = _text(gps.get(ExifTags.GPS[f"GPS{name}Ref"])).upper()
        if ref not in (positive, negative):
            raise ValueError(f"its GPS {name.lower()} does not say {positive} or {negative}")
        degrees.append(_degrees(value, name.lower()) * (1 if ref == positive else -1))
    latitude, longitude = degrees
    if latitude == longitude == 0:
        raise ValueError("its GPS position is 0,0, which stands for an unknown one")
    try:
        return Location(latitude, longitude)
    except LocationError as error:
        raise ValueError(f"its GPS {error}") from None


def _degrees(value: object, name: str) -> float:
    """Degrees, minutes and seconds, of which the last may be missing, as degrees."""
    parts = value if isinstance(value, tuple) else (value,)
    numbers = [number for number in map(_finite, parts) if number is not None]
    if not 1 <= len(parts) == len(numbers) <= 3:  # such as 0/0 or text
        raise ValueError(f"its GPS {name} is no number")
    if min(numbers) < 0 or max(numbers[1:], default=0) > 60:
        raise ValueError(f"its GPS {name} is not in degrees, minutes and seconds")
    return sum(number / 60.0**power for power, number in enumerate(numbers))


def _captured(exif: _Fields) -> str | None:
    """DateTimeOriginal, with OffsetTimeOriginal where that makes sense."""
    try:
        time = datetime.strptime(
            _text(exif.get(ExifTags.Base.DateTimeOriginal)), "%Y:%m:%d %H:%M:%S"
        )
    except ValueError:
        return None
    try:
        offset = _text(exif.get(ExifTags.Base.OffsetTimeOriginal))
        time = time.replace(tzinfo=datetime.strptime(offset, "%z").tzinfo)
    except ValueError:
        pass
    return time.isoformat()


def _gpano_fields(xmp: object) -> dict[str, str]:
    """The GPano fields of an XMP packet, attributes and elements; none if it is damaged."""
    if not isinstance(xmp, bytes):
        return {}
    try:
        root = ElementTree.fromstring(xmp.rstrip(b"\0 \n"))
    except Exception:  # no XML, or with entities, or in an encoding that is no such thing
        return {}
    fields: dict[str, str] = {}
    for element in root.iter():
        for name, value in [*element.attrib.items(), (element.tag, element.text)]:
            if isinstance(name, str) and name.startswith(_GPANO) and value:
                fields.setdefault(name.removeprefix(_GPANO), value.strip())
    return fields


def _gpano(fields: Mapping[str, str]) -> GPano | None:
    if not fields:
        return None
    projection = "".join(filter(str.isprintable, fields.get("ProjectionType", "")))[:40]
    return GPano(
        projection_type=projection or None,
        cropped_size=_size(fields, "CroppedAreaImage"),
        full_size=_size(fields, "FullPano"),
    )


def _size(fields: Mapping[str, str], name: str) -> tuple[int, int] | None:
    """Width and height, both positive."""
    width = _finite(fields.get(f"{name}WidthPixels"))
    height = _finite(fields.get(f"{name}HeightPixels"))
    if width is None or height is None or min(width, height) < 1:
        return None
    return int(width), int(height)


def _finite(value: object) -> float | None:
    """A number, or a text that is one, as a float; None if it is none, or not a finite one."""
    if not isinstance(value, (Real, str)):
        return None
    try:
        number = float(value)
    except (ValueError, ArithmeticError):
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str:
    """An EXIF text without padding; empty if it is none."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return value.strip("\0 ") if isinstance(value, str) else ""
