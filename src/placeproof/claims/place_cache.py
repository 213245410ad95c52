"""Answers of geocoding services on disk, one JSON file each, for a month."""

import hashlib
import json
from pathlib import Path
from typing import Any

from placeproof.claims.geocoding_services import Place, Service
from placeproof.errors import LocationError
from placeproof.files import write_atomically
from placeproof.location import Location
from placeproof.net.pace import Clock

LIFETIME_S = 30 * 86_400.0


class PlaceCache:
    """What services answered. A damaged file counts as none and is written anew."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def find(self, service: Service, query: str) -> list[Place] | None:
        """What the service answered to this query within the last 30 days, or None."""
        try:
            kept = json.loads(self._file(service, query).read_bytes())
            if not 0 <= self._clock.now() - float(kept["asked"]) < LIFETIME_S:
                return None
            return [_place(fields) for fields in kept["places"]]
        except (OSError, ValueError, TypeError, LookupError, LocationError):
            return None

    def keep(self, service: Service, query: str, places: list[Place]) -> None:
        """Keeps an answer.

        Raises:
            StorageError: If it cannot be written.
        """
        document = {
            "service": service.url,
            "query": query,
            "asked": self._clock.now(),
            "places": [
                {
                    "latitude": place.location.latitude,
                    "longitude": place.location.longitude,
                    "label": place.label,
                    "precision_m": place.precision_m,
                }
                for place in places
            ],
        }
        data = json.dumps(document, ensure_ascii=False, indent=1).encode()
        write_atomically(self._file(service, query), data)

    def _file(self, service: Service, query: str) -> Path:
        name = f"{service.url}\n{query.casefold()}".encode(errors="surrogatepass")
        return self._folder / f"{hashlib.sha256(name).hexdigest()}.json"


def _place(fields: dict[str, Any]) -> Place:
    location = Location(float(fields["latitude"]), float(fields["longitude"]))
    return Place(location, str(fields["label"]), float(fields["precision_m"]))
