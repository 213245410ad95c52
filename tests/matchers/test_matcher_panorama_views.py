import numpy as np
import pytest
import torch

from placeproof.geometry import View, angles_from_direction, wrap_degrees
from placeproof.matchers.panorama_views import COUNT, SIDE, cut_panorama, panorama_views

WIDTH, HEIGHT = 512, 256


@pytest.fixture(scope="module")
def panorama() -> np.ndarray:
    """Red is the cosine of the yaw, green its sine, blue the pitch."""
    yaw = ((np.arange(WIDTH) + 0.5) / WIDTH * 2 - 1) * np.pi
    pitch = np.linspace(1, -1, HEIGHT)[:, None]
    planes = np.broadcast_arrays(np.cos(yaw), np.sin(yaw), pitch)
    pixels = np.round((np.stack(planes, axis=-1) * 0.5 + 0.5) * 255).astype(np.uint8)
    pixels.flags.writeable = False  # as those of a picture that was read
    return pixels


@pytest.fixture(scope="module")
def cut(panorama: np.ndarray) -> list[tuple[View, np.ndarray]]:
    return cut_panorama(panorama)


def test_every_view_shows_what_lies_there(cut: list[tuple[View, np.ndarray]]) -> None:
    assert [view for view, _ in cut] == list(panorama_views())
    for view, pixels in cut:
        assert pixels.shape == (SIDE, SIDE, 3)
        assert pixels.dtype == np.uint8
        x, y = torch.tensor([20.5, SIDE / 2, SIDE - 20.5]), torch.tensor([100.5, SIDE / 2, 200.5])
        yaw, pitch = (angle.numpy() for angle in angles_from_direction(view.directions(x, y)))
        shown = pixels[y.long().numpy(), x.long().numpy()] / 255.0 * 2 - 1
        expected = np.stack((np.cos(np.radians(yaw)), np.sin(np.radians(yaw)), pitch / 90), axis=-1)
        np.testing.assert_allclose(shown, expected, atol=0.02)


def test_photos_of_up_to_a_quarter_less_lie_within_one_view() -> None:
    """Wherever a camera looks, some view's axis is at most half a step away."""
    axes = [view.yaw for view in panorama_views()]
    assert len(axes) == len(set(axes)) == COUNT
    assert axes[0] == 0
    for yaw in np.arange(-180, 180, 0.5):
        assert min(abs(wrap_degrees(yaw - axis)) for axis in axes) <= 180 / COUNT


def test_a_panorama_turned_by_a_step_has_the_same_views(
    panorama: np.ndarray, cut: list[tuple[View, np.ndarray]]
) -> None:
    before = [pixels for _, pixels in cut]
    after = [pixels for _, pixels in cut_panorama(np.roll(panorama, -WIDTH // COUNT, axis=1))]
    for one, other in zip(before[1:] + before[:1], after, strict=True):
        np.testing.assert_allclose(one.astype(int), other.astype(int), atol=1)
