import numpy as np
import pytest
from numpy.typing import NDArray

from placeproof.geometry import View
from placeproof.matchers.contract import LocalFeatures, LocalMatches, Matcher
from placeproof.second_look.look import SETTLED, horizontal_fov, look_again
from placeproof.second_look.spread import covered_share

SIZE = 480


class Labelled(Matcher):
    """Matches keypoints whose descriptors are equal."""

    name, source, features_key = "labelled", "this test", "labelled/1"

    def extract(self, pixels: NDArray[np.uint8]) -> LocalFeatures:  # noqa: ARG002
        raise AssertionError("features are given")

    def match(self, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:
        i, j = np.nonzero(first.descriptors == second.descriptors.T)
        return LocalMatches(np.stack((i, j), axis=1), np.ones(len(i), np.float32))


def features(points: NDArray[np.float64], labels: NDArray[np.int64], size: int) -> LocalFeatures:
    return LocalFeatures(
        points.astype(np.float32),
        np.ones(len(points), np.float32),
        labels.astype(np.float32)[:, None],
        size,
        size,
    )


class World:
    """Distant points around the panorama; each view sees those in front of it."""

    def __init__(self, count: int) -> None:
        random = np.random.default_rng(0)
        directions = random.normal(size=(count, 3)) * (1, 0.4, 1)
        self.directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        self.asked: list[float] = []

    def towards(self, yaws: list[float], _fov: float | None) -> list[View]:
        return [View(yaw, 0, 0, 90, 512, 512) for yaw in yaws]

    def features(self, view: View) -> LocalFeatures:
        self.asked.append(view.yaw)
        return self.seen(view)

    def seen(self, view: View) -> LocalFeatures:
        import torch

        x, y, inside = view.project(torch.from_numpy(self.directions))
        labels = np.flatnonzero(inside.numpy())
        points = np.stack((x.numpy(), y.numpy()), axis=1)[labels]
        return features(points, labels, view.width)


CAMERA = View(40.0, 5.0, 2.0, 65.0, SIZE, SIZE)


def test_the_view_that_shows_the_photo_comes_first_with_its_camera() -> None:
    world = World(400)
    found = look_again(Labelled(), world.seen(CAMERA), None, world, [-140.0, 30.0])
    assert world.asked == [-140.0, 30.0]
    assert found[0].view.yaw == 30.0
    assert found[0].inliers >= 20
    assert found[0].pose is not None
    assert found[0].pose.camera.yaw == pytest.approx(40.0, abs=1.0)
    assert found[0].pose.camera.fov == pytest.approx(65.0, abs=2.0)
    assert found[1].inliers == 0
    assert len(found[0].points) == len(found[0].directions)


def test_where_a_view_settles_it_one_more_is_looked_at() -> None:
    world = World(3000)
    found = look_again(Labelled(), world.seen(CAMERA), None, world, [30.0, -140.0, 100.0])
    assert found[0].inliers >= SETTLED
    assert world.asked == [30.0, -140.0]


def test_a_photo_without_keypoints_is_not_found() -> None:
    world = World(50)
    nothing = features(np.empty((0, 2)), np.empty(0, np.int64), SIZE)
    (found,) = look_again(Labelled(), nothing, None, world, [0.0])
    assert (found.inliers, found.pose, found.points.shape) == (0, None, (0, 2))


def test_the_horizontal_field_of_view_of_a_tall_photo() -> None:
    assert horizontal_fov(None, 300, 400) is None
    assert horizontal_fov(70.0, 400, 300) == 70.0
    assert horizontal_fov(90.0, 300, 600) == pytest.approx(2 * np.degrees(np.arctan(0.5)))


def test_spread() -> None:
    corners = np.array([(1, 1), (99, 1), (1, 99), (99, 99)], np.float32)
    assert covered_share(corners[:1], corners, (100, 100)) == 0.25
    assert covered_share(corners, corners, (100, 100)) == 1.0
    assert covered_share(corners[:0], corners, (100, 100)) == 0.0
    assert covered_share(corners[:0], corners[:0], (100, 100)) == 0.0
    assert covered_share(np.array([(100, 100)], np.float32), corners, (100, 100)) == 0.25
