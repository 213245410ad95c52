"""Where a photo is said to have been taken."""

from placeproof.errors import NoClaimError
from placeproof.images import Picture
from placeproof.location import Location
from placeproof.results import Claim


def claim_of(photo: Picture, location: Location | None) -> Claim:
    """The claim to verify: the location that was given, or else the photo's own EXIF GPS.

    Raises:
        NoClaimError: If there is neither.
    """
    if location is not None:
        return Claim(location, "given")
    if photo.metadata.location is not None:
        return Claim(photo.metadata.location, "exif")
    problem = photo.metadata.location_problem or "it has no GPS position"
    raise NoClaimError(
        f"no location was claimed and '{photo.path.name}' gives none ({problem}); "
        "say where with --at LATITUDE,LONGITUDE"
    )
