import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image

from pixel_mask import pixel_mask
from placeproof.geometry import WrappedBox
from placeproof.report.overlay import (
    draw_ring,
    fitted_size,
    marked_matches,
    mask_picture,
    overlay,
    query_overlay,
    reference_overlay,
    region_overlay,
    scaled,
)
from placeproof.results import Comparison, PatchMatch

GREY = (90, 90, 90)
YELLOW = (255, 255, 0)
TINT = (236, 0, 140)
MARK_1, MARK_2 = (230, 159, 0), (86, 180, 233)


def comparison(
    mask: NDArray[np.float32], box: WrappedBox | None = None, *matches: PatchMatch
) -> Comparison:
    """The same mask for query and reference."""
    return Comparison(0.0, 0.5, pixel_mask(mask), pixel_mask(mask), box, None, (), matches)


def empty(width: int, height: int) -> NDArray[np.float32]:
    return np.zeros((height, width), np.float32)


def plain(width: int, height: int, colour: tuple[int, int, int] = GREY) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


def gradient(width: int, height: int) -> NDArray[np.uint8]:
    """Every pixel tells its column and row."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack((columns % 200, rows % 200, columns // 200 * 40), axis=2).astype(np.uint8)


def is_colour(picture: Image.Image, colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (np.asarray(picture) == colour).all(axis=2)
    return found


masks = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=24),
    elements=st.sampled_from([0.0, 0.25, 0.49, 0.49999997, 0.5, 0.51, 1.0]),
)


@given(masks)
def test_the_tint_lies_where_the_mask_reaches_one_half(mask: NDArray[np.float32]) -> None:
    picture = Image.fromarray(plain(mask.shape[1], mask.shape[0]))
    for draw in (query_overlay, reference_overlay):
        drawn = draw(comparison(mask), picture)
        np.testing.assert_array_equal(~is_colour(drawn, GREY), mask >= 0.5)
    assert is_colour(picture, GREY).all()  # what was given is not drawn on


def test_the_tint_lets_the_picture_show_through_and_has_an_outline() -> None:
    mask = empty(100, 100)
    mask[30:70, 20:80] = 1
    drawn = np.asarray(query_overlay(comparison(mask), Image.fromarray(gradient(100, 100))))
    assert tuple(drawn[30, 50]) == tuple(drawn[69, 50]) == tuple(drawn[50, 20]) == TINT
    inside = drawn[40:60, 30:70].astype(int)
    assert (np.diff(inside[..., 0], axis=1) >= 0).all()
    assert inside[0, -1, 0] - inside[0, 0, 0] >= 25  # of the picture's 39


def test_no_outline_along_the_seam() -> None:
    mask = empty(100, 50)
    mask[10:40, :20] = mask[10:40, 80:] = 1
    outline = is_colour(reference_overlay(comparison(mask), Image.fromarray(plain(100, 50))), TINT)
    assert outline[15:35, 19].all()
    assert outline[15:35, 80].all()
    assert not outline[15:35, 0].any()
    assert not outline[15:35, 99].any()


def test_a_box_is_drawn_around_what_it_covers() -> None:
    box = WrappedBox(100, 50, 80, 60)
    drawn = reference_overlay(comparison(empty(400, 200), box), Image.fromarray(plain(400, 200)))
    rows, columns = is_colour(drawn, YELLOW).nonzero()
    assert abs(columns.min() - 100) <= 2
    assert abs(columns.max() - 179) <= 2
    assert abs(rows.min() - 50) <= 2
    assert abs(rows.max() - 109) <= 2
    assert is_colour(drawn, GREY)[58:102, 108:172].all()


def test_a_box_across_the_seam_is_drawn_in_two_parts() -> None:
    box = WrappedBox(380, 50, 40, 100)
    picture = Image.fromarray(plain(400, 200))
    line = is_colour(reference_overlay(comparison(empty(400, 200), box), picture), YELLOW)
    columns = line[60:140].all(axis=0).nonzero()[0]
    left, right = columns[columns < 200], columns[columns >= 200]
    assert np.abs(left - 19).max() <= 2
    assert np.abs(right - 380).max() <= 2
    # Each part is open towards the seam, and reaches it.
    for row in (50, 149):
        assert line[row - 1 : row + 2, 0].any()
        assert line[row - 1 : row + 2, 399].any()
    assert not line[:, 30:370].any()


def test_a_box_as_wide_as_the_picture() -> None:
    box = WrappedBox(0, 10, 400, 50)
    line = is_colour(
        reference_overlay(comparison(empty(400, 200), box), Image.fromarray(plain(400, 200))),
        YELLOW,
    )
    assert line[9:12].any(axis=0).all()
    assert not line[20:50, 5:395].any()


def test_the_query_has_no_box() -> None:
    drawn = query_overlay(
        comparison(empty(80, 60), WrappedBox(10, 10, 20, 20)), Image.fromarray(plain(80, 60))
    )
    assert is_colour(drawn, GREY).all()


@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_marks_lie_where_the_patches_are(scale: float) -> None:
    found = comparison(
        empty(600, 300),
        None,
        PatchMatch((100, 60), (480, 240), 0.9),
        PatchMatch((400, 200), (150, 90), 0.8),
    )
    picture = Image.fromarray(plain(int(600 * scale), int(300 * scale)))
    for draw, centres in (
        (query_overlay, [(100, 60), (400, 200)]),
        (reference_overlay, [(480, 240), (150, 90)]),
    ):
        drawn = draw(found, picture)
        for colour, centre in zip((MARK_1, MARK_2), centres, strict=True):
            rows, columns = is_colour(drawn, colour).nonzero()
            middle = (
                (columns.min() + columns.max() + 1) / 2,
                (rows.min() + rows.max() + 1) / 2,
            )
            assert middle == pytest.approx([scale * value for value in centre], abs=1.5)


points = st.tuples(st.floats(0, 600), st.floats(0, 300))


@given(st.lists(st.tuples(points, points), max_size=30))
def test_marks_are_the_first_that_lie_apart(
    ends: list[tuple[tuple[float, float], tuple[float, float]]],
) -> None:
    matches = [PatchMatch(query, reference, 0.5) for query, reference in ends]
    chosen = marked_matches(comparison(empty(600, 300), None, *matches))
    assert len(chosen) <= 8
    remaining = iter(matches)
    assert all(match in remaining for match in chosen)  # in their order

    def apart(match: PatchMatch, other: PatchMatch) -> bool:
        in_query = math.dist(match.query, other.query)
        return in_query >= 50 and math.dist(match.reference, other.reference) >= 12

    assert all(apart(*pair) for pair in itertools.combinations(chosen, 2))
    if len(chosen) < 8:
        assert all(match in chosen or not all(apart(match, o) for o in chosen) for match in matches)


def test_the_region_around_a_box_is_in_one_piece_across_the_seam() -> None:
    panorama = gradient(400, 200)
    box = WrappedBox(380, 50, 40, 100)
    found = comparison(empty(400, 200), box, PatchMatch((0, 0), (5, 100), 0.9))
    region = region_overlay(found, box, panorama, 150)
    assert region.size == (90, 150)  # a margin of 25 on each side, not enlarged
    pixels = np.asarray(region)
    np.testing.assert_array_equal(pixels[:20, :45], panorama[25:45, 355:400])
    np.testing.assert_array_equal(pixels[:20, 45:], panorama[25:45, :45])
    line = is_colour(region, YELLOW)[40:110].all(axis=0).nonzero()[0]
    assert {round(column / 5.0) for column in line} == {5, 13}  # columns 25 and 64
    rows, columns = is_colour(region, MARK_1).nonzero()
    assert (columns.min() + columns.max() + 1) / 2 == pytest.approx(50, abs=1.5)
    assert (rows.min() + rows.max() + 1) / 2 == pytest.approx(75, abs=1.5)


@given(st.data())
def test_any_region_keeps_its_shape(data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, 59)), data.draw(st.integers(0, 29))
    box = WrappedBox(left, top, data.draw(st.integers(1, 60)), data.draw(st.integers(1, 30 - top)))
    mask = empty(60, 30)
    for start, stop in box.spans(60):
        mask[top : top + box.height, start:stop] = 1
    region = region_overlay(comparison(mask, box), box, plain(60, 30), 300)
    assert max(region.size) == 300
    margin = max(box.width, box.height) // 4
    seen = min(30, top + box.height + margin) - max(0, top - margin)
    assert region.height / region.width >= 0.9 * seen / min(60, box.width + 2 * margin)
    # The whole box is seen: the tint covers as much of the region as the box does.
    tinted = ~is_colour(region, GREY)
    scale = 300 / max(seen, min(60, box.width + 2 * margin))
    assert tinted.sum() >= 0.8 * box.width * box.height * scale**2


@given(masks)
def test_masks_are_shown_as_they_are(mask: NDArray[np.float32]) -> None:
    picture = mask_picture(mask, (mask.shape[1], mask.shape[0]))
    assert picture.mode == "L"
    np.testing.assert_allclose(np.asarray(picture) / 255, mask, atol=0.5 / 255 + 1e-6)


def test_masks_are_averaged_when_made_smaller() -> None:
    mask = np.tile(np.array([[0, 1], [1, 0]], np.float32), (50, 50))
    small = np.asarray(mask_picture(mask, (10, 10)))
    assert np.abs(small.astype(int) - 128).max() <= 8


@given(st.integers(1, 30_000), st.integers(1, 30_000), st.integers(1, 2000))
def test_fitted_sizes(width: int, height: int, side: int) -> None:
    fitted = fitted_size((height, width, 3), side)
    assert max(fitted) == side
    assert min(fitted) >= 1
    assert fitted[0] == pytest.approx(max(1, side * width / max(width, height)), abs=0.51)
    assert fitted[1] == pytest.approx(max(1, side * height / max(width, height)), abs=0.51)


def test_a_sheet_has_originals_masks_and_overlays() -> None:
    query_mask = empty(80, 60)
    query_mask[:30] = 0.75
    reference_mask = empty(400, 200)
    reference_mask[:, 200:] = 1
    masks = pixel_mask(query_mask), pixel_mask(reference_mask)
    found = Comparison(0.0, 0.5, *masks, WrappedBox(200, 0, 200, 200), None, (), ())
    sheet = overlay(found, plain(80, 60, (200, 0, 0)), plain(400, 200, (0, 0, 200)))
    assert 1500 < sheet.width <= 1600
    assert 0.9 < sheet.height / (3 * 465 + 150) < 1.1

    def at(row: int, column: float, down: float) -> tuple[int, ...]:
        """The colour in one of three rows at shares of the sheet's width and the row's height."""
        x, y = sheet.width * column, sheet.height / 3 * (row + down)
        colour: Any = sheet.getpixel((int(x), int(y)))
        return tuple(colour)

    assert at(0, 0.2, 0.3) == at(0, 0.2, 0.8) == (200, 0, 0)
    assert at(0, 0.6, 0.5) == at(0, 0.9, 0.5) == (0, 0, 200)
    assert at(1, 0.2, 0.3) == (191, 191, 191)
    assert at(1, 0.2, 0.8) == (0, 0, 0)
    assert at(1, 0.6, 0.5) == (0, 0, 0)
    assert at(1, 0.9, 0.5) == (255, 255, 255)
    assert at(2, 0.2, 0.3) not in ((200, 0, 0), (255, 255, 255))
    assert at(2, 0.2, 0.8) == (200, 0, 0)
    assert at(2, 0.6, 0.5) == (0, 0, 200)
    assert at(2, 0.9, 0.5) not in ((0, 0, 200), (255, 255, 255))
    assert is_colour(sheet, YELLOW).any()


@pytest.mark.parametrize("reference", [(1, 1), (2, 1), (3, 4000), (4000, 3), (400, 200)])
@pytest.mark.parametrize("query", [(1, 1), (3, 4000), (4000, 3), (80, 60)])
def test_sheets_of_odd_pictures(query: tuple[int, int], reference: tuple[int, int]) -> None:
    width, height = reference
    found = Comparison(
        0.0,
        0.5,
        pixel_mask(np.ones((query[1], query[0]), np.float32)),
        pixel_mask(np.ones((height, width), np.float32)),
        WrappedBox(0, 0, width, height),
        None,
        (),
        (PatchMatch(query, reference, 0.9),),  # in the far corners
    )
    sheet = overlay(found, plain(*query), plain(*reference), ("Query", "Reference"))
    assert 800 <= sheet.width <= 1602
    assert sheet.height <= 2100


def test_captions_fit_the_narrowest_sheet() -> None:
    found = comparison(empty(3, 3000))
    sheet = overlay(found, plain(3, 3000), plain(3, 3000))
    assert sheet.width == 800
    ink = (np.asarray(sheet) < 128).all(axis=2).any(axis=0).nonzero()[0]
    assert 600 < ink.max() < 800 - 8


def test_scaled_keeps_colours() -> None:
    assert is_colour(scaled(plain(1000, 10), (37, 5)), GREY).all()


def test_a_ring_leaves_its_middle_free() -> None:
    picture = Image.fromarray(plain(192, 192))
    draw_ring(picture, (100.0, 60.0))
    rows, columns = is_colour(picture, YELLOW).nonzero()
    assert (columns.min() + columns.max()) / 2 == pytest.approx(100, abs=1)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(60, abs=1)
    assert is_colour(picture, GREY)[45:75, 85:115].all()
