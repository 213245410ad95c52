from dataclasses import replace

import numpy as np

from placeproof.report.point_matches import MOST_LINES, point_matches
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


def test_many_points_are_thinned_and_none_is_no_picture(consistent: Verification) -> None:
    look = consistent.evidence[0].second_look
    assert look is not None
    many = replace(
        look,
        points=np.tile(look.points, (400, 1)),
        directions=np.tile(look.directions, (400, 1)),
    )
    assert many.inliers > MOST_LINES
    assert point_matches(many, PHOTO, PANORAMA) is not None
    none = replace(look, points=look.points[:0], directions=look.directions[:0])
    assert point_matches(none, PHOTO, PANORAMA) is None
