import io

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from placeproof.geometry import View, angles_from_pixel, cut_view, direction_from_angles
from placeproof.scene.render import Shot, render_panorama, render_photo, world_to_camera
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit
from placeproof.tricks.copy import COPIED_FROM, check_copy

Pixels = NDArray[np.uint8]
SUMMER = Visit(Season.SUMMER, Light.OVERCAST, seed=1)
WIDTH = 768  # of the panorama


@pytest.fixture(scope="module")
def street() -> Street:
    return Street(11)


@pytest.fixture(scope="module")
def panorama(street: Street) -> Shot:
    return render_panorama(street, SUMMER, street.position(0, 0, 2.0), street.bearing, WIDTH)


def handed_on(pixels: Pixels, quality: int) -> Pixels:
    """With another gamma, darker, and compressed."""
    darker = (((pixels / 255) ** 1.3) * 0.85 * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(darker).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def some_points(width: int, height: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).uniform(0, [width, height], (60, 2)).astype(np.float32)


def inexact(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """As keypoints are; and some are wrong."""
    random = np.random.default_rng(1)
    moved = points + random.normal(0, 1, points.shape)
    moved[:5] += random.normal(0, 30, (5, 2))
    return moved.astype(np.float32)


def perspective(panorama: Pixels, view: View) -> Pixels:
    source = torch.from_numpy(panorama).permute(2, 0, 1).float()
    cut = cut_view(source, view).round().clamp(0, 255).to(torch.uint8)
    return cut.permute(1, 2, 0).contiguous().numpy()


def taken(
    street: Street, panorama: Shot, visit: Visit, metres: float
) -> tuple[Pixels, NDArray[np.float32], NDArray[np.float64]]:
    """A photo from so far beside the panorama, its points, and where the panorama has them."""
    view = View(street.bearing + 40, 6, 1, 65, 240, 180)
    photo = render_photo(street, visit, street.position(0, metres, 2.0), view)
    points = some_points(240, 180)
    points = points[np.isfinite(photo.depth[points[:, 1].astype(int), points[:, 0].astype(int)])]
    seen = photo.points()[points[:, 1].astype(int), points[:, 0].astype(int)] - panorama.position
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    return photo.pixels, points, seen @ world_to_camera(panorama.heading).T


@pytest.mark.parametrize(
    ("yaw", "pitch", "fov", "width", "quality"),
    [(40, 6, 65, 240, 90), (175, 12, 80, 400, 60), (-120, 0, 50, 160, 40)],
)
def test_a_view_of_the_panorama_is_a_copy(
    panorama: Shot, yaw: float, pitch: float, fov: float, width: int, quality: int
) -> None:
    view = View(yaw, pitch, 1.0, fov, width, width * 3 // 4)
    points = some_points(view.width, view.height)
    directions = view.directions(*torch.from_numpy(points).unbind(dim=1)).numpy()
    photo = handed_on(perspective(panorama.pixels, view), quality)
    assert check_copy(photo, panorama.pixels, inexact(points), directions).copied
    # Without a fourteenth at the right and at the bottom, its axis is no longer in its middle.
    right, bottom = int(view.width * 0.93), int(view.height * 0.93)
    kept = (points < (right, bottom)).all(axis=1)
    cropped = photo[:bottom, :right]
    found = check_copy(cropped, panorama.pixels, inexact(points)[kept], directions[kept])
    assert found.copied


@pytest.mark.parametrize(("left", "size"), [(300, (200, 150)), (WIDTH - 120, (330, 180))])
def test_a_rectangle_of_the_panorama_is_a_copy(
    panorama: Shot, left: int, size: tuple[int, int]
) -> None:
    top, height = 110, 160
    width = height * size[0] // size[1]
    cut = panorama.pixels[top : top + height, np.arange(left, left + width) % WIDTH]
    photo = np.array(Image.fromarray(cut).resize(size, Image.Resampling.BICUBIC))
    points = some_points(*size)
    x, y = torch.from_numpy(points * (width / size[0], height / size[1]) + (left, top)).unbind(1)
    directions = direction_from_angles(*angles_from_pixel(x, y, WIDTH, WIDTH // 2)).numpy()
    assert check_copy(handed_on(photo, 70), panorama.pixels, inexact(points), directions).copied


@pytest.mark.parametrize(
    ("visit", "metres"),
    [
        (SUMMER, 1.0),
        (Visit(Season.WINTER, Light.NOON, seed=2), 0.0),
        (Visit(Season.SUMMER, Light.EVENING, seed=3), 0.5),
    ],
)
def test_another_photo_of_the_same_street_is_none(
    street: Street, panorama: Shot, visit: Visit, metres: float
) -> None:
    photo, points, directions = taken(street, panorama, visit, metres)
    found = check_copy(photo, panorama.pixels, points, directions)
    assert not found.copied
    assert 0 <= found.score < COPIED_FROM - 0.05


def test_few_points_and_blank_pictures_say_nothing(panorama: Shot) -> None:
    points = some_points(240, 180)
    view = View(40, 6, 1, 65, 240, 180)
    directions = view.directions(*torch.from_numpy(points).unbind(dim=1)).numpy()
    photo = perspective(panorama.pixels, view)
    assert check_copy(photo, panorama.pixels, points[:7], directions[:7]).score == 0
    blank = np.full_like(photo, 120)
    assert check_copy(blank, np.full_like(panorama.pixels, 120), points, directions).score == 0
