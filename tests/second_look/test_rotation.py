import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from two_cameras import two_cameras

from placeproof.geometry import View, wrap_degrees
from placeproof.second_look.rays import correspondences, focal_of, view_of
from placeproof.second_look.rotation import THRESHOLD, TurnedCamera, fit_rotation

HERE = np.zeros(3)


@settings(max_examples=40)
@given(
    st.floats(-180, 179),
    st.floats(-60, 60),
    st.floats(-100, 100),
    st.floats(30, 110),
    st.sampled_from([(640, 480), (480, 640)]),
    st.sampled_from([0.0, 0.5, 0.7]),
    st.integers(0, 99),
)
def test_the_camera_is_found_among_wrong_matches(
    yaw: float,
    pitch: float,
    roll: float,
    fov: float,
    size: tuple[int, int],
    wrong: float,
    seed: int,
) -> None:
    view = View(yaw, pitch, roll, fov, *size)
    seen = two_cameras(view, HERE, seed=seed, wrong=wrong)
    matched = correspondences(seen.points, *size, seen.directions, None)
    camera = fit_rotation(matched)
    assert camera is not None
    assert np.linalg.det(camera.rotation) == pytest.approx(1)
    found = view_of(camera.rotation, camera.focal, *size)
    assert abs(wrap_degrees(found.yaw - yaw)) * math.cos(math.radians(pitch)) < 0.5
    assert abs(found.pitch - pitch) < 0.5
    assert abs(wrap_degrees(found.roll - roll)) < 0.5
    assert found.fov == pytest.approx(fov, rel=0.02)
    explained = camera.explains(matched)
    assert explained[seen.right].mean() > 0.95
    assert explained[~seen.right].sum() <= 12


def test_two_points_are_enough() -> None:
    view = View(70.0, 10.0, 4.0, 50.0, 640, 480)
    points = np.array([[100.0, 80.0], [500.0, 400.0]])
    directions = view.directions(*torch.from_numpy(points).unbind(dim=1)).numpy()
    camera = fit_rotation(correspondences(points, 640, 480, directions, None))
    assert camera is not None
    found = view_of(camera.rotation, camera.focal, 640, 480)
    assert found.fov == pytest.approx(50, abs=1)
    assert found.yaw == pytest.approx(70, abs=1)


def test_misfits_are_squared_angles_in_thresholds() -> None:
    view = View(0.0, 0.0, 0.0, 60.0, 640, 480)
    camera = TurnedCamera(np.eye(3), focal_of(60.0))
    angles = np.array([0.0, 0.5, 0.99, 1.01, 3.0]) * THRESHOLD
    directions = np.stack((np.sin(angles), np.zeros(5), np.cos(angles)), axis=1)
    middle = np.tile([view.width / 2, view.height / 2], (5, 1))
    matched = correspondences(middle, 640, 480, directions, None)
    np.testing.assert_allclose(camera.misfits(matched), (angles / THRESHOLD) ** 2, rtol=1e-3)
    np.testing.assert_array_equal(camera.explains(matched), [True, True, True, False, False])


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_points_fit_no_camera(count: int) -> None:
    matched = correspondences(np.ones((count, 2)), 640, 480, np.eye(3)[:count], None)
    assert fit_rotation(matched) is None


def test_points_of_one_direction_fit_no_camera() -> None:
    points = np.random.default_rng(0).uniform(0, 480, (20, 2))
    matched = correspondences(points, 640, 480, np.tile([0.0, 0.0, 1.0], (20, 1)), None)
    assert fit_rotation(matched) is None
