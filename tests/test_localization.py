import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from placeproof.geometry import wrap_degrees
from placeproof.localization import (
    MATCHES_KEPT,
    YAWS_APART,
    best_matches,
    strongest_yaws,
    yaw_votes,
)
from placeproof.network.matching import Matches
from placeproof.patches import PatchGrid

PANORAMA_GRID = (32, 64)  # rows and columns of patches
FOCAL = PANORAMA_GRID[1] / (2 * math.pi)  # of a photo on the panorama's scale, in patches
PATCH_DEGREES = 360 / PANORAMA_GRID[1]


def camera_yaw(index: Tensor, weights: Tensor, columns: int, focal: float) -> float:
    return strongest_yaws(yaw_votes(index, weights, columns, focal), 1)[0]


def ideal_matches(yaw: float, rows: int, columns: int) -> Tensor:
    """Where the patches of a photo lie in the panorama, as indices (rows, columns)."""
    offset = np.degrees(np.arctan((np.arange(columns) + 0.5 - columns / 2) / FOCAL))
    column = np.floor(((yaw + offset) / 360 + 0.5) * PANORAMA_GRID[1]).astype(int)
    row = np.arange(rows) + (PANORAMA_GRID[0] - rows) // 2
    return torch.from_numpy(row[:, None] * PANORAMA_GRID[1] + column % PANORAMA_GRID[1])


@given(yaw=st.floats(-180, 180), rows=st.integers(1, 9), columns=st.integers(3, 16))
def test_yaw_of_ideal_matches(yaw: float, rows: int, columns: int) -> None:
    index = ideal_matches(yaw, rows, columns)
    found = camera_yaw(index, torch.ones(rows, columns), PANORAMA_GRID[1], FOCAL)
    assert -180 <= found < 180
    assert abs(wrap_degrees(found - yaw)) <= PATCH_DEGREES / 2 + 0.5


@given(yaw=st.floats(-180, 180), seed=st.integers(0, 10**6))
def test_yaw_despite_outliers(yaw: float, seed: int) -> None:
    index = ideal_matches(yaw, 10, 14)
    random = torch.Generator().manual_seed(seed)
    wrong = torch.rand(index.shape, generator=random) < 0.4
    anywhere = torch.randint(math.prod(PANORAMA_GRID), index.shape, generator=random)
    index = torch.where(wrong, anywhere, index)
    found = camera_yaw(index, torch.ones(index.shape), PANORAMA_GRID[1], FOCAL)
    assert abs(wrap_degrees(found - yaw)) <= PATCH_DEGREES


@given(yaw=st.floats(-180, 180), left=st.booleans())
def test_yaw_is_the_optical_axis_where_only_an_edge_matched(yaw: float, left: bool) -> None:
    index = ideal_matches(yaw, 6, 14)
    mask = torch.zeros(index.shape)
    mask[:, :4] = 1.0 if left else 0.0
    mask[:, -4:] = 0.0 if left else 1.0
    assert (
        abs(wrap_degrees(camera_yaw(index, mask, PANORAMA_GRID[1], FOCAL) - yaw)) <= PATCH_DEGREES
    )


@given(yaw=st.floats(-180, 180), elsewhere=st.floats(-180, 180))
def test_patches_outside_the_mask_do_not_vote(yaw: float, elsewhere: float) -> None:
    index = torch.cat((ideal_matches(yaw, 2, 12), ideal_matches(elsewhere, 8, 12)))
    mask = torch.zeros(index.shape)
    mask[:2] = 1.0
    assert (
        abs(wrap_degrees(camera_yaw(index, mask, PANORAMA_GRID[1], FOCAL) - yaw)) <= PATCH_DEGREES
    )


@pytest.mark.parametrize("turn", [0, 1, 31, 63])
def test_turning_the_panorama_turns_the_yaw(turn: int) -> None:
    index = ideal_matches(10.0, 6, 12)
    rows, columns = index // PANORAMA_GRID[1], index % PANORAMA_GRID[1]
    turned = rows * PANORAMA_GRID[1] + (columns + turn) % PANORAMA_GRID[1]
    mask = torch.ones(index.shape)
    before, after = (camera_yaw(i, mask, PANORAMA_GRID[1], FOCAL) for i in (index, turned))
    assert abs(wrap_degrees(after - before - turn * PATCH_DEGREES)) <= 1.0  # candidates' spacing


def matches_of(seed: int) -> Matches:
    """Best matches of 30 photo patches among 128."""
    random = torch.Generator().manual_seed(seed)
    return Matches(
        reference=torch.rand(8, 16, generator=random),
        query=torch.rand(5, 6, generator=random).mul(10).round() / 10,  # with ties
        reference_index=torch.randint(30, (8, 16), generator=random),
        query_index=torch.randint(128, (5, 6), generator=random),
        similarity=torch.rand(5, 6, generator=random),  # a background was subtracted
    )


@given(seed=st.integers(0, 10**6))
def test_listed_matches(seed: int) -> None:
    found = matches_of(seed)
    random = torch.Generator().manual_seed(seed + 1)
    query_mask, reference_mask = (
        torch.rand(shape, generator=random) for shape in ((5, 6), (8, 16))
    )
    query_grid = PatchGrid(10, (60, 50), (60, 50), wraps=False)
    reference_grid = PatchGrid(10, (160, 80), (160, 80), wraps=True)
    listed = best_matches(found, query_mask, reference_mask, query_grid, reference_grid)
    assert len({match.reference for match in listed}) == len(listed) <= MATCHES_KEPT
    inside = {
        int(target)
        for target, weight in zip(found.query_index.flatten(), query_mask.flatten(), strict=True)
        if weight >= 0.5 and reference_mask.flatten()[target] >= 0.5
    }
    assert len(listed) == min(len(inside), MATCHES_KEPT)
    clearness = []
    for match in listed:
        column, row = (int(c // 10) for c in match.query)
        target_column, target_row = (int(c // 10) for c in match.reference)
        target = target_row * 16 + target_column
        assert found.query_index[row, column] == target
        assert target in inside
        assert query_mask[row, column] >= 0.5
        assert match.similarity == pytest.approx(float(found.similarity[row, column]))
        clearness.append(float(found.query[row, column]))
    assert clearness == sorted(clearness, reverse=True)


def test_at_most_so_many_matches_are_listed() -> None:
    count = MATCHES_KEPT + 16
    found = Matches(
        torch.ones(1, count),
        torch.linspace(0, 1, count)[None],
        torch.arange(count)[None],
        torch.arange(count)[None],
        torch.linspace(0, 1, count)[None],
    )
    grid = PatchGrid(1, (count, 1), (count, 1), wraps=False)
    ones = torch.ones(1, count)
    listed = best_matches(found, ones, ones, grid, grid)
    assert [match.query[0] for match in listed] == [
        count - 0.5 - rank for rank in range(MATCHES_KEPT)
    ]


@given(st.integers(-180, 179), st.integers(50, 310))
def test_two_directions_that_are_voted_for_are_both_named_the_stronger_first(
    yaw: int, apart: int
) -> None:
    rows, columns = 6, 8
    other = float(wrap_degrees(yaw + apart))
    top, bottom = ideal_matches(float(yaw), rows, columns), ideal_matches(other, rows, columns)
    index = torch.cat((top, bottom))
    weights = torch.cat((torch.ones(rows, columns), torch.full((rows, columns), 0.5)))
    found = strongest_yaws(yaw_votes(index, weights, PANORAMA_GRID[1], FOCAL), 3)
    assert abs(wrap_degrees(found[0] - yaw)) <= PATCH_DEGREES
    assert abs(wrap_degrees(found[1] - other)) <= PATCH_DEGREES + 5  # votes of both may blend
    for first, second in itertools.combinations(found, 2):
        assert abs(wrap_degrees(first - second)) >= YAWS_APART


def test_where_nothing_votes_there_is_no_direction() -> None:
    index = ideal_matches(0.0, 4, 5)
    votes = yaw_votes(index, torch.zeros(index.shape), PANORAMA_GRID[1], FOCAL)
    assert strongest_yaws(votes, 3) == ()
