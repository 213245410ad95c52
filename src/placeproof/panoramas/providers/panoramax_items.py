"""Items of Panoramax: what its answers say of one picture (STAC, as GeoVisio writes it)."""

from urllib.parse import urljoin

from placeproof.panoramas.providers.fields import (
    MOST_WIDTH,
    UnusableError,
    delivered_size,
    heading,
    identifier,
    member,
    number,
    point,
    text,
)
from placeproof.panoramas.source import PanoramaRecord

SOURCE = "Panoramax"
_WHOLE = 360  # degrees: the field of view of a panorama
_CAMERA = ("properties", "pers:interior_orientation")


def is_panorama(item: object) -> bool:
    """Whether the picture shows everything around it."""
    return member(item, *_CAMERA, "field_of_view") == _WHOLE


def read_record(item: object, base_url: str) -> PanoramaRecord:
    """The record of a panorama.

    Args:
        item: As the server answers it.
        base_url: The server's address.

    Raises:
        UnusableError: If the item says too little, or is no full panorama under an open licence.
    """
    panorama_id = identifier(member(item, "id"))
    width, height = _size(item)
    properties = member(item, "properties")
    licence = text(member(properties, "license")) or "licence not stated"
    if licence == "proprietary":
        raise UnusableError("it is under no open licence")
    return PanoramaRecord(
        id=panorama_id,
        location=point(member(item, "geometry")),
        heading=heading(member(properties, "view:azimuth")),
        captured=text(member(properties, "datetime")),
        source=SOURCE,
        licence=f"{licence}, picture by {_producer(item)}, {SOURCE}",
        content_hash=None,
        width=width,
        height=height,
        page=f"{base_url}/#focus=pic&pic={panorama_id}",
    )


def picture_address(item: object, base_url: str) -> str:
    """Where a picture is: "sd", 2048 pixels wide; "hd" where there is no "sd".

    Raises:
        UnusableError: If the item does not say.
    """
    for asset in ("sd", "hd"):
        href = member(item, "assets", asset, "href")
        if isinstance(href, str) and href:
            return urljoin(f"{base_url}/api/", href)
    raise UnusableError("it has no picture")


def _size(item: object) -> tuple[int, int]:
    """The size at which a panorama is delivered; raises UnusableError if it is not a whole one."""
    camera = member(item, *_CAMERA)
    cut = member(camera, "visible_area")  # left, top, right, bottom that are missing
    if isinstance(cut, list) and any(number(edge) for edge in cut):
        raise UnusableError("it is only a part of a panorama")
    tiles = member(item, "properties", "tiles:tile_matrix_sets", "geovisio", "tileMatrix", 0)
    sides = [number(member(camera, "sensor_array_dimensions", side)) for side in (0, 1)]
    if None in sides and isinstance(tiles, dict):
        sides = [
            (number(tiles.get(f"tile{side}")) or 0) * (number(tiles.get(f"matrix{side}")) or 0)
            for side in ("Width", "Height")
        ]
    if None in sides:  # "sd" is always as wide as this
        sides = [MOST_WIDTH, MOST_WIDTH / 2]
    return delivered_size(*sides)


def _producer(item: object) -> str:
    """Whoever is to be named with a picture."""
    if name := text(member(item, "properties", "geovisio:producer")):
        return name
    providers = member(item, "providers")
    for provider in providers if isinstance(providers, list) else []:
        roles = member(provider, "roles")
        if isinstance(roles, list) and "producer" in roles:
            return text(member(provider, "name")) or "an unnamed person"
    return "an unnamed person"
