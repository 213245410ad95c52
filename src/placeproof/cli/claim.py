"""``placeproof claim``: which places may a text mean? And the claimed place of other commands."""

import json
import re
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from placeproof.cli.options import AsJson
from placeproof.errors import LocationError

if TYPE_CHECKING:
    from placeproof.claims.candidate import Candidate
    from placeproof.claims.geocoding import Geocoder
    from placeproof.location import Location

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # what a text copied from a terminal may hold

LookUp = Annotated[
    bool,
    typer.Option(
        "--look-up",
        help="Look names of places up at OpenStreetMap's Nominatim, and follow short links to "
        "maps. Their servers then learn the name or the link, and nothing else.",
    ),
]


def claim(
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help="A post, a link, a code, coordinates or a name.",
            show_default=False,
        ),
    ],
    look_up: LookUp = False,
    as_json: AsJson = False,
) -> None:
    """Which places may this text mean? All of them are shown, and none is chosen.

    Found are coordinates in any notation, links to Google Maps, OpenStreetMap, Apple Maps and
    others, plus codes and geohashes; with --look-up also names and addresses.
    """
    from placeproof.claims.post import read_post
    from placeproof.net.client import HttpClient

    geocoder = _geocoder() if look_up else None
    words = _COLOURS.sub(" ", text)
    candidates = read_post(words, geocoder=geocoder, client=HttpClient() if look_up else None)
    if not candidates and geocoder is not None:
        candidates = geocoder.find(words)  # no post, but a name alone
    if not candidates:
        hint = "" if look_up else "; --look-up looks names of places up"
        raise LocationError(f"the text names no place that is understood{hint}")
    if as_json:
        typer.echo(json.dumps([_entry(candidate) for candidate in candidates], indent=2))
        return
    console = Console()
    table = Table("Location", "Within", "From", "Words", "Place", box=None, pad_edge=False)
    for candidate in candidates:
        table.add_row(
            str(candidate.location),
            f"{candidate.precision_m:,.0f} m",
            candidate.origin,
            Text(candidate.words),
            Text(candidate.label),
        )
    console.print(table)
    for attribution in dict.fromkeys(c.attribution for c in candidates if c.attribution):
        console.print(Text(attribution, "dim"))


def claimed_location(text: str, *, look_up: bool) -> "Location":
    """The one place that a text means.

    Raises:
        LocationError: If it means none, or only one that may not be looked up.
        AmbiguousClaimError: If it may mean several.
        NetworkError: If a look-up fails.
    """
    from placeproof.claims.claim_text import only_candidate, read_claim
    from placeproof.net.client import HttpClient

    geocoder = _geocoder() if look_up else None
    client = HttpClient() if look_up else None
    return only_candidate(read_claim(text, geocoder=geocoder, client=client)).location


def _geocoder() -> "Geocoder":
    from placeproof.claims.geocoding import Geocoder
    from placeproof.panoramas.providers.picture_cache import default_cache_folder

    return Geocoder(default_cache_folder() / "places")


def _entry(candidate: "Candidate") -> dict[str, object]:
    return {
        "latitude": candidate.location.latitude,
        "longitude": candidate.location.longitude,
        "precision_m": candidate.precision_m,
        "origin": candidate.origin,
        "label": candidate.label,
        "words": candidate.words,
        "attribution": candidate.attribution,
    }
