"""Was this photo taken where it is claimed to have been taken?

    from placeproof import Library, Location, Verifier

    library = Library.open(folder)
    verifier = Verifier(library, library.features)
    verification = verifier.verify(photo, Location(48.8584, 2.2945))

The names below are imported when first used: torch takes seconds to load, and the command
line's help does not need it.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from placeproof.location import Location
    from placeproof.panoramas.library import Library
    from placeproof.picture_match import match_pictures
    from placeproof.results import Verdict
    from placeproof.verify import Verifier

__version__ = "0.1.0"
__all__ = ["Library", "Location", "Verdict", "Verifier", "__version__", "match_pictures"]

_MODULES = {
    "Library": "placeproof.panoramas.library",
    "Location": "placeproof.location",
    "Verdict": "placeproof.results",
    "Verifier": "placeproof.verify",
    "match_pictures": "placeproof.picture_match",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'placeproof' has no attribute '{name}'")
