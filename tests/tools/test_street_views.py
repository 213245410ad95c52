"""Made photos show what the panorama shows where their camera looked."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from placeproof.geometry import cut_view
from street_views import LONGER_SIDE, take_photo


@pytest.fixture(scope="module")
def panorama() -> NDArray[np.uint8]:
    """Smooth colours that differ everywhere."""
    small = np.random.default_rng(1).integers(0, 256, (8, 16, 3), dtype=np.uint8)
    return small.repeat(64, axis=0).repeat(64, axis=1)


def test_a_pure_function_of_panorama_and_seed(panorama: NDArray[np.uint8]) -> None:
    before = panorama.copy()
    first, again, other = (take_photo(panorama, seed) for seed in (3, 3, 4))
    assert np.array_equal(first.pixels, again.pixels)
    assert first.view == again.view != other.view
    assert np.array_equal(panorama, before)


@pytest.mark.parametrize("seed", range(12))
def test_it_shows_what_lies_there(panorama: NDArray[np.uint8], seed: int) -> None:
    photo = take_photo(panorama, seed)
    height, width = photo.pixels.shape[:2]
    assert (photo.view.height, photo.view.width) == (height, width)
    assert LONGER_SIDE * 0.77 <= max(height, width) <= LONGER_SIDE * 1.29
    scene = torch.from_numpy(panorama).permute(2, 0, 1).float()
    plain = cut_view(scene, photo.view).permute(1, 2, 0).numpy()
    for channel in range(3):  # colours change, but light stays light and dark stays dark
        assert (
            np.corrcoef(plain[..., channel].ravel(), photo.pixels[..., channel].ravel())[0, 1] > 0.5
        )


def test_cameras_look_everywhere_and_photos_differ(panorama: NDArray[np.uint8]) -> None:
    photos = [take_photo(panorama, seed) for seed in range(40)]
    yaws = np.array([photo.view.yaw for photo in photos])
    assert np.histogram(yaws, bins=4, range=(-180, 180))[0].min() >= 3
    assert len({photo.pixels.shape for photo in photos}) > 20
    assert np.std([photo.pixels.mean() for photo in photos]) > 10
