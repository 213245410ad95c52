import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from placeproof.geometry import View, wrap_degrees
from placeproof.matchers.contract import LocalFeatures, LocalMatches, Matcher
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.second_look.views import PanoramaViews, PictureView, view_pixels


class Corners(Matcher):
    """Finds the four corners of a picture; counts how often it is asked."""

    name, source, features_key = "corners", "this test", "corners/1"

    def __init__(self) -> None:
        self.asked = 0

    def extract(self, pixels: NDArray[np.uint8]) -> LocalFeatures:
        self.asked += 1
        height, width = pixels.shape[:2]
        points = np.array([(0, 0), (width, 0), (0, height), (width, height)], np.float32)
        return LocalFeatures(
            points, np.ones(4, np.float32), np.eye(4, 8, dtype=np.float32), width, height
        )

    def match(self, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:  # noqa: ARG002
        raise AssertionError("nobody asks")


def views(matcher: Matcher, width: int = 1664, **more: object) -> PanoramaViews:
    panorama = np.random.default_rng(0).integers(0, 256, (width // 2, width, 3), dtype=np.uint8)
    return PanoramaViews(matcher, width, lambda: panorama, **more)  # type: ignore[arg-type]


@given(st.floats(-180, 180, exclude_max=True))
def test_a_view_looks_where_it_is_asked_to_on_a_raster(yaw: float) -> None:
    (view,) = views(Corners()).towards([yaw], None)
    assert abs(wrap_degrees(view.yaw - yaw)) <= 7.5 + 1e-9
    assert view.yaw % 15 == 0
    assert -180 <= view.yaw < 180
    assert (view.pitch, view.roll, view.fov, view.width) == (0, 0, 90, view.height)


def test_directions_that_share_a_view_are_looked_at_once_in_their_order() -> None:
    found = views(Corners()).towards([100.0, -20.0, 103.0, 179.0], None)
    assert [view.yaw for view in found] == [105.0, -15.0, -180.0]


@given(st.floats(10, 130))
def test_a_view_is_wider_than_the_photo_as_far_as_views_go(fov: float) -> None:
    (view,) = views(Corners()).towards([0.0], fov)
    assert view.fov >= min(fov + 20, 105)


@pytest.mark.parametrize("width", [1664, 2048, 4096])
def test_a_view_is_about_as_fine_as_the_panorama_in_its_middle(width: int) -> None:
    (view,) = views(Corners(), width).towards([0.0], None)
    if view.width < 1024:
        assert math.tan(math.radians(0.5)) * view.focal == pytest.approx(width / 720, rel=0.05)
    assert view.width <= 1024


def test_features_of_a_view_are_kept_and_the_panorama_is_not_fetched_again(tmp_path: Path) -> None:
    matcher, cache = Corners(), FeatureCache(tmp_path)
    first = views(matcher, cache=cache, key="ab" * 32)
    (view,) = first.towards([10.0], None)
    found = first.features(view)
    again = PanoramaViews(matcher, 1664, _nothing, cache, "ab" * 32).features(view)
    np.testing.assert_array_equal(found.keypoints, again.keypoints)
    assert matcher.asked == 1
    (other,) = first.towards([40.0], None)
    first.features(other)
    assert matcher.asked == 2


def test_without_a_cache_features_are_kept_as_long_as_the_views(tmp_path: Path) -> None:
    matcher = Corners()
    for asked in (1, 2):
        seen = views(matcher)
        (view,) = seen.towards([0.0], None)
        assert seen.features(view) is seen.features(view)
        assert matcher.asked == asked
    assert not list(tmp_path.iterdir())


def _nothing() -> NDArray[np.uint8]:
    raise AssertionError("the panorama was fetched")


def test_a_plain_picture_is_its_own_view() -> None:
    picture = np.zeros((300, 400, 3), np.uint8)
    view_of = PictureView(Corners(), picture)
    (view,) = view_of.towards([170.0, 20.0], None)
    assert (view.yaw, view.width, view.height) == (0.0, 400, 300)
    assert view.fov == pytest.approx(65.0)
    assert view_of.features(view).width == 400
    (tall,) = PictureView(Corners(), np.zeros((400, 300, 3), np.uint8)).towards([], None)
    vertical = 2 * math.degrees(math.atan(200 / tall.focal))
    assert vertical == pytest.approx(65.0)


def test_the_picture_of_a_view_has_its_colours_and_size() -> None:
    panorama = np.zeros((200, 400, 3), np.uint8)
    panorama[:, 200:] = (255, 0, 0)
    seen = view_pixels(panorama, View(90.0, 0, 0, 60, 32, 24))
    assert seen.shape == (24, 32, 3)
    assert (seen == (255, 0, 0)).all()
