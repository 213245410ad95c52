import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from placeproof.geometry import View, wrap_degrees
from placeproof.second_look.rays import correspondences, cross_matrix, focal_of, view_of

NOTHING = np.empty((0, 2)), np.empty((0, 3))
sizes = st.sampled_from([(640, 480), (480, 640), (4000, 3000)])


@given(st.floats(-180, 179.9), st.floats(-85, 85), st.floats(-170, 170), st.floats(20, 130), sizes)
def test_a_view_and_its_rotation_are_one(
    yaw: float, pitch: float, roll: float, fov: float, size: tuple[int, int]
) -> None:
    view = View(yaw, pitch, roll, fov, *size)
    found = view_of(view.rotation().numpy(), focal_of(fov), *size)
    assert abs(wrap_degrees(found.yaw - yaw)) < 1e-6
    assert found.pitch == pytest.approx(pitch, abs=1e-6)
    assert found.roll == pytest.approx(roll, abs=1e-6)
    assert found.fov == pytest.approx(fov)
    assert (found.width, found.height) == size
    assert -180 <= found.yaw < 180


@given(st.floats(20, 130), sizes, st.integers(0, 99))
def test_rays_are_those_of_the_view(fov: float, size: tuple[int, int], seed: int) -> None:
    view = View(30.0, 10.0, 5.0, fov, *size)
    points = np.random.default_rng(seed).uniform(0, size, (9, 2))
    expected = view.directions(*torch.from_numpy(points).unbind(dim=1)).numpy()
    matched = correspondences(points, *size, expected, None)
    rays = matched.rays(focal_of(fov)) @ view.rotation().numpy().T
    np.testing.assert_allclose(rays, expected, atol=1e-9)


def test_usual_is_65_degrees_along_the_longer_side() -> None:
    half = math.tan(math.radians(65) / 2)
    wide = correspondences(NOTHING[0], 640, 480, NOTHING[1], None)
    tall = correspondences(NOTHING[0], 480, 640, NOTHING[1], None)
    assert math.exp(wide.usual) * 320 == pytest.approx(320 / half)
    assert math.exp(tall.usual) * 240 == pytest.approx(320 / half)


def test_a_stated_field_of_view_leaves_little_room() -> None:
    unknown = correspondences(NOTHING[0], 640, 480, NOTHING[1], None)
    stated = correspondences(NOTHING[0], 640, 480, NOTHING[1], 8.0)
    assert stated.usual == focal_of(8.0)
    assert unknown.possible(focal_of(8.0)) == pytest.approx(focal_of(20.0))
    assert unknown.possible(focal_of(150.0)) == pytest.approx(focal_of(130.0))
    for other in (7.0, 9.0):
        assert abs(stated.possible(focal_of(other)) - stated.usual) < 0.1
    assert stated.belief(stated.usual + 0.03) == pytest.approx(1.0)


@pytest.mark.parametrize("fov", [0.0, -5.0, 180.0, math.nan])
def test_no_camera_has_such_a_field_of_view(fov: float) -> None:
    with pytest.raises(ValueError, match="field of view"):
        correspondences(NOTHING[0], 640, 480, NOTHING[1], fov)


def test_points_at_one_spot_are_one() -> None:
    random = np.random.default_rng(0)
    points = random.uniform(0, 640, (20, 2))
    directions = random.normal(size=(20, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    assert correspondences(points, 640, 640, directions, None).different() == 20
    assert correspondences(points * 0 + 9, 640, 640, directions, None).different() == 1
    directions[5:] = directions[4]
    assert correspondences(points, 640, 640, directions, None).different() == 5
    assert correspondences(*NOTHING[:1], 640, 640, NOTHING[1], None).different() == 0


def test_crossed_is_each_with_each() -> None:
    points, directions = np.eye(3)[:, :2], np.eye(3)
    matched = correspondences(points, 2, 2, directions, None)
    crossed = matched.crossed()
    np.testing.assert_array_equal(crossed.offsets[5], matched.offsets[1])
    np.testing.assert_array_equal(crossed.directions[5], directions[2])
    assert len(crossed) == 9
    assert len(matched.every(2)) == 2


def test_a_cross_product() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 3))
    np.testing.assert_allclose(cross_matrix(a) @ b, np.cross(a, b))
