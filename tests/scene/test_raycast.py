import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placeproof.scene.materials import finished, plain
from placeproof.scene.model import Kind, Rectangle, box, placed, surfaces
from placeproof.scene.raycast import cast, tile_order
from placeproof.scene.textures import Atlas

LOW, HIGH = (2.0, -1.0, -0.5), (4.0, 3.0, 1.5)


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    """Texture 0 is solid; texture 1 has a hole in its right half."""
    atlas = Atlas()
    atlas.add(finished(plain((1, 1, 1), (8, 8))))
    alpha = np.ones((8, 8), dtype=np.float32)
    alpha[:, 4:] = 0
    atlas.add(finished(plain((1, 1, 1), (8, 8)), alpha))
    atlas.close()
    return atlas


def random_directions(count: int, seed: int = 0) -> np.ndarray:
    way = np.random.default_rng(seed).standard_normal((count, 3))
    return (way / np.linalg.norm(way, axis=1, keepdims=True)).astype(np.float32)


def slab_distance(origin: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The textbook's distance to the box from LOW to HIGH, infinite where it is missed."""
    with np.errstate(divide="ignore"):
        bounds = (np.array([LOW, HIGH])[:, None] - origin) / direction.astype(np.float64)
    near, far = bounds.min(axis=0).max(axis=1), bounds.max(axis=0).min(axis=1)
    return np.where((near <= far) & (near > 0), near, np.inf)


@settings(max_examples=20)
@given(st.tuples(st.floats(-5, 1.9), st.floats(-6, 6), st.floats(-6, 6)), st.floats(0, 360))
def test_a_box_is_where_it_is(
    atlas: Atlas, origin: tuple[float, float, float], turn: float
) -> None:
    turned = placed(box(LOW, HIGH, 0, Kind.BUILDING), 0, 0, 0, turn)
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    into_box = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    rays = random_directions(3000)
    hits = cast(surfaces(turned), atlas, np.array(origin) @ into_box, rays)
    expected = slab_distance(np.array(origin), rays @ into_box.T)
    same = np.isfinite(hits.distance) == np.isfinite(expected)
    assert same.mean() > 0.998  # rays that graze an edge may go either way
    both = same & np.isfinite(expected)
    close = np.abs(hits.distance[both] - expected[both]) < 1e-4 * expected[both]
    assert close.sum() >= 0.995 * both.sum() - 1
    assert (hits.surface[~np.isfinite(hits.distance)] == -1).all()


def test_culling_loses_nothing(atlas: Atlas) -> None:
    """Small rectangles before a wall, in order and one by one in any order of rays."""
    random = np.random.default_rng(3)
    parts = [Rectangle((40, 60, -60), (0, -120, 0), (0, 0, 120), 0, Kind.BUILDING)]
    for _ in range(150):
        far, side = random.uniform(2, 35), random.uniform(0.05, 2)
        board = Rectangle((0, 0, 0), (0, -side, 0), (0, 0, side), 0, Kind.CAR, two_sided=True)
        turned = placed([board], 0, 0, 0, random.uniform(-180, 180))
        parts += placed(turned, far, far * random.uniform(-1, 1), far * random.uniform(-0.7, 0.7))
    rows, columns = np.mgrid[-0.7:0.7:96j, -1:1:128j]
    rays = np.stack((np.ones_like(rows), columns, rows), axis=-1).reshape(-1, 3)
    rays = (rays / np.linalg.norm(rays, axis=1, keepdims=True)).astype(np.float32)
    order, shuffled = tile_order(128, 96), random.permutation(len(rays))
    hits = cast(surfaces(parts), atlas, np.zeros(3), rays[order])

    expected = np.full(len(rays), np.inf, dtype=np.float32)
    for part in parts:
        alone = cast(surfaces([part]), atlas, np.zeros(3), rays[shuffled]).distance
        expected[shuffled] = np.minimum(expected[shuffled], alone)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(hits.distance, expected[order], rtol=1e-5)


def test_holes_let_rays_through(atlas: Atlas) -> None:
    screen = Rectangle((1, 1, -1), (0, -2, 0), (0, 0, 2), 1, Kind.TREE, cutout=True)
    wall = Rectangle((3, 5, -5), (0, -10, 0), (0, 0, 10), 0, Kind.BUILDING)
    rays = np.array([[1, 0.5, 0], [1, -0.5, 0]], dtype=np.float32)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    hits = cast(surfaces([screen, wall]), atlas, np.zeros(3), rays)
    assert hits.surface.tolist() == [0, 1]  # its left half stops the ray to the left
    np.testing.assert_allclose(hits.distance, np.hypot(1, 0.5) * np.array([1, 3]), rtol=1e-5)


def test_only_two_sided_rectangles_are_seen_from_behind(atlas: Atlas) -> None:
    ray = np.array([[1, 0, 0]], dtype=np.float32)
    for two_sided in (False, True):
        away = Rectangle((1, -1, -1), (0, 2, 0), (0, 0, 2), 0, Kind.TREE, two_sided=two_sided)
        hits = cast(surfaces([away]), atlas, np.zeros(3), ray)
        assert np.isfinite(hits.distance[0]) == two_sided


def test_no_rays(atlas: Atlas) -> None:
    scene = surfaces(box(LOW, HIGH, 0, Kind.BUILDING))
    hits = cast(scene, atlas, np.zeros(3), np.empty((0, 3), dtype=np.float32))
    assert hits.distance.shape == hits.surface.shape == (0,)


@pytest.mark.parametrize("size", [(1, 1), (40, 17), (16, 32)])
def test_tiles_hold_every_pixel_once(size: tuple[int, int]) -> None:
    order = tile_order(*size)
    assert sorted(order) == list(range(size[0] * size[1]))
    first = order[: min(len(order), 16)]
    assert first.tolist() == list(range(min(size[0], 16))) or size[0] < 16
