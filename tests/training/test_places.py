import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from placeproof.location import Location
from placeproof.training.places import points

locations = st.builds(Location, st.floats(-90, 90), st.floats(-180, 180))


@given(locations, locations)
def test_a_straight_line_is_no_longer_than_the_way_over_the_ground(
    a: Location, b: Location
) -> None:
    start, end = points([a, b])
    line, way = float(np.linalg.norm(start - end)), a.distance_m(b)
    assert line <= way + 1e-3
    if way < 1000:
        assert abs(line - way) < 0.01


def test_no_places_are_no_points() -> None:
    assert points([]).shape == (0, 3)
