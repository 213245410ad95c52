import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from placeproof.matchers.extraction import (
    LONGER_SIDE,
    MOST_KEYPOINTS,
    MULTIPLE,
    Detected,
    extract,
    network_size,
)

SIDES = st.integers(32, 2500)


def brightest(batch: Tensor) -> Detected:
    """Stands in for a network: finds the middle of what is bright."""
    weight = batch[0].mean(dim=0)
    y, x = torch.meshgrid(*(torch.arange(side) for side in weight.shape), indexing="ij")
    middle = torch.stack(((weight * x).sum(), (weight * y).sum())) / weight.sum()
    return Detected(middle[None], torch.ones(1), torch.ones(1, 4))


@settings(max_examples=25)
@given(
    st.integers(200, 1600),
    st.integers(200, 1600),
    st.floats(0.25, 0.75),
    st.floats(0.25, 0.75),
)
def test_keypoints_are_where_the_picture_shows_them(
    width: int, height: int, across: float, down: float
) -> None:
    """Whatever the picture is scaled to; half a pixel of a large one would be seen."""
    left, top = round(across * width), round(down * height)
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[top - 6 : top + 6, left - 6 : left + 6] = 255
    found = extract(pixels, brightest)
    np.testing.assert_allclose(found.keypoints, [[left, top]], atol=0.15)
    assert (found.width, found.height) == (width, height)


@given(SIDES, SIDES)
def test_networks_see_whole_blocks_and_no_picture_is_enlarged(width: int, height: int) -> None:
    size = network_size(width, height)
    for seen, given_side in zip(size, (width, height), strict=True):
        assert seen % MULTIPLE == 0
        assert MULTIPLE <= seen <= max(MULTIPLE, min(given_side + MULTIPLE / 2, LONGER_SIDE))


def test_a_large_picture_keeps_its_shape() -> None:
    assert network_size(4000, 3000) == (1024, 768)
    assert network_size(1500, 2000) == (768, 1024)
    assert network_size(512, 384) == (512, 384)


def grid(batch: Tensor) -> Detected:
    """A keypoint every 4 pixels, the better the further to the right."""
    rows, columns = (torch.arange(0, side, 4) for side in batch.shape[2:])
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    keypoints = torch.stack((x.flatten(), y.flatten()), dim=1).float()
    return Detected(keypoints, keypoints[:, 0].clone(), keypoints.clone())


def test_the_best_keypoints_come_first_and_keep_their_descriptors() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (256, 320, 3), dtype=np.uint8)
    found = extract(pixels, grid)
    assert len(found.keypoints) == MOST_KEYPOINTS < 64 * 80
    assert (np.diff(found.scores) <= 0).all()
    assert found.scores[0] == 316
    np.testing.assert_array_equal(found.descriptors, found.keypoints - 0.5)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_surface_of_one_colour_has_no_keypoints(value: int) -> None:
    pixels = np.full((256, 320, 3), value, dtype=np.uint8)
    assert extract(pixels, grid).keypoints.shape == (0, 2)
    pixels[:, :100] = np.random.default_rng(0).integers(0, 256, (256, 100, 3))
    found = extract(pixels, grid)
    assert len(found.keypoints) > 0
    assert found.keypoints[:, 0].max() < 100 + 9
