"""A map of the claim, the panoramas and the camera, as SVG without tiles: no network, no script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from placeproof.location import Location
from placeproof.report.describe import bearing_towards_camera, trusted_look
from placeproof.results import PanoramaEvidence, Verification

SIDE = 360.0  # of the map, in its own units
USUAL_FOV = 65.0  # degrees; what is drawn where the second look does not tell it
_MARGIN = 56.0
_LEAST_RADIUS_M = 5.0
_WEDGE = 0.36  # length of the camera's wedge, share of the map's side
_TICK = 15.0  # length of a heading's tick, units
_LABEL = (56.0, 17.0)  # room that a label takes, units
_BARS_M = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Dot:
    """A panorama on the map.

    Attributes:
        x: Units to the right.
        y: Units down.
        number: As the report numbers it.
        distance_m: From the claimed place, metres.
        decisive: Whether it decided.
        labelled: Whether there is room for its number and distance.
        tick: Where the tick of its heading ends, (x, y), or None.
    """

    x: float
    y: float
    number: int
    distance_m: float
    decisive: bool
    labelled: bool
    tick: Point | None


@dataclass(frozen=True, slots=True)
class Map:
    """All that is drawn; north is up, and the claimed place is in the middle.

    Attributes:
        dots: The panoramas.
        wedges: SVG paths of what the camera saw, the best bearing first.
        fov_known: Whether the wedges are as wide as the camera's field of view.
        towards: End of the line from the decisive panorama towards the camera, or None.
        bar: Length of the scale's bar, units.
        bar_m: The same in metres.
    """

    dots: tuple[Dot, ...]
    wedges: tuple[str, ...]
    fov_known: bool
    towards: Point | None
    bar: float
    bar_m: int

    @property
    def decisive(self) -> Dot | None:
        """The panorama that decided."""
        return next((dot for dot in self.dots if dot.decisive), None)


def draw_map(verification: Verification) -> Map:
    """Lays out the map of a verification with at least one panorama.

    It is the azimuthal equidistant projection about the claimed place: distances and directions
    from there are true, also at the antimeridian and at the poles.
    """
    centre, evidence = verification.claim.location, verification.evidence
    farthest = max(panorama.distance_m for panorama in evidence)
    scale = (SIDE / 2 - _MARGIN) / max(farthest, _LEAST_RADIUS_M)
    places = [_place(panorama, centre, scale) for panorama in evidence]
    labelled = _labelled(places, verification.decisive)
    dots = tuple(
        Dot(
            x=place[0],
            y=place[1],
            number=index + 1,
            distance_m=panorama.distance_m,
            decisive=index == verification.decisive,
            labelled=index in labelled,
            tick=_towards(place, panorama, panorama.record.heading, centre, _TICK),
        )
        for index, (panorama, place) in enumerate(zip(evidence, places, strict=True))
    )
    wedges: tuple[str, ...] = ()
    towards, look = None, None
    if verification.decisive is not None:
        best, place = evidence[verification.decisive], places[verification.decisive]
        look = trusted_look(best)
        fov = look.camera.fov if look is not None and look.camera is not None else USUAL_FOV
        bearings = [] if best.bearing is None else [best.bearing, *best.other_bearings]
        wedges = tuple(_wedge(place, best, bearing, fov, centre) for bearing in bearings)
        towards = _towards(place, best, bearing_towards_camera(best), centre, SIDE * _WEDGE / 2)
    bar_m = max(m for m in _BARS_M if m * scale <= SIDE / 3 or m == _BARS_M[0])
    return Map(dots, wedges, look is not None, towards, bar_m * scale, bar_m)


def _place(evidence: PanoramaEvidence, centre: Location, scale: float) -> Point:
    """Where a panorama is put down, by its distance and bearing from the claimed place."""
    away = centre.bearing_to(evidence.record.location) if evidence.distance_m else 0.0
    return _moved((SIDE / 2, SIDE / 2), away, evidence.distance_m * scale)


def _labelled(places: Sequence[Point], decisive: int | None) -> set[int]:
    """Which dots have room for a label: the one that decided, then the nearest."""
    width, height = _LABEL
    chosen: list[int] = []
    for index in sorted(range(len(places)), key=lambda index: (index != decisive, index)):
        x, y = places[index]
        if all(abs(places[i][0] - x) >= width or abs(places[i][1] - y) >= height for i in chosen):
            chosen.append(index)
    return set(chosen)


def _towards(
    place: Point,
    evidence: PanoramaEvidence,
    bearing: float | None,
    centre: Location,
    length: float,
) -> Point | None:
    """Where a line of a compass bearing at a panorama ends on the map."""
    if bearing is None:
        return None
    return _moved(place, bearing + _turned_north(centre, evidence.record.location), length)


def _wedge(
    place: Point, evidence: PanoramaEvidence, bearing: float, fov: float, centre: Location
) -> str:
    length = SIDE * _WEDGE
    middle = bearing + _turned_north(centre, evidence.record.location)
    (x1, y1), (x2, y2) = (_moved(place, middle + side * fov / 2, length) for side in (-1, 1))
    return f"M{place[0]},{place[1]} L{x1},{y1} A{length},{length} 0 0 1 {x2},{y2} Z"


def _turned_north(centre: Location, place: Location) -> float:
    """Where a place's north points on the map, degrees clockwise from up; large at the poles only.

    The great circle from the centre is a straight line on the map. It leaves the centre with one
    bearing and arrives with another, because the meridians in between converge.
    """
    half_longitude = math.radians(place.longitude - centre.longitude) / 2
    mean = math.radians(centre.latitude + place.latitude) / 2
    half_latitude = math.radians(place.latitude - centre.latitude) / 2
    turn = math.atan2(  # Napier's analogy; unlike a difference of bearings, good for near places
        math.sin(half_longitude) * math.sin(mean),
        math.cos(half_longitude) * math.cos(half_latitude),
    )
    return -math.degrees(2 * turn)


def _moved(place: Point, bearing: float, length: float) -> Point:
    angle = math.radians(bearing)
    x, y = place[0] + length * math.sin(angle), place[1] - length * math.cos(angle)
    return round(x, 2), round(y, 2)
