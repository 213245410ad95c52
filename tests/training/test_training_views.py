import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from placeproof.geometry import View, angles_from_direction, cut_view, wrap_degrees
from placeproof.training.views import (
    FIELDS_OF_VIEW,
    GAMMA,
    Camera,
    Quadrilateral,
    Window,
    coverage,
    cut,
    develop,
    draw_quadrilateral,
    draw_view,
    shown_patches,
)

WIDTH, HEIGHT = 512, 256
COLUMNS, ROWS = 32, 16
SIZE = (96, 72)
windows = st.builds(
    Window,
    yaw=st.floats(-180, 180),
    pitch=st.floats(-20, 40),
    width=st.floats(30, 90),
    height=st.floats(20, 60),
)
seeds = st.integers(0, 2**32)
kinds = st.sampled_from(["spherical", "planar"])


def draw(kind: str, window: Window, seed: int) -> Camera:
    random = np.random.default_rng(seed)
    if kind == "planar":
        return draw_quadrilateral(window, random)
    return draw_view(window, 96, random)


def turned(camera: Camera, degrees: float) -> Camera:
    if isinstance(camera, View):
        return replace(camera, yaw=camera.yaw + degrees)
    return Quadrilateral(tuple((yaw + degrees, pitch) for yaw, pitch in camera.corners))


def smooth_panorama() -> NDArray[np.uint8]:
    """Red, green and blue follow a direction's x, y and z."""
    pitch, yaw = np.meshgrid(
        (0.5 - (np.arange(HEIGHT) + 0.5) / HEIGHT) * np.pi,
        ((np.arange(WIDTH) + 0.5) / WIDTH - 0.5) * 2 * np.pi,
        indexing="ij",
    )
    direction = (np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch))
    return np.rint(127.5 + 127.5 * np.stack(direction, axis=-1)).astype(np.uint8)


def painted(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A panorama that is white in a mask's patches and black elsewhere."""
    large = mask.repeat(HEIGHT // ROWS, axis=0).repeat(WIDTH // COLUMNS, axis=1)
    return np.where(large[..., None], np.uint8(255), np.uint8(0)).repeat(3, axis=2)


# What is shown


@given(kinds, windows, seeds)
@settings(max_examples=40)
def test_the_mask_is_where_the_query_comes_from(kind: str, window: Window, seed: int) -> None:
    camera = draw(kind, window, seed)
    mask = coverage(camera, COLUMNS, ROWS)
    assert mask.shape == (ROWS, COLUMNS)
    assert mask.dtype == np.float32
    near = mask > 0  # points between those that are looked at may lie in the next patch
    near = near | np.roll(near, 1, 1) | np.roll(near, -1, 1)
    near = near | np.pad(near, ((1, 0), (0, 0)))[:-1] | np.pad(near, ((0, 1), (0, 0)))[1:]
    assert cut(painted(near), camera, SIZE).min() > 200
    assert cut(painted(~near), camera, SIZE).max() < 55
    inside = cut(painted(mask == 1), camera, SIZE) > 127
    assert inside.any() == (mask == 1).any()


@given(windows, seeds)
@settings(max_examples=40)
def test_a_part_of_the_plane_has_its_area_and_corners(window: Window, seed: int) -> None:
    part = draw_quadrilateral(window, np.random.default_rng(seed))
    corners = np.array(part.corners)
    after = np.roll(corners, -1, axis=0)
    area = abs((corners[:, 0] * after[:, 1] - after[:, 0] * corners[:, 1]).sum()) / 2
    patch = (360 / 128) * (180 / 64)
    assert coverage(part, 128, 64).sum() * patch == pytest.approx(area, rel=0.05)
    picture = cut(smooth_panorama(), part, (200, 150)).astype(float)
    seen = picture[[2, 2, -3, -3], [2, -3, -3, 2]]
    yaw, pitch = np.radians(corners).T
    direction = (np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch))
    np.testing.assert_allclose(seen, 127.5 + 127.5 * np.stack(direction, axis=-1), atol=9)


@given(windows, seeds)
@settings(max_examples=30)
def test_a_perspective_view_shows_what_lies_in_each_direction(window: Window, seed: int) -> None:
    view = draw_view(window, 96, np.random.default_rng(seed))
    size = (view.width, view.height)
    panorama = smooth_panorama()
    scene = torch.from_numpy(panorama).permute(2, 0, 1).double()
    expected = cut_view(scene, view).permute(1, 2, 0).numpy()
    found = cut(panorama, view, size).astype(float)
    assert np.abs(found - expected).mean() < 1.0
    assert np.abs(found - expected).max() < 5.0


@given(windows, seeds, st.integers(0, COLUMNS))
@settings(max_examples=20)
@pytest.mark.parametrize("kind", ["spherical", "planar"])
def test_the_seam_is_nowhere_special(kind: str, window: Window, seed: int, patches: int) -> None:
    camera = draw(kind, window, seed)
    moved = turned(camera, patches * 360 / COLUMNS)
    difference = coverage(moved, COLUMNS, ROWS) - np.roll(
        coverage(camera, COLUMNS, ROWS), patches, axis=1
    )
    assert np.abs(difference).sum() < 0.2  # points on the very edge may be rounded either way
    panorama = smooth_panorama()
    rolled = np.roll(panorama, patches * WIDTH // COLUMNS, axis=1)
    one, other = (cut(p, c, SIZE).astype(int) for p, c in ((panorama, camera), (rolled, moved)))
    assert np.abs(one - other).max() <= 2


# Which patch each patch of a query shows

grids = st.tuples(st.floats(0.3, 20), st.floats(0.3, 20))
FINE = (128, 64)  # columns and rows of a panorama


def directions_of(patches: NDArray[np.int64], columns: int, rows: int) -> NDArray[np.float64]:
    """Unit vectors to the centres of a panorama's patches (...): (..., 3)."""
    yaw = ((patches % columns + 0.5) / columns - 0.5) * 2 * np.pi
    pitch = (0.5 - (patches // columns + 0.5) / rows) * np.pi
    return np.stack(
        (np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)), axis=-1
    )


def around(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask of a panorama's patches and all that touch it, across the seam, too."""
    mask = mask | np.roll(mask, 1, 1) | np.roll(mask, -1, 1)
    return mask | np.pad(mask, ((1, 0), (0, 0)))[:-1] | np.pad(mask, ((0, 1), (0, 0)))[1:]


@given(windows, seeds, st.tuples(st.integers(1, 12), st.integers(1, 12)))
@settings(max_examples=40)
@pytest.mark.parametrize("kind", ["spherical", "planar"])
def test_a_query_patch_shows_what_is_in_the_picture_at_its_centre(
    kind: str, window: Window, seed: int, query: tuple[int, int]
) -> None:
    camera = draw(kind, window, seed)
    columns, rows = query
    shown = shown_patches(camera, query, *FINE)
    assert shown.shape == (rows, columns)
    assert shown.dtype == np.int64
    picture = cut(smooth_panorama(), camera, (9 * columns, 9 * rows))
    seen = picture[4::9, 4::9] / 127.5 - 1  # pixels at the centres of patches of 9 x 9
    off = np.linalg.norm(seen - directions_of(shown, *FINE), axis=-1)
    half_diagonal = math.hypot(math.pi / FINE[0], math.pi / 2 / FINE[1])
    # On top come the smoothing of the picture and the rounding of its colours.
    assert off.max() <= half_diagonal + 0.02


@given(windows, seeds, grids)
@settings(max_examples=60)
def test_the_shown_patch_projected_back_holds_the_query_patchs_centre(
    window: Window, seed: int, query: tuple[float, float]
) -> None:
    view = draw_view(window, 96, np.random.default_rng(seed))
    shown = shown_patches(view, query, COLUMNS, ROWS)
    steps = (np.arange(41) / 40 - 0.5)[:, None], (np.arange(41) / 40 - 0.5)[None]
    for row, column in {(0, 0), (shown.shape[0] - 1, shown.shape[1] - 1)}:
        down, right = shown[row, column] // COLUMNS, shown[row, column] % COLUMNS
        pitch = torch.from_numpy((0.5 - (down + 0.5 + steps[0]) / ROWS) * np.pi)
        yaw = torch.from_numpy(((right + 0.5 + steps[1]) / COLUMNS - 0.5) * 2 * np.pi)
        yaw, pitch = torch.broadcast_tensors(yaw, pitch)
        direction = torch.stack(
            (yaw.sin() * pitch.cos(), -pitch.sin(), yaw.cos() * pitch.cos()), dim=-1
        )
        x, y, _ = view.project(direction)
        # Of the last patch of a query that is not whole, at most the edge is to be seen.
        centre_x = min((column + 0.5) / query[0], 1.0) * view.width
        centre_y = min((row + 0.5) / query[1], 1.0) * view.height
        points = torch.stack((x, y), dim=-1)
        spacing = max(float(points.diff(dim=dim).norm(dim=-1).max()) for dim in (0, 1))
        nearest = float(torch.hypot(x - centre_x, y - centre_y).min())
        assert nearest <= 0.75 * spacing + 1e-6


@given(kinds, windows, seeds, grids)
@settings(max_examples=80)
def test_shown_patches_lie_in_the_mask(
    kind: str, window: Window, seed: int, query: tuple[float, float]
) -> None:
    camera = draw(kind, window, seed)
    shown = shown_patches(camera, query, COLUMNS, ROWS)
    assert shown.shape == (math.ceil(query[1]), math.ceil(query[0]))
    assert 0 <= shown.min() <= shown.max() < ROWS * COLUMNS
    mask = coverage(camera, COLUMNS, ROWS)
    # A sliver of a patch may lie between the points that the mask looks at.
    assert around(mask > 0).flat[shown.ravel()].all()
    inside = coverage(camera, 8 * COLUMNS, 8 * ROWS).reshape(ROWS, 8, COLUMNS, 8) > 0
    whole = shown[: int(query[1]), : int(query[0])]  # patches that reach an edge may touch more
    slivers = ~inside.any(axis=(1, 3)).flat[whole.ravel()]
    assert slivers.sum() <= 1


@given(kinds, windows, seeds)
@settings(max_examples=40)
def test_a_fine_query_shows_every_patch_of_the_mask(kind: str, window: Window, seed: int) -> None:
    camera = draw(kind, window, seed)
    shown = np.zeros((ROWS, COLUMNS), dtype=bool)
    shown.flat[shown_patches(camera, (48, 48), COLUMNS, ROWS).ravel()] = True
    # Towards the poles, patches are narrow and may lie between the query's.
    level = np.abs(90 - (np.arange(ROWS) + 0.5) * 180 / ROWS) < 50
    mask = coverage(camera, COLUMNS, ROWS)
    assert not ((mask == 1) & level[:, None] & ~shown).any()


@given(windows, seeds, st.integers(0, COLUMNS), grids)
@settings(max_examples=40)
@pytest.mark.parametrize("kind", ["spherical", "planar"])
def test_shown_patches_go_on_across_the_seam(
    kind: str, window: Window, seed: int, patches: int, query: tuple[float, float]
) -> None:
    camera = draw(kind, window, seed)
    moved = turned(camera, patches * 360 / COLUMNS)
    before, after = (shown_patches(c, query, COLUMNS, ROWS) for c in (camera, moved))
    same = (before // COLUMNS * COLUMNS + (before + patches) % COLUMNS) == after
    assert (~same).sum() <= 1  # a centre on the very edge of a patch may be rounded either way


def test_patches_of_a_part_of_the_plane_that_lies_on_the_grid() -> None:
    left, right, top, bottom = -45.0, 45.0, 45.0, -45.0  # columns 12 to 19, rows 4 to 11
    square = Quadrilateral(((left, top), (right, top), (right, bottom), (left, bottom)))
    rows, columns = np.arange(4, 12)[:, None], np.arange(12, 20)
    whole = shown_patches(square, (8, 8), COLUMNS, ROWS)
    np.testing.assert_array_equal(whole, rows * COLUMNS + columns)
    every_other = shown_patches(square, (4 - 1e-6, 4 - 1e-6), COLUMNS, ROWS)
    np.testing.assert_array_equal(every_other, (rows * COLUMNS + columns)[1::2, 1::2])
    mirrored = Quadrilateral(((right, top), (left, top), (left, bottom), (right, bottom)))
    np.testing.assert_array_equal(shown_patches(mirrored, (8, 8), COLUMNS, ROWS), whole[:, ::-1])
    behind = turned(square, 180.0)  # half of it on either side of the seam
    columns = np.array([28, 29, 30, 31, 0, 1, 2, 3])
    np.testing.assert_array_equal(
        shown_patches(behind, (8, 8), COLUMNS, ROWS), rows * COLUMNS + columns
    )


def test_a_last_patch_that_is_cut_off_shows_what_is_left_of_it() -> None:
    part = Quadrilateral(((-44.0, 44.0), (46.0, 44.0), (46.0, -46.0), (-44.0, -46.0)))
    # 90 degrees in 2.5 patches: centres at 18, 54 and 90; in 1.3: at 34.6 and, cut off, 90.
    shown = shown_patches(part, (2.5, 1.3), COLUMNS, ROWS)
    columns = [int((180 - 44 + right) / 11.25) for right in (18, 54, 90)]
    rows = [int((90 - 44 + down) / 11.25) for down in (0.5 / 1.3 * 90, 90)]
    np.testing.assert_array_equal(shown // COLUMNS, np.array([[row] * 3 for row in rows]))
    np.testing.assert_array_equal(shown % COLUMNS, np.array([columns] * 2))
    # In 2.8 the last centre is still to be seen, short of the edge.
    shown = shown_patches(part, (2.8, 0.4), COLUMNS, ROWS)
    columns = [int((180 - 44 + right / 2.8 * 90) / 11.25) for right in (0.5, 1.5, 2.5)]
    assert shown.tolist() == [[rows[1] * COLUMNS + column for column in columns]]


def test_patches_of_a_view_in_the_middle_and_on_the_seam() -> None:
    view = View(yaw=0.0, pitch=0.0, roll=0.0, fov=90.0, width=96, height=96)
    # Where a photo of 90 degrees has its patches' centres: the tangents are -.75, -.25, .25, .75.
    ahead = [int((180 + math.degrees(math.atan(t))) / 11.25) for t in (-0.75, -0.25, 0.25, 0.75)]
    shown = shown_patches(view, (4, 4), COLUMNS, ROWS)
    assert (shown % COLUMNS)[1].tolist() == ahead == [12, 14, 17, 19]
    assert (shown // COLUMNS)[:, 1].tolist() == [4, 6, 9, 11]
    behind = shown_patches(turned(view, 180.0), (4, 4), COLUMNS, ROWS)
    assert (behind % COLUMNS)[1].tolist() == [28, 30, 1, 3]
    upside_down = shown_patches(replace(view, roll=180.0), (4, 4), COLUMNS, ROWS)
    np.testing.assert_array_equal(upside_down, shown[::-1, ::-1])
    up = shown_patches(replace(view, pitch=90.0), (1, 1), COLUMNS, ROWS)  # the pole itself
    assert up.tolist()[0][0] // COLUMNS == 0
    down = shown_patches(replace(view, pitch=-90.0), (1, 1), COLUMNS, ROWS)
    assert down.tolist()[0][0] // COLUMNS == ROWS - 1


@given(kinds, windows, seeds)
@settings(max_examples=20)
def test_only_the_cameras_shape_in_patches_matters(kind: str, window: Window, seed: int) -> None:
    """Not the pixels of its own, as the picture may be of any size."""
    camera = draw(kind, window, seed)
    if isinstance(camera, View):
        larger = replace(camera, width=3 * camera.width, height=3 * camera.height)
        np.testing.assert_array_equal(
            shown_patches(larger, (7, 5.2), *FINE), shown_patches(camera, (7, 5.2), *FINE)
        )
    # Patches a third as large show more, among it the same.
    fine = shown_patches(camera, (21, 15), *FINE)
    np.testing.assert_array_equal(fine[1::3, 1::3], shown_patches(camera, (7, 5), *FINE))


# How it is drawn


@given(windows, seeds)
def test_perspective_views_are_cameras_on_the_window(window: Window, seed: int) -> None:
    view = draw_view(window, 96, np.random.default_rng(seed))
    assert max(view.width, view.height) == 96
    assert abs(wrap_degrees(view.yaw - window.yaw)) <= 0.2 * window.width + 1e-9
    assert abs(view.pitch - window.pitch) <= 0.2 * window.height + 1e-9
    tall = 2 * math.degrees(math.atan(view.height / 2 / view.focal))
    assert FIELDS_OF_VIEW[0] - 1e-6 <= max(view.fov, tall) <= FIELDS_OF_VIEW[1] + 1e-6
    scale = math.sqrt(view.fov * tall / (window.width * window.height))
    if FIELDS_OF_VIEW[0] + 0.1 < max(view.fov, tall) < FIELDS_OF_VIEW[1] - 0.1:
        assert 0.5 * 0.9 <= scale <= 2.0 * 1.15  # degrees of a plane are not all the same


@given(windows, seeds)
def test_parts_of_the_plane_are_convex_and_never_reach_the_poles(window: Window, seed: int) -> None:
    part = draw_quadrilateral(window, np.random.default_rng(seed))
    corners = np.array(part.corners)
    assert np.abs(corners[:, 1]).max() <= 80.0
    sides = np.roll(corners, -1, axis=0) - corners
    following = np.roll(sides, -1, axis=0)
    assert (sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0] < 0).all()  # clockwise
    extent = corners.max(axis=0) - corners.min(axis=0)
    assert 0.5 * 0.7 * window.width <= max(extent[0], 20) <= max(2 * window.width, 20)
    assert max(part.shape(100)) == 100


def test_pictures_of_every_shape_are_as_often_smaller_as_larger() -> None:
    window = Window(20.0, 10.0, 55.0, 45.0)
    scales: dict[tuple[int, int], list[float]] = {}
    for seed in range(400):
        view = draw_view(window, 96, np.random.default_rng(seed))
        tall = 2 * math.degrees(math.atan(view.height / 2 / view.focal))
        scale = math.log(view.fov * tall / (window.width * window.height)) / 2
        scales.setdefault((view.width, view.height), []).append(scale)
    assert set(scales) == {(96, 54), (96, 72), (96, 96), (72, 96)}
    for found in scales.values():
        assert abs(np.mean(found)) < 0.2
        assert np.ptp(found) > 0.9


def test_scales_and_shifts_are_the_papers() -> None:
    window = Window(20.0, 10.0, 50.0, 30.0)
    drawn = [
        np.array(draw_quadrilateral(window, np.random.default_rng(seed)).corners)
        for seed in range(400)
    ]
    widths = np.array([np.ptp(corners[:, 0]) for corners in drawn]) / window.width
    assert 0.35 < widths.min() < 0.5
    assert 1.8 < widths.max() < 2.0
    assert 0.35 < (widths < 0.9).mean() < 0.65  # as often smaller as larger
    shifts = np.array([corners.mean(axis=0)[0] - window.yaw for corners in drawn]) / window.width
    assert -0.4 < shifts.min() < -0.15 < 0.15 < shifts.max() < 0.4
    assert np.std([corners[0, 0] - corners[3, 0] for corners in drawn]) > 1.0  # perspective


# Cameras


def test_developing_is_a_pure_function_of_pixels_and_seed() -> None:
    pixels = smooth_panorama()
    before = pixels.copy()
    first, again, other = (develop(pixels, seed) for seed in ((3, 1), (3, 1), (4, 1)))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(pixels, before)
    assert first.shape == pixels.shape
    assert first.dtype == np.uint8
    assert np.abs(first.astype(int) - other).mean() > 3


@pytest.mark.parametrize("seed", range(10))
def test_light_stays_light_and_dark_stays_dark(seed: int) -> None:
    pixels = smooth_panorama()
    developed = develop(pixels, seed)
    for channel in range(3):
        assert (
            np.corrcoef(pixels[..., channel].ravel(), developed[..., channel].ravel())[0, 1] > 0.6
        )


def test_gamma_and_colours_vary() -> None:
    grey = np.full((32, 32, 3), 90, dtype=np.uint8)
    colours = np.array([develop(grey, seed).mean(axis=(0, 1)) for seed in range(200)])
    darkest, lightest = (255 * (90 / 255) ** gamma for gamma in GAMMA[::-1])
    assert colours.mean(axis=1).min() < darkest + 10
    assert colours.mean(axis=1).max() > lightest - 10
    assert np.ptp(colours, axis=1).max() > 10  # white balance


def test_angles_of_the_smooth_panorama() -> None:
    """The oracle above means what it says."""
    panorama = smooth_panorama()
    direction = torch.from_numpy(panorama[100, 300].astype(float) / 127.5 - 1)
    yaw, pitch = angles_from_direction(direction)
    assert float(yaw) == pytest.approx((300.5 / WIDTH - 0.5) * 360, abs=1)
    assert float(pitch) == pytest.approx((0.5 - 100.5 / HEIGHT) * 180, abs=1)
