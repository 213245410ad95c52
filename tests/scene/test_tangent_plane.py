import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.location import Location
from placeproof.scene.tangent_plane import TangentPlane

origins = st.builds(Location, st.floats(-70, 70), st.floats(-180, 180))
metres = st.floats(-500, 500)


@given(origins, metres, metres)
def test_there_and_back(origin: Location, east: float, north: float) -> None:
    plane = TangentPlane(origin)
    assert plane.point(plane.location(east, north)) == pytest.approx((east, north), abs=1e-5)


@given(origins, metres, metres)
def test_distance_and_bearing_are_those_on_the_sphere(
    origin: Location, east: float, north: float
) -> None:
    place = TangentPlane(origin).location(east, north)
    distance = math.hypot(east, north)
    assert origin.distance_m(place) == pytest.approx(distance, rel=5e-4, abs=1e-3)
    if distance > 1:
        turn = origin.bearing_to(place) - math.degrees(math.atan2(east, north))
        assert (turn + 180) % 360 - 180 == pytest.approx(0, abs=0.1)
