"""A panorama's record as a JSON file beside its picture."""

import json
from pathlib import Path
from typing import Any

from placeproof.errors import CorruptLibraryError, LocationError
from placeproof.files import write_atomically
from placeproof.location import Location
from placeproof.panoramas.source import PanoramaRecord

_SCHEMA_VERSION = 1


def record_as_dict(record: PanoramaRecord) -> dict[str, Any]:
    """The record's fields for JSON, flat; ``sha256`` is the content hash."""
    return {
        "id": record.id,
        "latitude": record.location.latitude,
        "longitude": record.location.longitude,
        "heading": record.heading,
        "captured": record.captured,
        "source": record.source,
        "licence": record.licence,
        "sha256": record.content_hash,
        "width": record.width,
        "height": record.height,
    }


def write_record(path: Path, record: PanoramaRecord) -> None:
    """Writes a record file, whole or not at all.

    Raises:
        StorageError: If it cannot be written.
    """
    fields = {"schema_version": _SCHEMA_VERSION} | record_as_dict(record)
    write_atomically(path, (json.dumps(fields, indent=2) + "\n").encode())


def read_record(path: Path) -> PanoramaRecord | None:
    """Reads a record file; None if there is none.

    Raises:
        CorruptLibraryError: If the file cannot be read or holds no record of this version.
    """
    try:
        fields = json.loads(path.read_bytes())
        if fields.pop("schema_version") != _SCHEMA_VERSION:
            raise ValueError("another schema version")
        location = Location(fields.pop("latitude"), fields.pop("longitude"))
        record = PanoramaRecord(location=location, content_hash=fields.pop("sha256"), **fields)
        if not record.id == record.content_hash == path.stem:
            raise ValueError("the record of another panorama")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, LocationError) as error:
        raise CorruptLibraryError(f"record file {path} is damaged: {error}") from error
    return record
