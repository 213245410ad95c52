import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from placeproof.location import Location
from placeproof.report.map import SIDE, draw_map
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


def test_wedges_say_whether_their_width_is_known(consistent: Verification) -> None:
    assert draw_map(consistent).fov_known
    first = replace(consistent.evidence[0], second_look=None)
    unknown = draw_map(replace(consistent, evidence=(first,)))
    assert not unknown.fov_known
    assert unknown.towards is None


def test_without_a_decisive_panorama_no_camera_is_drawn(consistent: Verification) -> None:
    drawn = draw_map(replace(consistent, decisive=None))
    assert drawn.decisive is None
    assert drawn.wedges == ()
    assert drawn.towards is None
    assert len(drawn.dots) == 2


def test_the_dashed_line_points_to_where_the_camera_stood(consistent: Verification) -> None:
    drawn = draw_map(consistent)
    assert drawn.decisive is not None
    assert drawn.towards is not None
    x, y = drawn.towards
    bearing = math.degrees(math.atan2(x - drawn.decisive.x, drawn.decisive.y - y)) % 360
    assert bearing == pytest.approx(67 + 90, abs=0.5)


@given(
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(-0.002, 0.002).filter(lambda degrees: abs(degrees) > 1e-5),
    st.floats(-180, 180),
)
def test_a_tick_towards_the_claim_crosses_it(
    lat: float, lon: float, north: float, east: float
) -> None:
    """Whatever north does on the way, as near a pole: a bearing to the middle points there."""
    claim = Location(lat, lon)
    other = Location(max(-90.0, min(90.0, lat + north)), (lon + east / 1e5 + 180) % 360 - 180)
    assume(claim.distance_m(other) > 0.5)
    verification = placed(_CONSISTENT[0], claim, other)
    (evidence,) = verification.evidence
    record = replace(evidence.record, heading=other.bearing_to(claim))
    (dot,) = draw_map(replace(verification, evidence=(replace(evidence, record=record),))).dots
    assert dot.tick is not None
    tick = math.atan2(dot.tick[1] - dot.y, dot.tick[0] - dot.x)
    middle = math.atan2(SIDE / 2 - dot.y, SIDE / 2 - dot.x)
    assert math.cos(tick - middle) > 0.999


def test_across_the_pole_north_turns_round(consistent: Verification) -> None:
    claim, beyond = Location(89.9999, 0.0), Location(89.9999, 180.0)
    verification = placed(consistent, claim, beyond)
    (evidence,) = verification.evidence
    record = replace(evidence.record, heading=0.0)
    (dot,) = draw_map(replace(verification, evidence=(replace(evidence, record=record),))).dots
    assert dot.y < SIDE / 2 - 50  # north of the claim
    assert dot.tick is not None
    assert dot.tick[1] > dot.y + 5  # and north of it is back


def test_labels_do_not_cover_each_other(consistent: Verification) -> None:
    claim = Location(48.0, 2.0)
    near = [Location(48.0 + step * 1e-7, 2.0) for step in range(5)]
    verification = placed(consistent, claim, *near, Location(48.0004, 2.0))
    dots = draw_map(replace(verification, decisive=3)).dots
    assert [dot.number for dot in dots if dot.labelled] == [4, 6]
    assert dots[5].distance_m == pytest.approx(44.5, abs=0.1)


def test_the_scale_is_a_round_length(consistent: Verification) -> None:
    drawn = draw_map(consistent)
    assert drawn.bar_m in (1, 2, 5, 10, 20, 50)
    assert 0 < drawn.bar <= SIDE / 3
