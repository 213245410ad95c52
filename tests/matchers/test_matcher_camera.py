import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from placeproof.geometry import View, wrap_degrees
from placeproof.matchers.camera import USUAL_FOV, fit_camera


def points_in(view: View, count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.uniform(0, [view.width, view.height], (count, 2)).astype(np.float32)


def seen(view: View, points: np.ndarray) -> np.ndarray:
    x, y = torch.from_numpy(points).unbind(dim=1)
    return view.directions(x, y).numpy()


@settings(max_examples=30)
@given(
    st.floats(-180, 179),
    st.floats(-40, 40),
    st.floats(-20, 20),
    st.floats(40, 90),
    st.sampled_from([(640, 480), (480, 640), (4000, 3000)]),
    st.integers(0, 99),
)
def test_without_parallax_the_camera_is_found(
    yaw: float, pitch: float, roll: float, fov: float, size: tuple[int, int], seed: int
) -> None:
    camera = View(yaw, pitch, roll, fov, *size)
    points = points_in(camera, 40, seed)
    found = fit_camera(points, *size, seen(camera, points))
    assert abs(wrap_degrees(found.yaw - yaw)) < 0.5
    assert abs(found.pitch - pitch) < 0.5
    assert abs(found.roll - roll) < 0.5
    assert abs(found.fov - fov) < 1.5
    assert (found.width, found.height) == size
    assert -180 <= found.yaw < 180


@pytest.mark.parametrize("yaw", [-170.0, 0.0, 100.0])
def test_parallax_and_wrong_matches_hardly_turn_it(yaw: float) -> None:
    camera = View(yaw, 8.0, 2.0, 70.0, 640, 480)
    points = points_in(camera, 60, 1)
    random = np.random.default_rng(2)
    noisy = torch.from_numpy(seen(camera, points) + random.normal(0, math.radians(3), (60, 3)))
    noisy[:12] = torch.from_numpy(random.normal(size=(12, 3)))
    found = fit_camera(points, 640, 480, F.normalize(noisy, dim=1).numpy())
    assert abs(wrap_degrees(found.yaw - yaw)) < 3


def test_points_of_one_edge_still_tell_the_axis() -> None:
    """The middle of the matched points is 20 degrees from the axis, and is not mistaken for it."""
    camera = View(50.0, 0.0, 0.0, USUAL_FOV, 640, 480)
    points = points_in(View(0, 0, 0, 60, 100, 480), 20, 3)
    found = fit_camera(points, 640, 480, seen(camera, points))
    assert abs(found.yaw - 50) < 1


def test_a_single_point_and_the_usual_field_of_view() -> None:
    point = np.array([[320.0, 240.0]], dtype=np.float32)
    found = fit_camera(point, 640, 480, np.array([[1.0, 0.0, 0.0]]))
    assert found.yaw == pytest.approx(90, abs=0.1)
    assert found.fov == pytest.approx(USUAL_FOV, abs=1)
