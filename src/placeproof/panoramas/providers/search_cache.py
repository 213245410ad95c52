"""What a provider answered to a search, kept for a day: the same search is not sent again."""

import dataclasses
import hashlib
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from placeproof.errors import LocationError, StorageError
from placeproof.files import write_atomically
from placeproof.location import Location
from placeproof.panoramas.source import PanoramaRecord

KEPT_S = 24 * 3600.0
_SCHEMA_VERSION = 1

_log = logging.getLogger(__name__)


class SearchCache:
    """One JSON file for each search. Whatever goes wrong with it costs a search, nothing else.

    Args:
        folder: Where the files go; made when the first is written.
    """

    def __init__(self, folder: Path, *, _now: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._now = _now

    def get(
        self, provider: str, location: Location, radius_m: float
    ) -> list[PanoramaRecord] | None:
        """What :meth:`put` stored of the same search in the last 24 hours, or None."""
        path = self._path(provider, location, radius_m)
        try:
            stored = json.loads(path.read_bytes())
            if stored["schema_version"] != _SCHEMA_VERSION:
                return None
            if not 0 <= self._now() - stored["time"] < KEPT_S:
                return None
            return [_record(fields) for fields in stored["records"]]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, LocationError) as error:
            _log.warning("cached search %s is damaged and will be done anew: %s", path, error)
            return None

    def put(
        self, provider: str, location: Location, radius_m: float, records: list[PanoramaRecord]
    ) -> None:
        """Stores the answer to a search.

        Args:
            provider: The server that was asked.
            location: Where panoramas were looked for.
            radius_m: How far around it, metres.
            records: What was found.
        """
        path = self._path(provider, location, radius_m)
        stored = {
            "schema_version": _SCHEMA_VERSION,
            "time": self._now(),
            "records": [dataclasses.asdict(record) for record in records],
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(stored).encode())
        except (StorageError, OSError) as error:
            _log.warning("a search is not cached: %s", error)

    def _path(self, provider: str, location: Location, radius_m: float) -> Path:
        search = json.dumps([provider, location.latitude, location.longitude, radius_m])
        return self.folder / f"{hashlib.sha256(search.encode()).hexdigest()}.json"


def _record(fields: dict[str, Any]) -> PanoramaRecord:
    return PanoramaRecord(**(fields | {"location": Location(**fields["location"])}))
