"""Where a command gets its panoramas from: the local library, or a provider."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from placeproof.panoramas.feature_cache import FeatureCache
    from placeproof.panoramas.source import PanoramaSource


class SourceName(StrEnum):
    """The sources that users can name."""

    LIBRARY = "library"
    PANORAMAX = "panoramax"
    MAPILLARY = "mapillary"
    GOOGLE = "google"


def open_source(name: SourceName, library: Path) -> tuple["PanoramaSource", "FeatureCache"]:
    """A source, and where features of its panoramas are kept.

    Args:
        name: Which source.
        library: Folder of the library.

    Raises:
        LibraryError: If the library cannot be opened.
        KeyMissingError: If a provider needs a key and there is none.
    """
    from placeproof.panoramas.feature_cache import FeatureCache
    from placeproof.panoramas.library import Library
    from placeproof.panoramas.providers.picture_cache import PictureCache, default_cache_folder
    from placeproof.panoramas.providers.registry import make_source

    if name is SourceName.LIBRARY:
        store = Library.open(library)
        return store, store.features
    folder = default_cache_folder()
    return make_source(name.value, cache=PictureCache(folder)), FeatureCache(folder / "features")
