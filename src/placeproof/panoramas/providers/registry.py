"""The providers by name, each with the key that it needs."""

from placeproof.errors import PlaceproofError
from placeproof.net.client import HttpClient
from placeproof.net.keys import find_key
from placeproof.panoramas.providers.google import GoogleStreetView
from placeproof.panoramas.providers.mapillary import Mapillary
from placeproof.panoramas.providers.panoramax import Panoramax
from placeproof.panoramas.providers.picture_cache import PictureCache
from placeproof.panoramas.source import PanoramaSource

PROVIDERS = ("panoramax", "mapillary", "google")


def make_source(
    name: str, *, cache: PictureCache, client: HttpClient | None = None
) -> PanoramaSource:
    """A provider's panoramas.

    Args:
        name: One of ``PROVIDERS``.
        cache: Keeps pictures and answers, where the provider's terms allow it.
        client: Asks the servers; a new one by default. It learns which key to hide.

    Raises:
        KeyMissingError: If the provider needs a key and there is none.
        PlaceproofError: If there is no such provider.
    """
    match name:
        case "panoramax":
            return Panoramax(cache, client or HttpClient())
        case "mapillary":
            return Mapillary(cache, client or HttpClient(), find_key(name))
        case "google":
            return GoogleStreetView(client or HttpClient(), find_key(name))
    raise PlaceproofError(f"there is no provider {name!r}; there are: {', '.join(PROVIDERS)}")
