import math

import numpy as np
import py360convert
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from placeproof.geometry import (
    View,
    angles_from_direction,
    angles_from_pixel,
    cut_view,
    direction_from_angles,
    view_mask,
)

WIDTH, HEIGHT = 512, 256
PIXEL = 2 * math.pi / WIDTH  # radians
# Plane waves cut by the sphere: smooth everywhere on it, the seam and the poles included, and
# too irregular for a wrong picture to look right. At most 6.4 radians of phase to a radian.
WAVES = torch.tensor([[5.0, 1.0, -2.0], [-1.0, 6.0, 2.0], [2.0, -3.0, 5.0]], dtype=torch.float64)
STEEPEST = float(WAVES.norm(dim=1).max()) * PIXEL  # the most a wave changes in a pixel

views = st.builds(
    View,
    yaw=st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 180.0, 540.0])),
    pitch=st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0])),
    roll=st.floats(-180, 180),
    fov=st.floats(20, 120),
    width=st.integers(1, 60),
    height=st.integers(1, 60),
)


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def centres(width: int, height: int) -> tuple[Tensor, Tensor]:
    rows, columns = torch.meshgrid(
        torch.arange(height).double() + 0.5, torch.arange(width).double() + 0.5, indexing="ij"
    )
    return columns, rows


def scene(direction: Tensor) -> Tensor:
    """What is seen in a direction (..., 3): (3, ...)."""
    return torch.sin(direction.double() @ WAVES.T).movedim(-1, 0)


def scene_panorama() -> Tensor:
    yaw, pitch = angles_from_pixel(*centres(WIDTH, HEIGHT), WIDTH, HEIGHT)
    return scene(direction_from_angles(yaw, pitch))


def shrink_of(view: View) -> float:
    """How many panorama pixels fall on one of the picture's at its centre."""
    return 1 / view.focal / PIXEL


def supersampled(panorama: Tensor, view: View, factor: int) -> Tensor:
    """The view taken so finely that nothing is minified, then averaged over each pixel."""
    fine = View(
        view.yaw, view.pitch, view.roll, view.fov, view.width * factor, view.height * factor
    )
    assert shrink_of(fine) <= 1
    return F.avg_pool2d(cut_view(panorama, fine)[None], factor)[0]


# The camera


@given(views)
def test_rotation_turns_the_camera_where_it_looks(view: View) -> None:
    rotation = view.rotation()
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3).double(), atol=1e-12, rtol=0)
    assert float(torch.det(rotation)) == pytest.approx(1)
    axis = direction_from_angles(scalar(view.yaw), scalar(view.pitch))
    middle = view.directions(scalar(view.width / 2), scalar(view.height / 2))
    torch.testing.assert_close(middle, axis, atol=1e-12, rtol=0)


def test_a_camera_turned_clockwise_has_the_ground_at_its_right() -> None:
    right = View(0, 0, 90, 90, 100, 100).directions(scalar(100), scalar(50))
    torch.testing.assert_close(right, torch.tensor([0, 1, 1]).double() / math.sqrt(2))


@given(st.floats(1, 179), st.integers(1, 999))
def test_field_of_view_reaches_from_edge_to_edge(fov: float, width: int) -> None:
    view = View(0, 0, 0, fov, width, 10)
    edges = view.directions(torch.tensor([0.0, width]), torch.tensor([5.0, 5.0]))
    yaw, pitch = angles_from_direction(edges)
    assert yaw.tolist() == pytest.approx([-fov / 2, fov / 2])
    assert pitch.tolist() == pytest.approx([0, 0])


@given(views, st.floats(0.001, 0.999), st.floats(0.001, 0.999), st.floats(0.01, 100))
def test_project_inverts_directions(view: View, across: float, down: float, far: float) -> None:
    x, y = across * view.width, down * view.height
    direction = view.directions(scalar(x), scalar(y))
    assert float(direction.norm()) == pytest.approx(1)
    x_back, y_back, inside = view.project(far * direction)
    assert (float(x_back), float(y_back)) == pytest.approx((x, y), abs=1e-7)
    assert bool(inside)
    assert not view.project(-direction)[2]
    beyond = view.directions(scalar(x + view.width), scalar(y))
    assert not view.project(beyond)[2]


@pytest.mark.parametrize(
    "change",
    [
        {"fov": 0},
        {"fov": 180},
        {"fov": math.nan},
        {"pitch": 90.1},
        {"pitch": math.nan},
        {"yaw": math.inf},
        {"roll": math.nan},
        {"width": 0},
        {"height": 0},
    ],
)
def test_impossible_cameras_are_refused(change: dict[str, float]) -> None:
    camera = {"yaw": 0, "pitch": 0, "roll": 0, "fov": 60, "width": 8, "height": 8}
    View(**camera)
    with pytest.raises(ValueError, match=r"finite|between|empty"):
        View(**camera | change)


# Views cut from a panorama

# Ahead, across the seam, tilted, and around both poles.
POSES = [(0, 0, 0), (-179.5, -30, 20), (100, 60, -75), (30, 90, 15), (-60, -88, 200), (180, 0, 180)]


@pytest.mark.parametrize(("yaw", "pitch", "roll"), POSES)
@pytest.mark.parametrize(("fov", "width", "height"), [(40, 60, 45), (75, 130, 131), (110, 240, 90)])
def test_views_equal_those_of_py360convert(
    yaw: float,
    pitch: float,
    roll: float,
    fov: float,
    width: int,
    height: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Where OpenCV is installed it would interpolate by that, to 1/32 of a pixel.
    monkeypatch.setattr("py360convert.utils.cv2", None)
    view = View(yaw, pitch, roll, fov, width, height)
    assert shrink_of(view) < 1  # py360convert does not average
    panorama = scene_panorama()
    # Its field of view ends at the outermost pixels' centres, ours at their outer edges.
    inner = [math.degrees(2 * math.atan((side - 1) / 2 / view.focal)) for side in (width, height)]
    image = panorama.movedim(0, -1).numpy()
    expected = py360convert.e2p(image, tuple(inner), yaw, pitch, (height, width), in_rot_deg=roll)
    found = cut_view(panorama, view).movedim(0, -1).numpy()
    error = np.abs(found - expected) / STEEPEST  # in panorama pixels
    assert error.max() < 0.1  # the rows next to a pole, which we blur
    assert error.mean() < 0.002


@settings(max_examples=60)
@given(views)
@example(View(180, 0, 0, 90, 60, 60))
@example(View(0, 90, 0, 90, 60, 60))
@example(View(0, -90, 45, 90, 37, 61))
def test_views_show_what_lies_in_their_directions(view: View) -> None:
    panorama = scene_panorama()
    fine = View(view.yaw, view.pitch, view.roll, view.fov, view.width * 9, view.height * 9)
    columns, rows = centres(fine.width, fine.height)
    expected = F.avg_pool2d(scene(fine.directions(columns, rows))[None], 9)[0]
    # Averaging over blocks, and then between them, flattens a wave a little.
    blur = STEEPEST**2 * max(1, shrink_of(view)) ** 2 / 24
    error = (cut_view(panorama, view) - expected).abs().max()
    assert error < STEEPEST / 10 + blur


@pytest.mark.parametrize("turn", [16, 256, 480])
@pytest.mark.parametrize(
    "view",
    [
        View(0, 20, 10, 60, 100, 80),
        View(0, 90, 0, 90, 50, 50),
        View(0, -40, 90, 110, 20, 30),  # averages blocks of 8 x 8
        View(0, 0, 0, 110, 12, 12),  # and of 16 x 16
    ],
)
def test_turning_the_camera_is_rolling_the_panorama(view: View, turn: int) -> None:
    panorama = torch.rand(2, HEIGHT, WIDTH, dtype=torch.float64)
    yaw = 360 * turn / WIDTH
    turned = View(yaw, view.pitch, view.roll, view.fov, view.width, view.height)
    torch.testing.assert_close(
        cut_view(panorama, turned),
        cut_view(panorama.roll(-turn, dims=2), view),
        atol=1e-9,
        rtol=0,
    )


def noise(height: int) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.rand(3, height, 2 * height, dtype=torch.float64, generator=generator) - 0.5


@pytest.mark.parametrize("height", [256, 251])  # 251 is prime: nothing to average in blocks
@pytest.mark.parametrize(("yaw", "pitch", "roll"), POSES)
@pytest.mark.parametrize("size", [48, 21, 10])
def test_minified_noise_is_averaged(
    yaw: float, pitch: float, roll: float, size: int, height: int
) -> None:
    panorama, view = noise(height), View(yaw, pitch, roll, 90, size, size)
    expected = supersampled(panorama, view, 18)
    found = cut_view(panorama, view)
    assert 0.6 < found.std() / expected.std() < 1.1
    correlation = torch.corrcoef(torch.stack((found.flatten(), expected.flatten())))[0, 1]
    assert correlation > 0.7


@pytest.mark.parametrize(("yaw", "pitch", "roll"), POSES)
def test_checkerboard_does_not_turn_into_moire(yaw: float, pitch: float, roll: float) -> None:
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    checkerboard = ((rows + columns) % 2 * 2.0 - 1)[None]
    assert cut_view(checkerboard, View(yaw, pitch, roll, 90, 27, 27)).abs().max() < 0.2
    assert cut_view(checkerboard, View(yaw, pitch, roll, 90, 200, 200)).abs().max() > 0.9


def test_rows_around_the_pole_do_not_alias() -> None:
    stripes = (torch.arange(WIDTH) % 2 * 2.0 - 1).expand(1, HEIGHT, WIDTH)
    zenith = cut_view(stripes, View(0, 90, 0, 40, 59, 59))
    assert zenith.square().mean().sqrt() < 0.1
    horizon = cut_view(stripes, View(0, 0, 0, 40, 59, 59))
    assert horizon.square().mean().sqrt() > 0.25  # there the picture resolves them


@settings(max_examples=40)
@given(views)
def test_every_pixel_is_a_mean_through_which_gradients_flow(view: View) -> None:
    panorama = torch.full((2, 32, 64), 0.25, dtype=torch.float64, requires_grad=True)
    picture = cut_view(panorama, view)
    assert picture.shape == (2, view.height, view.width)
    torch.testing.assert_close(picture, torch.full_like(picture, 0.25))
    picture.sum().backward()
    assert panorama.grad is not None
    assert float(panorama.grad.sum()) == pytest.approx(picture.numel())


def test_gradients_reach_only_what_the_view_shows() -> None:
    panorama = torch.rand(1, 64, 128, requires_grad=True)
    cut_view(panorama, View(90, 0, 0, 60, 40, 40)).sum().backward()
    assert panorama.grad is not None
    reached = panorama.grad[0] > 0
    shown = view_mask(View(90, 0, 0, 60, 40, 40), 128, 64)
    assert reached[shown].all()
    assert not reached[~view_mask(View(90, 0, 0, 70, 40, 40), 128, 64)].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_views_keep_the_type_and_leave_the_panorama(dtype: torch.dtype) -> None:
    panorama = torch.rand(1, 64, 128, dtype=dtype)
    before = panorama.clone()
    assert cut_view(panorama, View(0, 90, 0, 90, 8, 8)).dtype == dtype
    assert torch.equal(panorama, before)


@pytest.mark.parametrize(("yaw", "pitch", "roll"), POSES)
@pytest.mark.parametrize(("fov", "width", "height"), [(50, 30, 30), (90, 40, 20), (120, 20, 40)])
def test_view_mask_is_what_the_view_shows(
    yaw: float, pitch: float, roll: float, fov: float, width: int, height: int
) -> None:
    view = View(yaw, pitch, roll, fov, width * 10, height * 10)
    mask = view_mask(view, WIDTH, HEIGHT)
    seen = cut_view(mask[None].double(), view)[0]
    across = math.tan(math.radians(fov) / 2)
    down = across * height / width
    # Bilinear sampling reaches a panorama pixel far, which is most of the picture's in a corner.
    margin = math.ceil(1.5 / shrink_of(view) * (1 + across**2 + down**2))
    inner = seen[margin:-margin, margin:-margin]
    assert inner.numel() > seen.numel() / 4
    assert inner.min() > 0.999

    solid_angle = 4 * math.asin(across * down / math.sqrt((1 + across**2) * (1 + down**2)))
    _, row_pitch = angles_from_pixel(*centres(1, WIDTH), 1, WIDTH)
    fine = view_mask(view, 2 * WIDTH, WIDTH)
    area = (fine * torch.deg2rad(row_pitch).cos()).sum() * (PIXEL / 2) ** 2
    assert float(area) == pytest.approx(solid_angle, rel=0.01)
