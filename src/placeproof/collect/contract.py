"""What a collection needs of the service that photos come from."""

from collections.abc import Iterator
from typing import Any, Protocol

from placeproof.location import Location
from placeproof.panoramas.providers.boxes import Box


class Photo(Protocol):
    """What is known of a geotagged photo before it is downloaded."""

    @property
    def id(self) -> str:
        """The service's own name of the photo."""
        ...

    @property
    def location(self) -> Location:
        """Where it was taken."""
        ...

    @property
    def captured(self) -> str | None:
        """ISO 8601 date or date and time of capture."""
        ...

    @property
    def make(self) -> str | None:
        """Maker of the camera."""
        ...

    @property
    def model(self) -> str | None:
        """Model of the camera."""
        ...

    @property
    def creator(self) -> str | None:
        """Who took it, to be credited."""
        ...

    @property
    def page(self) -> str | None:
        """A web page that shows it to people."""
        ...

    @property
    def licence(self) -> str | None:
        """Licence or attribution, in one line."""
        ...


class PhotoSource(Protocol):
    """A service that photos come from, such as ``MapillaryPhotos``."""

    def photos(self, area: Box, /) -> Iterator[Photo]:
        """All photos in a box, as they are asked for; a few may come twice.

        Raises:
            NetworkError: If the service cannot be asked.
        """
        ...

    def fetch(self, photo: Any, /) -> bytes:
        """The picture file of one of the photos that it has listed; for any thread.

        Raises:
            NetworkError: If it cannot be had; with a ``status`` of 404 or 410 if it never can.
        """
        ...
