import math

import numpy as np
import pytest
import torch
from two_cameras import two_cameras, unit

from placeproof.geometry import View, wrap_degrees
from placeproof.second_look.epipolar import THRESHOLD, MovedCamera, fit_epipolar
from placeproof.second_look.rays import Correspondences, correspondences, focal_of, view_of


def sideways(view: View, metres: float, turn: float = 90.0) -> np.ndarray:
    """A level way that leads ``turn`` degrees to the right of where a view looks."""
    angle = math.radians(view.yaw + turn)
    return metres * np.array([math.sin(angle), 0.0, math.cos(angle)])


@pytest.mark.parametrize("turn", [45.0, 90.0, 135.0, -90.0])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("yaw", [-175.0, 20.0])
def test_pose_and_focal_length_are_found(turn: float, seed: int, yaw: float) -> None:
    view = View(yaw, 8.0, -2.0, 65.0, 640, 480)
    seen = two_cameras(view, sideways(view, 4.0, turn), seed=seed)
    matched = correspondences(seen.points, 640, 480, seen.directions, None)
    camera = fit_epipolar(matched)
    assert camera is not None
    assert np.linalg.det(camera.rotation) == pytest.approx(1)
    found = view_of(camera.rotation, camera.focal, 640, 480)
    assert abs(wrap_degrees(found.yaw - yaw)) < 2
    assert abs(found.pitch - view.pitch) < 2
    assert abs(found.roll - view.roll) < 2
    assert found.fov == pytest.approx(65, rel=0.06)
    towards = sideways(view, 1.0, turn)
    assert math.degrees(math.acos(min(camera.towards @ towards, 1.0))) < 5
    explained = camera.explains(matched)
    assert explained[seen.right].mean() > 0.95
    assert explained[~seen.right].mean() < 0.2


@pytest.mark.parametrize("fov", [45.0, 54.0, 78.0])
@pytest.mark.parametrize("seed", range(3))
def test_other_fields_of_view_are_found(fov: float, seed: int) -> None:
    view = View(100.0, 3.0, 1.0, fov, 640, 480)
    seen = two_cameras(view, sideways(view, 4.0, 135.0), seed=seed)
    matched = correspondences(seen.points, 640, 480, seen.directions, None)
    camera = fit_epipolar(matched)
    assert camera is not None
    assert camera.focal == pytest.approx(focal_of(fov), abs=0.15)
    assert camera.explains(matched)[seen.right].mean() > 0.9


@pytest.mark.parametrize("fov", [40.0, 54.0, 78.0, 90.0])
def test_unusual_cameras_are_found_where_it_is_stated(fov: float) -> None:
    """Where nothing is stated, a zoom and a way forward are hard to tell from each other."""
    view = View(20.0, 0.0, 0.0, fov, 640, 480)
    seen = two_cameras(view, sideways(view, 4.0), seed=1)
    matched = correspondences(seen.points, 640, 480, seen.directions, fov)
    camera = fit_epipolar(matched)
    assert camera is not None
    assert camera.focal == pytest.approx(focal_of(fov), abs=0.04)
    assert math.degrees(math.acos(min(camera.towards @ sideways(view, 1.0), 1.0))) < 5
    assert camera.explains(matched)[seen.right].mean() > 0.95


def level_camera() -> MovedCamera:
    """Looks ahead, and stands to the right of the panorama."""
    return MovedCamera(np.eye(3), focal_of(60.0), np.array([1.0, 0.0, 0.0]))


def seen_at(depths: np.ndarray, off: float = 0.0) -> Correspondences:
    """Points straight ahead of a camera 1 m to the right, ``off`` radians above their plane."""
    places = np.stack((np.ones_like(depths), np.zeros_like(depths), depths), axis=1)
    lifted = unit(unit(places) - np.array([0.0, off, 0.0]))
    middle = np.tile([320.0, 240.0], (len(depths), 1))
    return correspondences(middle, 640, 480, lifted, None)


def test_a_point_must_be_in_front_of_both_cameras() -> None:
    camera = level_camera()
    assert camera.explains(seen_at(np.array([3.0, 10.0, 1000.0]))).all()
    behind = seen_at(np.array([-3.0, -10.0]))  # directions backwards, ray forwards
    assert np.isinf(camera.misfits(behind)).all()
    other_side = MovedCamera(camera.rotation, camera.focal, -camera.towards)
    assert np.isinf(other_side.misfits(seen_at(np.array([3.0, 10.0])))).all()
    far = seen_at(np.array([1000.0]))  # where both rays are one, neither side is wrong
    assert other_side.explains(far).all()


def test_misfits_grow_with_the_distance_from_the_plane_and_with_parallax() -> None:
    camera = level_camera()
    far = np.array([200.0])
    for off in (0.3, 0.9):  # both ray and direction give way: together, by a root of two less
        expected = off**2
        lifted = seen_at(far, off * THRESHOLD * math.sqrt(2))
        assert camera.misfits(lifted)[0] == pytest.approx(expected, rel=0.05)
    assert not camera.explains(seen_at(far, 1.1 * THRESHOLD * math.sqrt(2)))[0]
    near, nearer = camera.misfits(seen_at(np.array([3.0, 1.5])))
    assert 0.05 < near < nearer < 1
    assert camera.misfits(seen_at(np.array([0.5])))[0] > 1  # over 60 degrees


@pytest.mark.parametrize("count", range(6))
def test_fewer_than_six_points_fit_no_camera(count: int) -> None:
    view = View(0.0, 0.0, 0.0, 60.0, 640, 480)
    seen = two_cameras(view, sideways(view, 3.0), seed=0, count=count, wrong=0.0)
    assert fit_epipolar(correspondences(seen.points, 640, 480, seen.directions, None)) is None


def test_a_panorama_full_of_directions_is_no_error() -> None:
    """Their mean is no direction, and most are behind any camera."""
    random = np.random.default_rng(0)
    directions = unit(random.normal(size=(40, 3)))
    both_ways = np.concatenate((directions, -directions))
    points = random.uniform(0, [640, 480], (80, 2))
    camera = fit_epipolar(correspondences(points, 640, 480, both_ways, None))
    assert camera is None or np.isfinite(camera.rotation).all()


def test_directions_are_those_of_the_panoramas_axes() -> None:
    """The same scene in a panorama turned by 70 degrees: all turns with it."""
    view, turned = (View(yaw, 5.0, 0.0, 65.0, 640, 480) for yaw in (0.0, 70.0))
    ways = []
    for each in (view, turned):
        seen = two_cameras(each, sideways(each, 4.0), seed=3, wrong=0.2)
        camera = fit_epipolar(correspondences(seen.points, 640, 480, seen.directions, None))
        assert camera is not None
        ways.append(torch.from_numpy(camera.towards) @ each.rotation())
    assert float(ways[0] @ ways[1]) > math.cos(math.radians(3))
