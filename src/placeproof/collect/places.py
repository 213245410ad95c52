"""Which pairs show the same place, and which places are kept apart to choose and calibrate on.

Photos follow each other along streets every few metres, so that places that are joined by nearness
alone grow together over a whole town. Instead the ground is cut along a grid of about 250 m, and a
cell is a place. Each place is drawn by itself, from the seed and its name: a collection that grows
moves no place to the other split.
"""

import hashlib
import math

from placeproof.location import METRES_PER_DEGREE, Location

PLACE_M = 250.0  # along a side of a cell
_ROWS = round(180 * METRES_PER_DEGREE / PLACE_M)


def place_of(location: Location) -> str:
    """Name of the cell that a panorama stands in: its south-western corner."""
    row = min(int((location.latitude + 90) / 180 * _ROWS), _ROWS - 1)
    middle = math.radians((row + 0.5) / _ROWS * 180 - 90)
    columns = max(1, round(360 * METRES_PER_DEGREE * math.cos(middle) / PLACE_M))
    column = int((location.longitude + 180) / 360 * columns) % columns
    south, west = row / _ROWS * 180 - 90, column / columns * 360 - 180
    return f"{south:.5f} {west:.5f}"


def draw_of(place: str, seed: int) -> float:
    """A random number in [0, 1) that a place always has."""
    digest = hashlib.sha256(f"{seed} {place}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def development_places(places: list[str], share: float, seed: int) -> set[str]:
    """The places of the split ``development``.

    Args:
        places: All there are.
        share: Of them, in (0, 1), on average.
        seed: Draws them.

    Returns:
        Those whose number is below ``share``. Of two places or more, at least one is among them
        and one is not.
    """
    drawn = sorted(places, key=lambda place: (draw_of(place, seed), place))
    count = sum(draw_of(place, seed) < share for place in places)
    if len(drawn) > 1:
        count = min(max(count, 1), len(drawn) - 1)
    return set(drawn[:count]) if len(drawn) > 1 else set()
