import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from two_cameras import two_cameras, unit

from placeproof.geometry import View, wrap_degrees
from placeproof.scene.render import Shot, render_photo, world_to_camera
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit
from placeproof.second_look.relative_pose import RelativePose, relative_pose

SIZE = (640, 480)


def same(first: RelativePose | None, second: RelativePose | None) -> bool:
    assert first is not None
    assert second is not None
    return first.camera == second.camera and np.array_equal(first.inliers, second.inliers)


@settings(max_examples=25)
@given(st.floats(-180, 179), st.floats(-20, 30), st.floats(35, 100), st.integers(0, 99))
def test_a_distant_scene(yaw: float, pitch: float, fov: float, seed: int) -> None:
    view = View(yaw, pitch, 3.0, fov, *SIZE)
    seen = two_cameras(view, np.zeros(3), seed=seed)
    pose = relative_pose(seen.points, *SIZE, seen.directions)
    assert pose is not None
    assert pose.kind == "rotation"  # though epipolar geometry explains as much, and more by luck
    assert pose.towards is None
    assert abs(wrap_degrees(pose.camera.yaw - yaw)) < 0.5
    assert abs(pose.camera.pitch - pitch) < 0.5
    assert pose.camera.fov == pytest.approx(fov, rel=0.02)
    assert (pose.camera.width, pose.camera.height) == SIZE
    assert pose.inliers[seen.right].mean() > 0.95
    assert pose.inliers[~seen.right].mean() < 0.2
    assert pose.surprise > 20


@pytest.mark.parametrize("turn", [-90.0, 60.0, 120.0])
def test_near_scenes(turn: float) -> None:
    """A few may be taken for a zoom from elsewhere: so near are the two to each other."""
    right = 0
    for seed in range(20):
        view = View(18.0 * seed - 180, 5.0, 0.0, 65.0, *SIZE)
        angle = math.radians(view.yaw + turn)
        way = np.array([math.sin(angle), 0.0, math.cos(angle)])
        seen = two_cameras(view, 4 * way, seed=seed)
        pose = relative_pose(seen.points, *SIZE, seen.directions)
        assert pose is not None
        assert pose.kind == "epipolar"
        assert pose.towards is not None
        assert pose.inliers[seen.right].mean() > 0.5
        assert pose.inliers[~seen.right].mean() < 0.2
        assert pose.surprise > 10
        apart = math.degrees(math.acos(min(pose.towards @ way, 1.0)))
        right += apart < 8 and abs(wrap_degrees(pose.camera.yaw - view.yaw)) < 2
    assert right >= 18


def unrelated(seed: int, count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Points of a photo, and directions within 90 degrees, that have nothing in common."""
    random = np.random.default_rng(seed)
    view = View(0.0, 0.0, 0.0, 90.0, 512, 512)
    x, y = torch.from_numpy(random.uniform(0, 512, (2, count)))
    return random.uniform(0, SIZE, (count, 2)), view.directions(x, y).numpy()


def test_unrelated_matches_mean_little() -> None:
    """One in a hundred such sets may exceed a surprise of 2."""
    poses = [relative_pose(points, *SIZE, theirs) for points, theirs in map(unrelated, range(40))]
    found = [pose for pose in poses if pose is not None]
    assert len(found) <= 4
    assert all(pose.surprise < 2 and pose.inliers.sum() < 25 for pose in found)


@pytest.mark.parametrize("seed", range(6))
def test_a_mirrored_photo_is_not_the_same(seed: int) -> None:
    view = View(30.0, 5.0, 0.0, 65.0, *SIZE)
    seen = two_cameras(view, np.zeros(3), seed=seed, wrong=0.0)
    mirrored = seen.points * [-1, 1] + [SIZE[0], 0]
    upright = relative_pose(seen.points, *SIZE, seen.directions)
    pose = relative_pose(mirrored, *SIZE, seen.directions)
    assert upright is not None
    assert upright.inliers.sum() > 95
    assert pose is None or pose.inliers.sum() < 40


@pytest.mark.parametrize("fov", [10.0, 40.0, 150.0])
def test_a_stated_field_of_view_is_kept_to(fov: float) -> None:
    view = View(-120.0, 5.0, 0.0, fov, *SIZE)
    seen = two_cameras(view, np.zeros(3), seed=2)
    pose = relative_pose(seen.points, *SIZE, seen.directions, fov=fov * 1.01)
    assert pose is not None
    assert pose.camera.fov == pytest.approx(fov, rel=0.03)
    assert pose.inliers[seen.right].mean() > 0.9
    wrong = relative_pose(seen.points, *SIZE, seen.directions, fov=70.0)
    assert wrong is None or abs(wrong.camera.fov - 70) < 7


@pytest.mark.parametrize("count", range(6))
def test_fewer_than_six_points_prove_nothing(count: int) -> None:
    view = View(0.0, 0.0, 0.0, 65.0, *SIZE)
    seen = two_cameras(view, np.zeros(3), seed=0, count=count, wrong=0.0)
    assert relative_pose(seen.points, *SIZE, seen.directions) is None


def test_nor_do_many_at_five_spots() -> None:
    view = View(0.0, 0.0, 0.0, 65.0, *SIZE)
    seen = two_cameras(view, np.zeros(3), seed=0, count=5, wrong=0.0)
    points = np.repeat(seen.points, 20, axis=0)
    assert relative_pose(points, *SIZE, np.repeat(seen.directions, 20, axis=0)) is None


def test_but_ten_right_ones_do() -> None:
    view = View(0.0, 0.0, 0.0, 65.0, *SIZE)
    seen = two_cameras(view, np.zeros(3), seed=0, count=10, wrong=0.0)
    pose = relative_pose(seen.points.astype(np.float32), *SIZE, seen.directions)
    assert pose is not None
    assert pose.inliers.all()


@pytest.mark.parametrize("kind", ["spot", "direction", "both", "line"])
def test_degenerate_points_are_no_error(kind: str) -> None:
    points, directions = unrelated(0)
    if kind in ("spot", "both"):
        points = points * 0 + 100
    if kind in ("direction", "both"):
        directions = directions * 0 + [0.0, 0.0, 1.0]
    if kind == "line":
        points[:, 1] = 240
        directions = unit(directions * [1, 0, 1])
    pose = relative_pose(points, *SIZE, directions)
    assert pose is None or (kind == "line" and pose.inliers.shape == (100,))


def test_the_same_points_have_the_same_pose() -> None:
    view = View(77.0, 5.0, 0.0, 65.0, *SIZE)
    seen = two_cameras(view, np.array([3.0, 0.0, 1.0]), seed=8)
    first = relative_pose(seen.points, *SIZE, seen.directions)
    np.random.seed(1)
    torch.manual_seed(1)
    assert same(first, relative_pose(seen.points, *SIZE, seen.directions))


def test_the_size_of_the_photo_does_not_matter() -> None:
    view = View(77.0, 5.0, 0.0, 65.0, *SIZE)
    seen = two_cameras(view, np.zeros(3), seed=8)
    small = relative_pose(seen.points, *SIZE, seen.directions)
    large = relative_pose(seen.points * 4, 2560, 1920, seen.directions)
    assert small is not None
    assert large is not None
    np.testing.assert_array_equal(small.inliers, large.inliers)
    assert large.camera.yaw == pytest.approx(small.camera.yaw)
    assert large.camera.width == 2560


def test_no_camera_has_a_field_of_view_of_200_degrees() -> None:
    points, directions = unrelated(0)
    with pytest.raises(ValueError, match="field of view 200"):
        relative_pose(points, *SIZE, directions, fov=200.0)


@pytest.fixture(scope="module")
def rendered() -> Shot:
    """Houses across the road, from a pavement; the photo's yaw is a compass bearing."""
    street = Street(seed=11)
    view = View(street.bearing + 70, 10.0, 1.0, 65.0, 80, 60)
    visit = Visit(Season.SUMMER, Light.NOON, seed=1)
    return render_photo(street, visit, street.position(2.0, -3.0, 1.6), view)


@pytest.mark.parametrize(("ahead", "right", "kind"), [(0, 0, "rotation"), (-1, 3, "epipolar")])
def test_a_rendered_street(rendered: Shot, ahead: float, right: float, kind: str) -> None:
    """Its depths are a street's: a front, the road before it, what stands on it.

    Of the little depth of a front alone, the field of view must be known.
    """
    assert rendered.view is not None
    random = np.random.default_rng(4)
    rows, columns = np.nonzero(np.isfinite(rendered.depth))
    chosen = random.permutation(len(rows))[:100]
    rows, columns = rows[chosen], columns[chosen]
    axis = math.radians(rendered.bearing)
    forward, across = (np.array([math.sin(a), math.cos(a), 0]) for a in (axis, axis + math.pi / 2))
    panorama = rendered.position + ahead * forward + right * across
    to_panorama = world_to_camera(0.0).T  # whose centre column looks north
    directions = unit((rendered.points()[rows, columns] - panorama) @ to_panorama)
    directions[:40] = directions[random.permutation(40)]
    points = np.stack((columns + 0.5, rows + 0.5), axis=1)
    fov = None if kind == "rotation" else rendered.view.fov
    pose = relative_pose(points, 80, 60, directions, fov=fov)
    assert pose is not None
    assert pose.kind == kind
    assert pose.inliers[40:].mean() > 0.9
    assert abs(wrap_degrees(pose.camera.yaw - rendered.bearing)) < 3
    assert abs(pose.camera.pitch - rendered.view.pitch) < 2
    assert pose.camera.fov == pytest.approx(rendered.view.fov, rel=0.08)
    if pose.towards is not None:
        way = unit((np.array(rendered.position) - panorama) @ to_panorama)
        assert math.degrees(math.acos(min(pose.towards @ way, 1.0))) < 10
