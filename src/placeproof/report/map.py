"""A map of the claim, the panoramas and the camera, as SVG without tiles: no network, no script."""

import math
from dataclasses import dataclass

from placeproof.geometry import angles_from_direction, bearing_of_yaw
from placeproof.location import Location
from placeproof.results import PanoramaEvidence, Verification

SIDE = 360.0  # of the map, in its own units
_MARGIN = 44.0
_LEAST_RADIUS_M = 5.0
_WEDGE = 0.42  # length of the camera's wedge, share of the map's side
_TICK = 11.0  # length of a heading's tick, units
_BARS_M = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)


@dataclass(frozen=True, slots=True)
class Dot:
    """A panorama on the map.

    Attributes:
        x: Units to the right.
        y: Units down.
        number: As the report numbers it.
        decisive: Whether it decided.
        tick: Where the tick of its heading ends, (x, y), or None.
    """

    x: float
    y: float
    number: int
    decisive: bool
    tick: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Map:
    """All that is drawn; north is up, and the claimed place is in the middle.

    Attributes:
        dots: The panoramas.
        wedges: SVG paths of what the camera saw, the best bearing first.
        towards: End of the line from the decisive panorama towards the camera, or None.
        bar: Length of the scale's bar, units.
        bar_m: The same in metres.
    """

    dots: tuple[Dot, ...]
    wedges: tuple[str, ...]
    towards: tuple[float, float] | None
    bar: float
    bar_m: int

    @property
    def decisive(self) -> Dot | None:
        """The panorama that decided."""
        return next((dot for dot in self.dots if dot.decisive), None)


def draw_map(verification: Verification) -> Map:
    """Lays out the map of a verification with at least one panorama.

    Places are put down by distance and bearing from the claim, which works at the antimeridian
    and at the poles, too.
    """
    centre = verification.claim.location
    farthest = max(evidence.distance_m for evidence in verification.evidence)
    scale = (SIDE / 2 - _MARGIN) / max(farthest, _LEAST_RADIUS_M)
    dots = tuple(
        _dot(evidence, index, index == verification.decisive, centre, scale)
        for index, evidence in enumerate(verification.evidence)
    )
    wedges: tuple[str, ...] = ()
    towards = None
    if verification.decisive is not None:
        best, dot = verification.evidence[verification.decisive], dots[verification.decisive]
        fov = _field_of_view(best)
        bearings = [] if best.bearing is None else [best.bearing, *best.other_bearings]
        wedges = tuple(_wedge(dot, bearing, fov) for bearing in bearings)
        if (bearing := bearing_towards_camera(best)) is not None:
            towards = _moved(dot.x, dot.y, bearing, SIDE * _WEDGE / 2)
    bar_m = max(m for m in _BARS_M if m * scale <= SIDE / 3 or m == _BARS_M[0])
    return Map(dots, wedges, towards, bar_m * scale, bar_m)


def bearing_towards_camera(evidence: PanoramaEvidence) -> float | None:
    """Compass bearing from the panorama to the camera, where parallax shows it; degrees."""
    look, heading = evidence.second_look, evidence.record.heading
    if look is None or not look.trusted or look.towards is None or heading is None:
        return None
    import torch

    yaw, _ = angles_from_direction(torch.from_numpy(look.towards))
    return bearing_of_yaw(float(yaw), heading)


def _field_of_view(evidence: PanoramaEvidence) -> float:
    look = evidence.second_look
    return look.camera.fov if look is not None and look.camera and look.trusted else 65.0


def _dot(
    evidence: PanoramaEvidence, index: int, decisive: bool, centre: Location, scale: float
) -> Dot:
    away = centre.bearing_to(evidence.record.location) if evidence.distance_m else 0.0
    x, y = _moved(SIDE / 2, SIDE / 2, away, evidence.distance_m * scale)
    heading = evidence.record.heading
    tick = None if heading is None else _moved(x, y, heading, _TICK)
    return Dot(x, y, index + 1, decisive, tick)


def _moved(x: float, y: float, bearing: float, length: float) -> tuple[float, float]:
    angle = math.radians(bearing)
    return round(x + length * math.sin(angle), 2), round(y - length * math.cos(angle), 2)


def _wedge(dot: Dot, bearing: float, fov: float) -> str:
    length = SIDE * _WEDGE
    (x1, y1), (x2, y2) = (
        _moved(dot.x, dot.y, bearing + side * fov / 2, length) for side in (-1, 1)
    )
    large = int(fov > 180)
    return f"M{dot.x},{dot.y} L{x1},{y1} A{length},{length} 0 {large} 1 {x2},{y2} Z"
