"""What the template matchers share: cells, windows across the seam, masks, box and yaw."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from placeproof.evaluation.method import Features
from placeproof.evaluation.methods.bbs import BbsColour, BbsDeep
from placeproof.evaluation.methods.ddis import DdisColour, DdisDeep
from placeproof.evaluation.methods.template_cells import (
    FIELD_OF_VIEW,
    LONGER_SIDE,
    PANORAMA_GRID,
    Colour,
    photo_grid,
    standardised,
)
from placeproof.evaluation.methods.template_windows import TemplateMethod, square_distances
from placeproof.geometry import WrappedBox, wrap_degrees
from placeproof.scene.render import render_panorama
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit

Pixels = NDArray[np.uint8]
ROWS, COLUMNS = PANORAMA_GRID
CELL = 6  # pixels of the tests' panoramas
PHOTO = (LONGER_SIDE, 10)  # cells of the tests' photos, across and down

colours = pytest.mark.parametrize("method", [BbsColour(), DdisColour()], ids=lambda m: m.name)


def texture(seed: int) -> Pixels:
    """A panorama whose cells are of one colour each."""
    cells = np.random.default_rng(seed).integers(0, 256, (ROWS, COLUMNS, 3), dtype=np.uint8)
    return np.kron(cells, np.ones((CELL, CELL, 1), np.uint8))


def part(panorama: Pixels, left: int, top: int) -> Pixels:
    """A part of a panorama as large as a photo, from a cell on, perhaps across the seam."""
    columns = np.arange(left * CELL, (left + PHOTO[0]) * CELL) % panorama.shape[1]
    return panorama[top * CELL : (top + PHOTO[1]) * CELL][:, columns]


def turned(panorama: Pixels, cells: int) -> Pixels:
    return np.roll(panorama, cells * CELL, axis=1)


def test_a_photo_is_at_the_panoramas_scale() -> None:
    focal = LONGER_SIDE / 2 / math.tan(math.radians(FIELD_OF_VIEW) / 2)
    assert 2 * math.pi * focal == pytest.approx(COLUMNS, rel=0.03)


@given(width=st.integers(32, 9000), height=st.integers(32, 9000))
def test_photos_keep_their_shape(width: int, height: int) -> None:
    rows, columns = photo_grid(width, height)
    assert max(rows, columns) == LONGER_SIDE
    shorter = LONGER_SIDE * min(width, height) / max(width, height)
    assert min(rows, columns) == pytest.approx(max(shorter, 1), abs=0.5001)


def test_cells_of_colour_are_patches_of_three_by_three() -> None:
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (12 * 3, LONGER_SIDE * 3, 3), dtype=np.uint8)
    cells = Colour().features(photo, panorama=False)["cells"]
    assert cells.shape == (12, LONGER_SIDE, 27)
    assert cells.dtype == np.uint8
    for row, column in ((0, 0), (7, 4), (11, LONGER_SIDE - 1)):
        patch = photo[row * 3 : row * 3 + 3, column * 3 : column * 3 + 3]
        np.testing.assert_array_equal(cells[row, column], patch.ravel())
    kept = Colour().features(texture(0), panorama=True)
    assert kept["cells"].shape == (ROWS, COLUMNS, 27)
    query, reference = Colour().cells({"cells": cells}, kept, panorama=True)
    np.testing.assert_allclose(query * 255, cells, atol=1e-4)
    assert reference.max() <= 1


def test_deep_cells_are_standardised_by_the_template() -> None:
    generator = torch.Generator().manual_seed(0)
    template, reference = (torch.randn(5, n, n + 1, generator=generator) * 3 + 7 for n in (4, 6))
    template[2] = 7.0  # a channel that says nothing
    first, second = standardised(template, reference)
    assert first.shape == (4, 5, 5)
    assert second.shape == (6, 7, 5)
    for cells in (first, second):
        np.testing.assert_allclose(np.linalg.norm(cells, axis=2), 1, atol=1e-5)
    assert not first[..., 2].any()
    mean, deviation = template.mean(dim=(1, 2)), template.std(dim=(1, 2), correction=0)
    deviation[2] = 1
    expected = (reference[:, 3, 2] - mean) / deviation
    np.testing.assert_allclose(second[3, 2], expected / expected.norm(), atol=1e-5)
    np.testing.assert_array_equal(standardised(template[:, :1, :1], reference)[0], 0)


def test_square_distances_are_those_of_the_points() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(5, 3)), random.normal(size=(4, 3))
    expected = ((first[:, None] - second) ** 2).sum(axis=2)
    np.testing.assert_allclose(square_distances(first, second), expected)
    assert square_distances(first, first).min() == 0


@colours
@settings(max_examples=8)
@given(
    left=st.integers(0, COLUMNS - 1),
    top=st.integers(0, ROWS - PHOTO[1]),
    turn=st.integers(0, COLUMNS - 1),
    seed=st.integers(0, 100),
)
def test_a_part_is_found_where_it_is_also_across_the_seam(
    method: TemplateMethod, left: int, top: int, turn: int, seed: int
) -> None:
    panorama, (width, height) = texture(seed), PHOTO
    query = method.features(part(panorama, left, top), panorama=False)
    answers = [
        method.compare(query, method.features(pixels, panorama=True), panorama=True)
        for pixels in (panorama, turned(panorama, turn))
    ]
    for answer, shift in zip(answers, (0, turn), strict=True):
        assert answer.score == pytest.approx(1)
        assert answer.box is not None
        box = (answer.box.left, answer.box.top, answer.box.width, answer.box.height)
        assert box == ((left + shift) % COLUMNS, top, width, height)
        assert answer.yaw is not None
        middle = (left + shift + width / 2) / COLUMNS
        assert wrap_degrees(answer.yaw - (middle - 0.5) * 360) == pytest.approx(0, abs=1e-9)
        assert answer.query_mask is not None
        assert answer.query_mask.min() == 1
        assert answer.reference_mask is not None
        brightest = np.unravel_index(answer.reference_mask.argmax(), PANORAMA_GRID)
        assert brightest == (top + height // 2, (left + shift + width // 2) % COLUMNS)
    np.testing.assert_array_equal(
        answers[1].reference_mask, np.roll(answers[0].reference_mask, turn, axis=1)
    )


@colours
def test_of_another_place_little_is_found(method: TemplateMethod) -> None:
    query = method.features(part(texture(1), 20, 12), panorama=False)
    reference = method.features(texture(2), panorama=True)
    answer = method.compare(query, reference, panorama=True)
    assert 0 < answer.score < 0.7
    assert answer.probability is None
    for mask, shape in ((answer.query_mask, PHOTO[::-1]), (answer.reference_mask, PANORAMA_GRID)):
        assert mask is not None
        assert mask.shape == shape
        assert mask.dtype == np.float32
        assert 0 <= mask.min() <= mask.max() < 1.001
    again = method.compare(query, reference, panorama=True)
    assert again.score == answer.score
    np.testing.assert_array_equal(again.reference_mask, answer.reference_mask)


@colours
@pytest.mark.parametrize(("width", "height"), [(90, 60), (60, 90), (32, 90), (64, 64)])
def test_a_photo_may_be_the_reference_whatever_its_shape(
    method: TemplateMethod, width: int, height: int
) -> None:
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (60, 90, 3), dtype=np.uint8)
    other = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    query, reference = (method.features(p, panorama=False) for p in (photo, other))
    answer = method.compare(query, reference, panorama=False)
    assert answer.reference_mask is not None
    assert answer.query_mask is not None
    assert answer.box is not None
    rows, columns = photo_grid(width, height)
    assert answer.reference_mask.shape == (rows, columns)
    assert answer.query_mask.shape == photo_grid(90, 60)
    assert answer.box.left + answer.box.width <= columns
    assert answer.box.top + answer.box.height <= rows
    assert answer.yaw is None
    same = method.compare(query, query, panorama=False)
    assert same.score == pytest.approx(1)
    assert same.box is not None
    assert (same.box.height, same.box.width) == photo_grid(90, 60)


@colours
@settings(max_examples=10)
@given(
    rows=st.integers(3, 6), columns=st.integers(4, 9), top=st.integers(0, 9), left=st.integers(0, 9)
)
def test_without_a_seam_windows_stay_inside(
    method: TemplateMethod, rows: int, columns: int, top: int, left: int
) -> None:
    """A photo's columns do not go on at its other edge, and its map is not turned."""
    random = np.random.default_rng(rows * 10 + columns)
    reference = random.integers(0, 256, (rows, columns, 27), dtype=np.uint8)
    top, left = top % (rows - 1), left % (columns - 2)
    template = reference[top : top + 2, left : left + 3]
    answer = method.compare({"cells": template}, {"cells": reference}, panorama=False)
    assert answer.score == pytest.approx(1)
    assert answer.reference_mask is not None
    assert answer.reference_mask.shape == (rows, columns)
    assert answer.reference_mask[top + 1, left + 1] == pytest.approx(1)
    # Of so few cells another window can be as good, even with noise; the first of them counts.
    first_row, first_column = np.argwhere(answer.reference_mask > 0.999)[0] - 1
    assert answer.box == WrappedBox(first_column, first_row, 3, 2)
    assert not answer.reference_mask[:, [0, -1]].any()
    assert not answer.reference_mask[0].any()


@pytest.fixture(scope="module")
def deep_pair() -> tuple[Features, Features]:
    """A part of a rendered panorama across its seam, and the panorama."""
    street, visit = Street(3), Visit(Season.SUMMER, Light.NOON, seed=1)
    width = COLUMNS * CELL
    panorama = render_panorama(street, visit, street.position(0, 0, 2.5), 0, width).pixels
    method = BbsDeep()
    photo = part(panorama, 64, 13)
    return method.features(photo, panorama=False), method.features(panorama, panorama=True)


@pytest.mark.parametrize("make", [BbsDeep, DdisDeep])
def test_deep_features_find_a_part_of_a_street(
    make: Callable[[], TemplateMethod], deep_pair: tuple[Features, Features]
) -> None:
    answer = make().compare(*deep_pair, panorama=True)
    assert answer.box is not None
    assert answer.box.left == pytest.approx(64, abs=2)
    assert answer.box.top == pytest.approx(13, abs=3)
    assert answer.query_mask is not None
    assert answer.query_mask.shape == PHOTO[::-1]
    assert answer.query_mask.mean() > 0.2
    assert answer.reference_mask is not None
    assert answer.reference_mask.max() == pytest.approx(answer.score)


def test_methods_of_one_kind_share_their_features() -> None:
    assert BbsColour().features_key == DdisColour().features_key
    assert BbsDeep().features_key == DdisDeep().features_key
