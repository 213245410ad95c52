"""The sources that the command line can name."""

import shutil
from pathlib import Path

from placeproof.buildings.small import load_small_detector
from placeproof.collect.run import Sources
from placeproof.errors import CollectError
from placeproof.net.client import HttpClient
from placeproof.net.keys import find_key
from placeproof.network.checkpoint import load_checkpoint
from placeproof.panoramas.library import Library
from placeproof.panoramas.providers.mapillary import MapillaryPhotos
from placeproof.panoramas.providers.picture_cache import PictureCache
from placeproof.panoramas.providers.registry import make_source
from placeproof.weights_store import SHIPPED_FILE

PHOTOS = "Mapillary"
PANORAMAS = ("mapillary", "panoramax", "library")
_FOR_A_WHILE = ".sources"  # in a collection's folder: what providers keep of a tile


def make_sources(panoramas: str, library: Path, folder: Path, client: HttpClient) -> Sources:
    """Mapillary's photos, the panoramas named, and the building detector that ships.

    Args:
        panoramas: One of ``PANORAMAS``.
        library: Folder of the panorama library, if that is named.
        folder: The collection's.
        client: Asks the servers.

    Raises:
        CollectError: If there are no such panoramas, or their terms forbid training.
        KeyMissingError: If a provider needs a key and there is none.
        LibraryError: If the library cannot be opened.
        WeightsError: If the detector cannot be loaded.
    """
    if panoramas == "google":
        raise CollectError(
            "Google's terms allow neither to store its panoramas nor to train on them; use "
            "--panoramas panoramax, mapillary or library"
        )
    if panoramas not in PANORAMAS:
        raise CollectError(
            f"there are no panoramas {panoramas!r}; there are: {', '.join(PANORAMAS)}"
        )
    kept = folder / _FOR_A_WHILE
    return Sources(
        photos=MapillaryPhotos(client, find_key("mapillary")),
        panoramas=Library.open(library)
        if panoramas == "library"
        else make_source(panoramas, cache=PictureCache(kept), client=client),
        detector=load_small_detector(load_checkpoint(SHIPPED_FILE).network.extractor),
        forget=lambda: shutil.rmtree(kept, ignore_errors=True),
    )
