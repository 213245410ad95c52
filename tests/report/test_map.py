import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.location import Location
from placeproof.panoramas.source import PanoramaRecord
from placeproof.report.map import SIDE, bearing_towards_camera, draw_map
from placeproof.results import Verification


def placed(verification: Verification, claim: Location, *panoramas: Location) -> Verification:
    first = verification.evidence[0]
    evidence = tuple(
        replace(
            first,
            record=replace(first.record, location=place),
            distance_m=claim.distance_m(place),
        )
        for place in panoramas
    )
    return replace(
        verification, claim=replace(verification.claim, location=claim), evidence=evidence
    )


@pytest.mark.parametrize(
    ("claim", "east"),
    [
        (Location(48.8584, 2.2945), Location(48.8584, 2.2948)),
        (Location(0.0, 180.0), Location(0.0, -179.9997)),
        (Location(-17.0, 179.9999), Location(-17.0, -179.9998)),
    ],
)
def test_east_is_right_also_across_the_antimeridian(
    consistent: Verification, claim: Location, east: Location
) -> None:
    (dot,) = draw_map(placed(consistent, claim, east)).dots
    assert dot.x > SIDE / 2 + 50
    assert dot.y == pytest.approx(SIDE / 2, abs=1)


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-0.002, 0.002), st.floats(-179, 179))
def test_every_dot_is_on_the_map(lat: float, lon: float, north: float, east: float) -> None:
    verification = _CONSISTENT[0]
    claim = Location(lat, lon)
    other = Location(max(-90.0, min(90.0, lat + north)), (lon + east / 1e5 + 180) % 360 - 180)
    (dot,) = draw_map(placed(verification, claim, other)).dots
    assert 0 <= dot.x <= SIDE
    assert 0 <= dot.y <= SIDE


_CONSISTENT: list[Verification] = []


@pytest.fixture(autouse=True)
def _kept(consistent: Verification) -> None:
    _CONSISTENT[:] = [consistent]


def test_the_wedges_open_towards_both_bearings(consistent: Verification) -> None:
    drawn = draw_map(consistent)
    dot = drawn.decisive
    assert dot is not None
    assert len(drawn.wedges) == 2  # 247 degrees, and 77 as good
    start, left, *_ = drawn.wedges[0].split()
    assert start == f"M{dot.x},{dot.y}"
    x, y = (float(number) for number in left[1:].split(","))
    bearing = math.degrees(math.atan2(x - dot.x, dot.y - y)) % 360
    assert bearing == pytest.approx(247.0 - 61.234 / 2, abs=0.5)


def test_the_direction_of_the_camera_needs_trust_and_a_heading(consistent: Verification) -> None:
    evidence = consistent.evidence[0]
    assert bearing_towards_camera(evidence) == pytest.approx(67 + 90)
    look = evidence.second_look
    assert look is not None
    assert bearing_towards_camera(replace(evidence, second_look=None)) is None
    assert (
        bearing_towards_camera(replace(evidence, second_look=replace(look, surprise=1.0))) is None
    )
    record: PanoramaRecord = replace(evidence.record, heading=None)
    assert bearing_towards_camera(replace(evidence, record=record)) is None


def test_the_scale_is_a_round_length(consistent: Verification) -> None:
    drawn = draw_map(consistent)
    assert drawn.bar_m in (1, 2, 5, 10, 20, 50)
    assert 0 < drawn.bar <= SIDE / 3
