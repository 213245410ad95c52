"""One image of Mapillary: what its Graph API says of it."""

from dataclasses import dataclass

from placeproof.location import Location
from placeproof.panoramas.providers.fields import (
    UnusableError,
    heading,
    identifier,
    member,
    number,
    point,
    text,
    time_of_ms,
)

SOURCE = "Mapillary"
FIELDS = (
    "id,captured_at,geometry,computed_geometry,compass_angle,computed_compass_angle,is_pano,"
    "camera_type,make,model,width,height,sequence,creator,thumb_2048_url,thumb_original_url"
)


@dataclass(frozen=True, slots=True)
class MapillaryPhoto:
    """One image of Mapillary, a photo or a panorama.

    Attributes:
        id: Mapillary's name of it.
        location: Where it was taken: as computed from all images around where that is known,
            else as the camera's GPS said.
        captured: ISO 8601 date and time in UTC, or None.
        make: The camera's make, or None.
        model: The camera's model, or None.
        compass: Compass bearing of the image's centre column in [0, 360), or None.
        width: Width of the original in pixels, or None.
        height: Height of the original in pixels, or None.
        sequence: Name of the series of images that it belongs to, or None.
        creator: Name of the person who took it, or None.
        url: Address of the picture, 2048 pixels wide; it expires after some time.
        page: Address of a web page that shows it to people.
        licence: Licence and attribution in one line.
        camera: Kind of the camera, such as "perspective" or "spherical"; None if not said.
        panorama: Whether Mapillary calls it a panorama.
    """

    id: str
    location: Location
    captured: str | None
    make: str | None
    model: str | None
    compass: float | None
    width: int | None
    height: int | None
    sequence: str | None
    creator: str | None
    url: str
    page: str
    licence: str
    camera: str | None
    panorama: bool


def read_photo(item: object) -> MapillaryPhoto:
    """An image, as the server answers it.

    Raises:
        UnusableError: If it has no id, place or picture.
    """
    image_id = identifier(member(item, "id"))
    computed, measured = member(item, "computed_geometry"), member(item, "geometry")
    creator = text(member(item, "creator", "username"))
    return MapillaryPhoto(
        id=image_id,
        location=point(measured if computed is None else computed),
        captured=time_of_ms(member(item, "captured_at")),
        make=text(member(item, "make")),
        model=text(member(item, "model")),
        compass=_compass(item),
        width=_pixels(member(item, "width")),
        height=_pixels(member(item, "height")),
        sequence=text(member(item, "sequence")),
        creator=creator,
        url=_address(item),
        page=f"https://www.mapillary.com/app/?pKey={image_id}&focus=photo",
        licence=f"CC BY-SA 4.0, picture by {creator or 'an unnamed person'}, {SOURCE}",
        camera=text(member(item, "camera_type")),
        panorama=member(item, "is_pano") is True,
    )


def _compass(item: object) -> float | None:
    """The computed bearing; the camera's only where it is not 0, which cameras say of none."""
    computed = number(member(item, "computed_compass_angle"))
    if computed is not None and computed >= 0:
        return heading(computed)
    measured = number(member(item, "compass_angle"))
    return heading(measured) if measured is not None and measured > 0 else None


def _pixels(value: object) -> int | None:
    count = number(value)
    return int(count) if count is not None and count >= 1 else None


def _address(item: object) -> str:
    for name in ("thumb_2048_url", "thumb_original_url"):
        url = member(item, name)
        if isinstance(url, str) and url:
            return url
    raise UnusableError("it has no picture")
