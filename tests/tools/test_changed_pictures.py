from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from changed_pictures import (
    SHAPES,
    at_night,
    clouds,
    ground,
    in_a_screenshot,
    on_a_screen,
    painted,
    pencil,
    sky,
    surface,
    view,
)

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def panorama() -> Pixels:
    """Smooth blue above, a chequered wall around the horizon, smooth brown below."""
    rows, columns = np.mgrid[:256, :512]
    picture = np.empty((256, 512, 3), dtype=np.uint8)
    picture[:] = (120, 160, 230)
    picture[rows > 90] = np.where(((rows + columns) // 8 % 2)[..., None] > 0, 230, 40)[rows > 90]
    picture[rows > 150] = (110, 80, 50)
    return picture


@pytest.fixture(scope="module")
def photo(panorama: Pixels) -> Pixels:
    return view(panorama, np.random.default_rng(3))


def test_views_have_the_shapes_of_photos_and_look_ahead(panorama: Pixels) -> None:
    pictures = [view(panorama, np.random.default_rng(seed)) for seed in range(12)]
    shapes = {(picture.shape[1], picture.shape[0]) for picture in pictures}
    assert len(shapes) > 2
    assert shapes <= set(SHAPES)
    for picture in pictures:
        middle = picture[picture.shape[0] // 2 - 40 :][:80]
        assert middle.std() > 20, "the wall is there"


def test_a_clear_sky_is_found_and_clutter_is_none(panorama: Pixels) -> None:
    above = sky(panorama, np.random.default_rng(0))
    assert above is not None
    assert np.abs(above.mean(axis=(0, 1)) - (120, 160, 230)).max() < 12
    assert sky(panorama[::-1].copy(), np.random.default_rng(0)) is not None, "brown, but smooth"
    rough = np.random.default_rng(1).integers(0, 256, panorama.shape, dtype=np.uint8)
    assert sky(rough, np.random.default_rng(0)) is None


def test_the_ground_is_that_below_the_camera(panorama: Pixels) -> None:
    below = ground(panorama, np.random.default_rng(0))
    assert np.abs(below.mean(axis=(0, 1)) - (110, 80, 50)).max() < 12


@pytest.mark.parametrize("change", [at_night, pencil, painted, in_a_screenshot, on_a_screen])
def test_changes_are_drawn_by_their_seed(
    change: Callable[[Pixels, np.random.Generator], Pixels], photo: Pixels
) -> None:
    before = photo.copy()
    one, again, other = (change(photo, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one.dtype, one.ndim, one.shape[2]) == (np.uint8, 3, 3)
    np.testing.assert_array_equal(one, again)
    assert one.shape != other.shape or (one != other).any()
    np.testing.assert_array_equal(photo, before)


def test_nights_are_dark(photo: Pixels) -> None:
    assert all(
        at_night(photo, np.random.default_rng(seed)).mean() < 0.7 * photo.mean()
        for seed in range(5)
    )


def test_drawings_have_few_colours(photo: Pixels) -> None:
    for seed in range(4):
        picture = painted(photo, np.random.default_rng(seed))
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) < 40  # of thousands


def test_a_screenshot_shows_the_photo_and_more() -> None:
    """A photo in one colour that no page has everywhere covers most of it."""
    plain = np.full((384, 512, 3), (13, 214, 77), dtype=np.uint8)
    for seed in range(6):
        page = in_a_screenshot(plain, np.random.default_rng(seed))
        share = (page == plain[0, 0]).all(axis=2).mean()
        assert 0.5 < share < 1


def test_a_screen_has_a_frame_and_the_photo_within() -> None:
    plain = np.full((384, 512, 3), 200, dtype=np.uint8)
    shown = on_a_screen(plain, np.random.default_rng(0)).mean(axis=2)
    assert shown.shape == (384, 512)
    assert (shown > 140).mean() > 0.6
    assert (shown < 100).mean() > 0.01


def test_surfaces_and_skies_fill_the_picture() -> None:
    for make in (surface, clouds):
        pictures = [make(np.random.default_rng(seed)) for seed in range(4)]
        assert len({picture.tobytes() for picture in pictures}) == 4
        assert all(picture.dtype == np.uint8 and picture.mean() > 15 for picture in pictures)
        assert all(min(picture.shape[:2]) >= 300 for picture in pictures)
