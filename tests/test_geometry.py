import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from torch import Tensor

from placeproof.geometry import (
    WrappedBox,
    angles_from_direction,
    angles_from_pixel,
    bearing_of_column,
    bearing_of_yaw,
    direction_from_angles,
    largest_component,
    mask_box,
    pixel_from_angles,
    wrap_degrees,
)

WIDTH, HEIGHT = 512, 256
yaws = st.floats(-180, 180)
pitches = st.floats(-90, 90)


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


@given(st.floats(-1e4, 1e4))
@example(-180.00000000000003)
@example(-1e-20)
@example(180.0)
def test_wrapped_angles_are_the_same_angle_in_range(angle: float) -> None:
    wrapped = wrap_degrees(angle)
    assert -180 <= wrapped < 180
    turns = (angle - wrapped) / 360
    assert turns == pytest.approx(round(turns), abs=1e-9)


@pytest.mark.parametrize(
    ("yaw", "pitch", "direction", "pixel"),
    [
        (0, 0, (0, 0, 1), (256, 128)),
        (90, 0, (1, 0, 0), (384, 128)),
        (-90, 0, (-1, 0, 0), (128, 128)),
        (-180, 0, (0, 0, -1), (0, 128)),
        (0, 90, (0, -1, 0), (256, 0)),
        (0, -90, (0, 1, 0), (256, 256)),
        (45, 45, (0.5, -math.sqrt(0.5), 0.5), (320, 64)),
    ],
)
def test_conventions(
    yaw: float, pitch: float, direction: tuple[float, ...], pixel: tuple[float, float]
) -> None:
    found = direction_from_angles(scalar(yaw), scalar(pitch))
    torch.testing.assert_close(found, torch.tensor(direction).double(), atol=1e-7, rtol=0)
    x, y = pixel_from_angles(scalar(yaw), scalar(pitch), WIDTH, HEIGHT)
    assert (float(x), float(y)) == pytest.approx(pixel)


@given(yaws, pitches)
@example(180.0, 0.0)
@example(30.0, 90.0)
def test_directions_have_unit_length_and_give_their_angles_back(yaw: float, pitch: float) -> None:
    direction = direction_from_angles(scalar(yaw), scalar(pitch))
    assert float(direction.norm()) == pytest.approx(1)
    yaw_back, pitch_back = angles_from_direction(3 * direction)
    assert float(pitch_back) == pytest.approx(pitch, abs=1e-5)
    error = wrap_degrees(float(yaw_back) - yaw)  # without meaning at the poles
    assert error * math.cos(math.radians(pitch)) == pytest.approx(0, abs=1e-9)


@given(yaws, pitches, st.sampled_from([torch.float32, torch.float64]))
@example(-180.00000000000003, 0.0, torch.float64)
@example(-180.00002, 0.0, torch.float32)
def test_pixels_give_their_angles_back(yaw: float, pitch: float, dtype: torch.dtype) -> None:
    given = torch.tensor([yaw, pitch], dtype=dtype)
    x, y = pixel_from_angles(given[0], given[1], WIDTH, HEIGHT)
    assert 0 <= x < WIDTH
    assert 0 <= y <= HEIGHT
    yaw_back, pitch_back = angles_from_pixel(x, y, WIDTH, HEIGHT)
    assert -180 <= yaw_back < 180
    assert wrap_degrees(float(yaw_back) - yaw) == pytest.approx(0, abs=1e-4)
    assert float(pitch_back) == pytest.approx(pitch, abs=1e-4)


@given(st.floats(-2 * WIDTH, 2 * WIDTH), st.floats(0, HEIGHT))
@example(-1e-14, 0.0)
def test_columns_beyond_an_edge_wrap(x: float, y: float) -> None:
    yaw, pitch = angles_from_pixel(scalar(x), scalar(y), WIDTH, HEIGHT)
    assert -180 <= yaw < 180
    x_back, y_back = pixel_from_angles(yaw, pitch, WIDTH, HEIGHT)
    assert wrap_degrees((float(x_back) - x) / WIDTH * 360) == pytest.approx(0, abs=1e-9)
    assert float(y_back) == pytest.approx(y)


@given(st.floats(0, WIDTH), st.floats(0, 360, exclude_max=True))
@example(0.0, 180.0)
@example(math.nextafter(WIDTH / 2, 0), 0.0)
def test_bearing_is_the_heading_plus_the_yaw(x: float, heading: float) -> None:
    bearing = bearing_of_column(x, WIDTH, heading)
    assert 0 <= bearing < 360
    yaw, _ = angles_from_pixel(scalar(x), scalar(0), WIDTH, HEIGHT)
    assert wrap_degrees(bearing - heading - float(yaw)) == pytest.approx(0, abs=1e-9)


def test_bearings_stay_below_a_whole_turn() -> None:
    assert bearing_of_column(256, WIDTH, -1e-20) == bearing_of_yaw(-180, 180 - 3e-14) == 0
    assert bearing_of_column(384, WIDTH, 300) == pytest.approx(30)


# Components of masks, and the boxes around them


def bfs_components(mask: NDArray[np.bool_], *, wraps: bool) -> list[set[tuple[int, int]]]:
    width = mask.shape[1]
    left = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    components = []
    while left:
        frontier = [left.pop()]
        component = set(frontier)
        while frontier:
            row, column = frontier.pop()
            for down in (-1, 0, 1):
                for right in (-1, 0, 1):
                    x = (column + right) % width if wraps else column + right
                    if (row + down, x) in left:
                        left.remove((row + down, x))
                        component.add((row + down, x))
                        frontier.append((row + down, x))
        components.append(component)
    return components


masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))


@settings(max_examples=400)
@given(masks, st.booleans())
def test_component_and_box_equal_brute_force(mask: NDArray[np.bool_], wraps: bool) -> None:
    width = mask.shape[1]
    components = bfs_components(mask, wraps=wraps)
    component = largest_component(mask, wraps=wraps)
    box = mask_box(mask, wraps=wraps)
    assert component.dtype == bool
    assert component.shape == mask.shape
    if not components:
        assert not component.any()
        assert box is None
        return
    found = {(int(row), int(column)) for row, column in np.argwhere(component)}
    assert found in components
    assert len(found) == max(map(len, components))

    assert box is not None
    covered = np.zeros_like(mask)
    for start, stop in box.spans(width):
        covered[box.top : box.top + box.height, start:stop] = True
    assert covered.sum() == box.width * box.height
    assert covered[component].all()
    rows = np.flatnonzero(component.any(axis=1))
    assert (box.top, box.height) == (rows[0], rows[-1] - rows[0] + 1)
    extents = []
    for turn in range(width if wraps else 1):
        columns = np.flatnonzero(np.roll(component, turn, axis=1).any(axis=0))
        extents.append(columns[-1] - columns[0] + 1)
    assert box.width == min(extents)
    assert wraps or box.left + box.width <= width


@pytest.mark.parametrize(
    ("picture", "wrapped", "flat"),
    [
        ("..../....", None, None),
        ("..../.#..", WrappedBox(1, 1, 1, 1), WrappedBox(1, 1, 1, 1)),
        ("####/....", WrappedBox(0, 0, 4, 1), WrappedBox(0, 0, 4, 1)),
        ("#..##/.....", WrappedBox(3, 0, 3, 1), WrappedBox(3, 0, 2, 1)),
        ("#..../....#", WrappedBox(4, 0, 2, 2), WrappedBox(0, 0, 1, 1)),  # touching at a corner
        ("#.#.#/....." + "/.###.", WrappedBox(1, 2, 3, 1), WrappedBox(1, 2, 3, 1)),
        ("#", WrappedBox(0, 0, 1, 1), WrappedBox(0, 0, 1, 1)),
    ],
)
def test_boxes(picture: str, wrapped: WrappedBox | None, flat: WrappedBox | None) -> None:
    mask = np.array([[pixel == "#" for pixel in row] for row in picture.split("/")])
    assert mask_box(mask, wraps=True) == wrapped
    assert mask_box(mask, wraps=False) == flat


@given(st.data())
def test_spans_go_round(data: st.DataObject) -> None:
    picture_width = data.draw(st.integers(1, 50))
    left = data.draw(st.integers(0, picture_width - 1))
    width = data.draw(st.integers(1, picture_width))
    box = WrappedBox(left, 0, width, 1)
    columns = [column for span in box.spans(picture_width) for column in range(*span)]
    assert columns == [(left + step) % picture_width for step in range(width)]
