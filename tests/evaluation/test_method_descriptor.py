import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from placeproof.errors import EvaluationError
from placeproof.evaluation.methods.descriptor import (
    VIEW_YAWS,
    DescriptorMethod,
    cut_views,
    dense_size,
)
from placeproof.geometry import View, cut_view
from placeproof.patches import as_batch

Pixels = NDArray[np.uint8]
SIDE = 16


class MeanColour(DescriptorMethod):
    name = title = source = weights = features_key = "mean-colour"

    def __init__(self, view_side: int | None = None) -> None:
        self.view_side = view_side
        self.seen: list[tuple[tuple[int, ...], bool]] = []

    def describe(self, pixels: Pixels, *, panorama: bool) -> Tensor:
        self.seen.append((pixels.shape, panorama))
        return torch.from_numpy(pixels.astype(np.float32).mean(axis=(0, 1)))


def plain(red: int, green: int, blue: int, width: int = 40, height: int = 40) -> Pixels:
    return np.full((height, width, 3), (red, green, blue), np.uint8)


def sectors(colours: NDArray[np.uint8]) -> Pixels:
    """A panorama of eight sectors of 45 degrees, the first from -180 degrees on."""
    return np.repeat(np.repeat(colours[None], 32, axis=1), 128, axis=0)


def test_the_score_is_the_cosine() -> None:
    method = MeanColour()
    query = method.features(plain(30, 40, 0), panorama=False)
    reference = method.features(plain(0, 200, 0, 80), panorama=True)
    assert query["descriptors"].dtype == np.float32
    assert np.allclose(query["descriptors"], [[0.6, 0.8, 0.0]])
    answer = method.compare(query, reference, panorama=True)
    assert answer.score == pytest.approx(0.8)
    assert answer.yaw is None and answer.box is None and answer.reference_mask is None
    assert method.seen == [((40, 40, 3), False), ((40, 80, 3), True)]


def test_only_panoramas_are_cut_into_views() -> None:
    method = MeanColour(SIDE)
    assert method.features(plain(9, 9, 9), panorama=False)["descriptors"].shape == (1, 3)
    assert method.features(plain(9, 9, 9, 80), panorama=True)["descriptors"].shape == (8, 3)
    assert method.seen == [((40, 40, 3), False)] + [((SIDE, SIDE, 3), False)] * 8


def test_the_best_view_counts_and_says_where_it_looks() -> None:
    # Red from -22.5 to 22.5 degrees and beyond it, so that the view at yaw 0 is the reddest.
    panorama = np.roll(sectors(np.array([[0, 0, 255]] * 6 + [[255, 0, 0]] * 2, np.uint8)), 96, 1)
    method = MeanColour(SIDE)
    query = method.features(plain(255, 0, 0), panorama=False)
    seen = {}
    for turn in range(8):
        turned = np.roll(panorama, turn * 32, axis=1)
        answer = method.compare(query, method.features(turned, panorama=True), panorama=True)
        assert answer.score > 0.99
        assert answer.yaw is not None
        seen[turn] = answer.yaw
    assert len(set(seen.values())) == 8
    assert all((seen[turn] - seen[0] - 45 * turn) % 360 == 0 for turn in range(8))


def test_a_view_shows_what_lies_there() -> None:
    random = np.random.default_rng(0)
    panorama = sectors(random.integers(0, 256, (8, 3), dtype=np.uint8))
    exact = torch.from_numpy(panorama).permute(2, 0, 1).float()
    for yaw, view in zip(VIEW_YAWS, cut_views(panorama, 32), strict=True):
        expected = cut_view(exact, View(yaw, 0.0, 0.0, 90.0, 32, 32)).permute(1, 2, 0)
        assert np.abs(view - expected.numpy()).max() <= 0.51


def test_views_of_large_panoramas_are_those_of_small_ones() -> None:
    random = np.random.default_rng(1)
    small = sectors(random.integers(0, 256, (8, 3), dtype=np.uint8))
    large = small.repeat(4, axis=0).repeat(4, axis=1)  # 64 times the views' side
    for view, expected in zip(cut_views(large, SIDE), cut_views(small, SIDE), strict=True):
        assert np.abs(view.astype(int) - expected).mean() < 3


def test_a_descriptor_of_zeros_is_like_nothing() -> None:
    method = MeanColour()
    black = method.features(plain(0, 0, 0), panorama=False)
    assert method.compare(black, black, panorama=False).score == 0.0


def test_what_is_no_number_is_an_error() -> None:
    class Broken(MeanColour):
        def describe(self, pixels: Pixels, *, panorama: bool) -> Tensor:
            return super().describe(pixels, panorama=panorama) * torch.nan

    with pytest.raises(EvaluationError, match="mean-colour"):
        Broken().features(plain(1, 2, 3), panorama=False)


@settings(max_examples=30)
@given(width=st.integers(32, 3000), height=st.integers(32, 3000))
def test_photos_keep_their_shape(width: int, height: int) -> None:
    pixels = np.broadcast_to(np.uint8(0), (height, width, 3))
    seen = dense_size(pixels, panorama=False)
    assert max(seen) == 384
    assert min(seen) == 16 or abs(seen[0] * height - seen[1] * width) <= max(width, height)
    assert dense_size(pixels, panorama=True) == (1664, 832)


def test_batches_hold_colours_from_0_to_1() -> None:
    batch = as_batch(plain(255, 0, 51, 64, 32), (20, 10))
    assert batch.shape == (1, 3, 10, 20)
    assert torch.allclose(batch.mean(dim=(0, 2, 3)), torch.tensor([1.0, 0.0, 0.2]))
