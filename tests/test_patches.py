import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from placeproof.geometry import mask_box
from placeproof.patches import Mask, PatchGrid

masks = st.integers(0, 10**6).map(
    lambda seed: torch.rand(4, 8, generator=torch.Generator().manual_seed(seed))
)


@given(mask=masks, scale=st.sampled_from([3, 5, 17]), wraps=st.booleans())
def test_enlarging_keeps_the_values_at_the_patches_centres(
    mask: Tensor, scale: int, wraps: bool
) -> None:
    grid = PatchGrid(16, (128, 64), (8 * scale, 4 * scale), wraps=wraps)
    large = Mask(mask, grid).pixels()
    assert large.shape == (4 * scale, 8 * scale)
    assert large.dtype == np.float32
    np.testing.assert_allclose(large[scale // 2 :: scale, scale // 2 :: scale], mask, atol=1e-6)
    assert mask.min() - 1e-6 <= large.min() <= large.max() <= mask.max() + 1e-6


@given(mask=masks, scale=st.integers(1, 9), turn=st.integers(0, 7))
def test_enlarging_a_turned_panorama_turns_the_mask(mask: Tensor, scale: int, turn: int) -> None:
    grid = PatchGrid(16, (128, 64), (8 * scale, 4 * scale), wraps=True)
    turned = Mask(mask.roll(turn, dims=1), grid).pixels()
    np.testing.assert_allclose(
        turned, np.roll(Mask(mask, grid).pixels(), turn * scale, 1), atol=1e-6
    )


def test_a_photo_is_not_enlarged_across_its_edges() -> None:
    mask = torch.zeros(2, 4)
    mask[:, 0] = 1.0
    large = Mask(mask, PatchGrid(32, (128, 64), (40, 20), wraps=False)).pixels()
    assert (large[:, :5] == 1.0).all()
    assert (large[:, -10:] == 0.0).all()
    assert Mask(mask, PatchGrid(32, (128, 64), (40, 20), wraps=True)).pixels()[0, -1] > 0.4


@given(value=st.floats(0, 1, width=32), width=st.integers(33, 200), height=st.integers(33, 200))
@settings(max_examples=30)
def test_a_constant_mask_stays_constant_where_the_last_patch_is_cut_off(
    value: float, width: int, height: int
) -> None:
    mask = torch.full((-(-height // 32), -(-width // 32)), value)
    large = Mask(
        mask, PatchGrid(32, (width, height), (3 * width, 3 * height), wraps=False)
    ).pixels()
    assert large.shape == (3 * height, 3 * width)
    np.testing.assert_allclose(large, value, atol=1e-6)


def test_a_cut_off_patch_covers_only_what_the_picture_has_of_it() -> None:
    mask = torch.tensor([[0.0, 0.0, 1.0]])  # the last patch is 8 of 32 pixels wide
    grid = PatchGrid(32, (72, 32), (720, 320), wraps=False)
    large = Mask(mask, grid).pixels()
    # The centre of the last patch would lie at column 800: the mask rises towards there.
    assert large[0, 479] < 0.01
    assert large[0, 719] == pytest.approx((719.5 - 480) / 320, abs=1e-3)
    assert grid.centre(2, 0) == (720.0, 160.0)
    assert grid.centre(1, 0) == (480.0, 160.0)


@pytest.mark.parametrize("start", range(8))
def test_the_box_of_a_region_runs_across_the_seam(start: int) -> None:
    mask = torch.zeros(4, 8)
    mask[1:3, [start, (start + 1) % 8]] = 1.0
    large = Mask(mask, PatchGrid(16, (128, 64), (80, 40), wraps=True)).pixels()
    box = mask_box(large >= 0.5, wraps=True)
    assert box is not None
    assert (box.width, box.height, box.top) == (20, 20, 10)
    assert box.left == start * 10
    assert len(box.spans(80)) == (2 if start == 7 else 1)
