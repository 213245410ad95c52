"""Places and their splits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.collect.places import PLACE_M, development_places, place_of
from placeproof.location import Location

locations = st.builds(Location, st.floats(-90, 90), st.floats(-180, 180))


@given(locations)
def test_a_place_is_small_and_its_name_says_where(location: Location) -> None:
    south, west = map(float, place_of(location).split())
    corner = Location(max(south, -90.0), west)
    assert corner.distance_m(location) < 1.1 * math.hypot(PLACE_M, PLACE_M)
    assert south <= location.latitude + 1e-5


@given(locations)
def test_both_longitudes_of_the_antimeridian_are_one_place(location: Location) -> None:
    east, west = (Location(location.latitude, longitude) for longitude in (180.0, -180.0))
    assert place_of(east) == place_of(west)


def test_neighbours_a_block_apart_are_other_places() -> None:
    names = {place_of(Location(48.0 + step * 0.0025, 2.0)) for step in range(50)}  # 278 m
    assert len(names) == 50


@given(st.integers(2, 40), st.floats(0.01, 0.99), st.integers(0, 99))
def test_both_splits_have_places(count: int, share: float, seed: int) -> None:
    places = [f"place {number}" for number in range(count)]
    assert 0 < len(development_places(places, share, seed)) < count


def test_one_place_is_not_held_out() -> None:
    assert development_places(["only"], 0.99, 0) == set()
    assert development_places([], 0.5, 0) == set()


def test_the_share_is_about_what_was_asked_for_and_the_seed_draws() -> None:
    places = [f"place {number}" for number in range(6000)]
    drawn = development_places(places, 1 / 6, 0)
    assert len(drawn) == pytest.approx(1000, rel=0.1)
    assert drawn != development_places(places, 1 / 6, 1)


def test_a_collection_that_grows_moves_no_place() -> None:
    places = [f"place {number}" for number in range(600)]
    before, after = (development_places(some, 0.2, 7) for some in (places[:300], places))
    assert before == after & set(places[:300])
