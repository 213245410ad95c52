import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from placeproof.geometry import mask_box, wrap_degrees
from placeproof.localization import MATCHES_KEPT, PatchGrid, best_matches, camera_yaw
from placeproof.network.matching import Matches

PANORAMA_GRID = (32, 64)  # rows and columns of patches
FOCAL = PANORAMA_GRID[1] / (2 * math.pi)  # of a photo on the panorama's scale, in patches
PATCH_DEGREES = 360 / PANORAMA_GRID[1]


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


masks = st.integers(0, 10**6).map(
    lambda seed: torch.rand(4, 8, generator=torch.Generator().manual_seed(seed))
)


@given(mask=masks, scale=st.sampled_from([3, 5, 17]), wraps=st.booleans())
def test_enlarging_keeps_the_values_at_the_patches_centres(
    mask: Tensor, scale: int, wraps: bool
) -> None:
    grid = PatchGrid(16, (128, 64), (8 * scale, 4 * scale), wraps=wraps)
    large = grid.enlarge(mask)
    assert large.shape == (4 * scale, 8 * scale)
    assert large.dtype == np.float32
    np.testing.assert_allclose(large[scale // 2 :: scale, scale // 2 :: scale], mask, atol=1e-6)
    assert mask.min() - 1e-6 <= large.min() <= large.max() <= mask.max() + 1e-6


@given(mask=masks, scale=st.integers(1, 9), turn=st.integers(0, 7))
def test_enlarging_a_turned_panorama_turns_the_mask(mask: Tensor, scale: int, turn: int) -> None:
    grid = PatchGrid(16, (128, 64), (8 * scale, 4 * scale), wraps=True)
    turned = grid.enlarge(mask.roll(turn, dims=1))
    np.testing.assert_allclose(turned, np.roll(grid.enlarge(mask), turn * scale, 1), atol=1e-6)


def test_a_photo_is_not_enlarged_across_its_edges() -> None:
    mask = torch.zeros(2, 4)
    mask[:, 0] = 1.0
    large = PatchGrid(32, (128, 64), (40, 20), wraps=False).enlarge(mask)
    assert (large[:, :5] == 1.0).all()
    assert (large[:, -10:] == 0.0).all()
    assert PatchGrid(32, (128, 64), (40, 20), wraps=True).enlarge(mask)[0, -1] > 0.4


@given(value=st.floats(0, 1, width=32), width=st.integers(33, 200), height=st.integers(33, 200))
@settings(max_examples=30)
def test_a_constant_mask_stays_constant_where_the_last_patch_is_cut_off(
    value: float, width: int, height: int
) -> None:
    mask = torch.full((-(-height // 32), -(-width // 32)), value)
    large = PatchGrid(32, (width, height), (3 * width, 3 * height), wraps=False).enlarge(mask)
    assert large.shape == (3 * height, 3 * width)
    np.testing.assert_allclose(large, value, atol=1e-6)


def test_a_cut_off_patch_covers_only_what_the_picture_has_of_it() -> None:
    mask = torch.tensor([[0.0, 0.0, 1.0]])  # the last patch is 8 of 32 pixels wide
    grid = PatchGrid(32, (72, 32), (720, 320), wraps=False)
    large = grid.enlarge(mask)
    # The centre of the last patch would lie at column 800: the mask rises towards there.
    assert large[0, 479] < 0.01
    assert large[0, 719] == pytest.approx((719.5 - 480) / 320, abs=1e-3)
    assert grid.centre(2, 0) == (720.0, 160.0)
    assert grid.centre(1, 0) == (480.0, 160.0)


@pytest.mark.parametrize("start", range(8))
def test_the_box_of_a_region_runs_across_the_seam(start: int) -> None:
    mask = torch.zeros(4, 8)
    mask[1:3, [start, (start + 1) % 8]] = 1.0
    large = PatchGrid(16, (128, 64), (80, 40), wraps=True).enlarge(mask)
    box = mask_box(large >= 0.5, wraps=True)
    assert box is not None
    assert (box.width, box.height, box.top) == (20, 20, 10)
    assert box.left == start * 10
    assert len(box.spans(80)) == (2 if start == 7 else 1)


def matches_of(seed: int) -> Matches:
    """Best matches of 30 photo patches among 128."""
    random = torch.Generator().manual_seed(seed)
    return Matches(
        reference=torch.rand(8, 16, generator=random),
        query=torch.rand(5, 6, generator=random).mul(10).round() / 10,  # with ties
        reference_index=torch.randint(30, (8, 16), generator=random),
        query_index=torch.randint(128, (5, 6), generator=random),
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
    similarities = [match.similarity for match in listed]
    assert similarities == sorted(similarities, reverse=True)
    assert len({match.reference for match in listed}) == len(listed) <= MATCHES_KEPT
    inside = {
        int(target)
        for target, weight in zip(found.query_index.flatten(), query_mask.flatten(), strict=True)
        if weight >= 0.5 and reference_mask.flatten()[target] >= 0.5
    }
    assert len(listed) == min(len(inside), MATCHES_KEPT)
    for match in listed:
        column, row = (int(c // 10) for c in match.query)
        target_column, target_row = (int(c // 10) for c in match.reference)
        target = target_row * 16 + target_column
        assert found.query_index[row, column] == target
        assert target in inside
        assert query_mask[row, column] >= 0.5
        assert match.similarity == pytest.approx(float(found.query[row, column]))


def test_at_most_so_many_matches_are_listed() -> None:
    count = MATCHES_KEPT + 16
    found = Matches(
        torch.ones(1, count),
        torch.linspace(0, 1, count)[None],
        torch.arange(count)[None],
        torch.arange(count)[None],
    )
    grid = PatchGrid(1, (count, 1), (count, 1), wraps=False)
    ones = torch.ones(1, count)
    listed = best_matches(found, ones, ones, grid, grid)
    assert [match.query[0] for match in listed] == [
        count - 0.5 - rank for rank in range(MATCHES_KEPT)
    ]
