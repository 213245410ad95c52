import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from placeproof.geometry import (
    View,
    angles_from_direction,
    cut_view,
    direction_from_angles,
    pixel_from_angles,
)
from placeproof.scene.model import Kind
from placeproof.scene.render import Shot, render_panorama, render_photo, world_to_camera
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit

SUMMER = Visit(Season.SUMMER, Light.NOON, seed=1)
WINTER = Visit(Season.WINTER, Light.OVERCAST, seed=1)  # with the same cars
HEADING = 77.0


@pytest.fixture(scope="module")
def panorama(street: Street) -> Shot:
    return render_panorama(street, SUMMER, street.position(0, 0, 2.5), HEADING, 768)


def photo_at(street: Street, shot: Shot, bearing: float, pitch: float = 5.0) -> Shot:
    return render_photo(street, shot.visit, shot.position, View(bearing, pitch, 7.0, 70.0, 120, 90))


def floats(shot: Shot) -> torch.Tensor:
    return torch.from_numpy(shot.pixels).permute(2, 0, 1).float() / 255


@given(st.floats(0, 360), st.floats(-180, 180), st.floats(-89, 89))
def test_world_and_camera_axes(heading: float, yaw: float, pitch: float) -> None:
    camera = direction_from_angles(
        torch.tensor(yaw, dtype=torch.float64), torch.tensor(pitch, dtype=torch.float64)
    )
    east, north, up = camera.numpy() @ world_to_camera(heading)
    level = math.hypot(east, north)
    assert up == pytest.approx(math.sin(math.radians(pitch)))
    bearing = math.radians(heading + yaw)
    assert (east, north) == pytest.approx((level * math.sin(bearing), level * math.cos(bearing)))


def test_shapes_and_types(panorama: Shot) -> None:
    assert panorama.pixels.shape == (384, 768, 3)
    assert panorama.pixels.dtype == np.uint8
    assert panorama.depth.shape == panorama.surface.shape == (384, 768)
    np.testing.assert_array_equal(np.isinf(panorama.depth), panorama.surface == -1)
    sky = panorama.surface == -1
    assert sky[0].all()  # overhead
    assert not sky[200:].any()  # below the horizon
    assert 0.2 < sky.mean() < 0.5
    assert panorama.bearing == HEADING


def test_an_odd_panorama_is_refused(street: Street) -> None:
    with pytest.raises(ValueError, match="767"):
        render_panorama(street, SUMMER, (0, 0, 2), 0, 767)


@pytest.mark.parametrize("bearing", [10.0, 130.0, HEADING + 180.0])
def test_a_photo_is_a_view_of_the_panorama_taken_there(
    street: Street, panorama: Shot, bearing: float
) -> None:
    photo = photo_at(street, panorama, bearing)
    assert photo.view is not None
    assert photo.bearing == pytest.approx(bearing % 360)
    cut = cut_view(floats(panorama), replace(photo.view, yaw=bearing - HEADING))
    smooth = [ndimage.gaussian_filter(x.numpy(), (0, 1, 1)) for x in (cut, floats(photo))]
    error = np.abs(smooth[0] - smooth[1]).mean()
    shifted = np.abs(smooth[0] - np.roll(smooth[1], 2, axis=2)).mean()
    assert error < 0.02
    assert shifted > 1.5 * error  # two columns off is clearly worse


def test_depth_and_surface_agree_between_photo_and_panorama(street: Street, panorama: Shot) -> None:
    photo = photo_at(street, panorama, 100.0)
    toward = torch.from_numpy(photo.directions().astype(float) @ world_to_camera(HEADING).T)
    x, y = pixel_from_angles(*angles_from_direction(toward), 768, 384)
    rows, columns = y.long().clamp(0, 383).numpy(), x.long().clamp(0, 767).numpy()
    same = panorama.surface[rows, columns] == photo.surface
    assert same.mean() > 0.85  # pixels of half a degree see finer things than the same point
    solid = same & (photo.surface >= 0)
    np.testing.assert_allclose(
        np.median(panorama.depth[rows, columns][solid] / photo.depth[solid]), 1, atol=0.01
    )


def test_points_lie_on_their_surfaces(street: Street, panorama: Shot) -> None:
    scene = street.scene(panorama.visit)
    found = panorama.surface >= 0
    points, owner = panorama.points()[found], panorama.surface[found]
    offset = points - scene.corner[owner]
    assert np.abs((offset * scene.normal[owner]).sum(axis=1)).max() < 1e-3
    for axis in (scene.across, scene.upward):
        along = (offset * axis[owner]).sum(axis=1)
        assert along.min() > -1e-3
        assert along.max() < 1 + 1e-3
    ground = scene.kind[owner] == Kind.GROUND
    assert np.abs(points[ground, 2]).max() < 0.2
    assert np.isinf(panorama.points()[~found]).all()


@settings(max_examples=5)
@given(st.floats(-180, 180), st.floats(-60, 60), st.floats(-180, 180))
def test_a_point_projects_back_to_its_pixel(
    street: Street, bearing: float, pitch: float, roll: float
) -> None:
    view = View(bearing, pitch, roll, 60.0, 16, 12)
    photo = render_photo(street, SUMMER, street.position(3, 1, 1.6), view)
    found = photo.surface >= 0
    way = (photo.points() - photo.position)[found] @ world_to_camera(0.0).T
    x, y, inside = view.project(torch.from_numpy(way))
    rows, columns = np.nonzero(found)
    assert inside.all()
    np.testing.assert_allclose(x, columns + 0.5, atol=1e-3)
    np.testing.assert_allclose(y, rows + 0.5, atol=1e-3)


def test_the_same_seeds_give_the_same_bytes(street: Street) -> None:
    def digest(a_street: Street, visit: Visit) -> str:
        shot = render_panorama(a_street, visit, a_street.position(0, 0, 2), 0.0, 128)
        parts = (shot.pixels.tobytes(), shot.depth.tobytes(), shot.surface.tobytes())
        return hashlib.sha256(b"".join(parts)).hexdigest()

    again = Street(street.seed)
    assert digest(street, SUMMER) == digest(again, SUMMER)
    assert digest(street, SUMMER) != digest(street, replace(SUMMER, seed=2))


def test_seasons_change_pixels_but_no_building(street: Street, panorama: Shot) -> None:
    winter = render_panorama(street, WINTER, panorama.position, HEADING, 768)
    kind = np.append(street.scene(SUMMER).kind, -1)
    solid = {Kind.BUILDING, Kind.GROUND, Kind.FURNITURE, Kind.CAR}
    both = np.isin(kind[panorama.surface], list(solid))
    np.testing.assert_array_equal(winter.depth[both], panorama.depth[both])
    np.testing.assert_array_equal(winter.surface[both], panorama.surface[both])
    leaves = kind[panorama.surface] == Kind.LEAF
    assert leaves.any()
    assert not (kind[winter.surface] == Kind.LEAF).any()
    ground, walls = (kind[panorama.surface] == k for k in (Kind.GROUND, Kind.BUILDING))
    contrast = [s.pixels[ground].mean() / s.pixels[walls].mean() for s in (panorama, winter)]
    assert contrast[1] > 1.2 * contrast[0]  # snow


@pytest.mark.parametrize("light", list(Light))
def test_every_light_is_well_exposed(street: Street, light: Light) -> None:
    visit = Visit(Season.SPRING, light, seed=4)
    shot = render_panorama(street, visit, street.position(0, 0, 2.5), 0.0, 128)
    mean = shot.pixels.mean()
    assert 50 < mean < 200
    assert (shot.pixels == 255).mean() < 0.1
    assert (shot.pixels < 8).mean() < 0.1


def test_what_moves_differs_between_visits(street: Street) -> None:
    one, other = street.scene(SUMMER), street.scene(replace(SUMMER, seed=2))
    fixed = int((one.kind != Kind.CAR).sum())
    np.testing.assert_array_equal(one.corner[:fixed], other.corner[:fixed])
    assert (one.kind[fixed:] == Kind.CAR).all()
    assert one.corner[fixed:].tolist() != other.corner[fixed:].tolist()


def test_positions(street: Street) -> None:
    along = street.plane.origin.bearing_to(street.location(street.position(30, 0, 2)))
    assert along == pytest.approx(street.bearing, abs=0.01)
    left = street.plane.origin.bearing_to(street.location(street.position(0, 30, 2)))
    assert (left - street.bearing) % 360 == pytest.approx(270, abs=0.01)
    assert street.position(1, 2, 3)[2] == 3
