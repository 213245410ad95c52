import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from placeproof.geometry import wrap_degrees
from placeproof.tricks.ambiguity import (
    AS_GOOD,
    LEAST_POINTS,
    MOST_BEARINGS,
    SAME_BEARING,
    Bearing,
    equal_bearings,
)
from placeproof.tricks.mirror import LEAST_MIRRORED, TIMES_UPRIGHT, is_mirrored, mirrored


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_a_mirror_image(pixels: np.ndarray) -> None:
    image = mirrored(pixels)
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image[:, 0], pixels[:, -1])
    np.testing.assert_array_equal(mirrored(image), pixels)


def test_a_mirrored_photo_matches_better_mirrored() -> None:
    assert is_mirrored(upright=10, mirrored=80)
    assert is_mirrored(upright=0, mirrored=LEAST_MIRRORED)


def test_a_facade_that_matches_both_ways_is_not_mirrored() -> None:
    assert not is_mirrored(upright=111, mirrored=125)  # seen: the windows are symmetric
    assert not is_mirrored(upright=0, mirrored=LEAST_MIRRORED - 1)
    assert not is_mirrored(upright=100, mirrored=round(100 * TIMES_UPRIGHT) - 1)


@given(st.integers(0, 700), st.integers(0, 700))
def test_a_photo_is_not_mirrored_both_ways(one: int, other: int) -> None:
    assert not (is_mirrored(one, other) and is_mirrored(other, one))


def test_a_symmetric_street_has_two_bearings() -> None:
    looks = [Bearing(10, 60), Bearing(-172, 66), Bearing(100, 20), Bearing(-165, 64)]
    assert equal_bearings(looks) == [Bearing(-172, 66), Bearing(10, 60)]


def test_one_bearing_that_is_clearly_best() -> None:
    assert equal_bearings([Bearing(10, 60), Bearing(190, 30)]) == [Bearing(10, 60)]


def test_bearings_across_north_are_the_same() -> None:
    assert equal_bearings([Bearing(355, 60), Bearing(15, 60)]) == [Bearing(355, 60)]


def test_a_few_points_have_no_bearing() -> None:
    assert equal_bearings([Bearing(0, LEAST_POINTS - 1)]) == []
    assert equal_bearings([]) == []


@given(st.lists(st.builds(Bearing, st.floats(-360, 360), st.integers(0, 200)), max_size=12))
def test_bearings_are_far_apart_and_as_good_as_the_best(looks: list[Bearing]) -> None:
    found = equal_bearings(looks)
    assert len(found) <= MOST_BEARINGS
    assert bool(found) == any(look.inliers >= LEAST_POINTS for look in looks)
    for number, one in enumerate(found):
        assert one in looks
        assert one.inliers >= AS_GOOD * max(look.inliers for look in looks)
        for other in found[:number]:
            assert abs(wrap_degrees(one.yaw - other.yaw)) >= SAME_BEARING
            assert other.inliers >= one.inliers


def test_as_good_is_a_share() -> None:
    assert 0 < AS_GOOD < 1 < TIMES_UPRIGHT
    assert pytest.approx(SAME_BEARING) == 30
