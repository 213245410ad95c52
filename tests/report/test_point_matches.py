from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from placeproof.report.point_matches import MOST_LINES, drawn_points, point_matches
from placeproof.results import Verification

PHOTO = np.zeros((60, 80, 3), np.uint8)
PANORAMA = np.full((200, 400, 3), 40, np.uint8)


def test_lines_join_the_points_in_both_pictures(consistent: Verification) -> None:
    look = consistent.evidence[0].second_look
    assert look is not None
    drawn = point_matches(look, PHOTO, PANORAMA)
    assert drawn is not None
    pixels = np.asarray(drawn).astype(int)
    colourful = pixels.max(axis=2) - pixels.min(axis=2) > 60
    scale = drawn.height / 60
    for x, y in look.points:  # a ring around each point of the photo
        column, row = round(x * scale), round(y * scale)
        assert colourful[row - 8 : row + 9, column - 8 : column + 9].any()
    assert colourful[:, round(80 * scale) + 20 :].any()


def test_without_points_there_is_no_picture(consistent: Verification) -> None:
    look = consistent.evidence[0].second_look
    assert look is not None
    none = replace(look, points=look.points[:0], directions=look.directions[:0])
    assert point_matches(none, PHOTO, PANORAMA) is None


def test_a_single_point_is_drawn(consistent: Verification) -> None:
    look = consistent.evidence[0].second_look
    assert look is not None
    one = replace(look, points=look.points[:1], directions=look.directions[:1])
    drawn = point_matches(one, PHOTO, PANORAMA)
    assert drawn is not None
    pixels = np.asarray(drawn).astype(int)
    assert (pixels.max(axis=2) - pixels.min(axis=2) > 60).any()


@given(st.integers(0, 300))
def test_of_many_points_some_all_over_the_photo_are_drawn(count: int) -> None:
    points = np.stack((np.arange(count)[::-1], np.zeros(count)), axis=1).astype(np.float32)
    chosen = drawn_points(points, np.ones(count, bool))
    assert len({*chosen.tolist()}) == len(chosen) == min(count, MOST_LINES)
    across = points[chosen, 0]
    assert (np.diff(across) > 0).all()
    if count > 1:
        assert (across[0], across[-1]) == (0, count - 1)


def test_points_beside_the_view_are_not_drawn() -> None:
    points = np.array([(3, 0), (1, 0), (2, 0)], np.float32)
    assert drawn_points(points, np.array([True, True, False])).tolist() == [1, 0]
