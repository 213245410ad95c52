import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from placeproof.geometry import View, view_mask
from placeproof.scene.model import Kind
from placeproof.scene.render import Shot, render_panorama, render_photo, world_to_camera
from placeproof.scene.street import Street
from placeproof.scene.truth import matched_masks
from placeproof.scene.visit import Light, Season, Visit

SUMMER = Visit(Season.SUMMER, Light.NOON, seed=1)
WINTER = Visit(Season.WINTER, Light.OVERCAST, seed=2)


@pytest.fixture(scope="module")
def panorama(street: Street) -> Shot:
    return render_panorama(street, SUMMER, street.position(0, 0, 2.5), street.bearing, 256)


def photo_of(
    street: Street,
    bearing: float,
    *,
    along: float = 5.0,
    left: float = -4.0,
    height: float = 1.6,
    visit: Visit = WINTER,
    pitch: float = 10.0,
) -> Shot:
    view = View(bearing, pitch, 0.0, 65.0, 96, 72)
    return render_photo(street, visit, street.position(along, left, height), view)


def kinds(street: Street, shot: Shot) -> np.ndarray:
    return np.append(street.scene(shot.visit).kind, -1)[shot.surface]


def test_from_the_same_place_the_mask_is_the_frame(street: Street, panorama: Shot) -> None:
    """Without parallax nothing is hidden, and only the sky and the frame's edge are left out."""
    view = View(street.bearing + 40, 10, 0, 65, 96, 72)
    photo = render_photo(street, SUMMER, panorama.position, view)
    masks = matched_masks(street, photo, panorama)
    frame = view_mask(replace(view, yaw=40.0), 256, 128).numpy()
    np.testing.assert_array_equal(masks.reference, frame & (panorama.surface >= 0))
    np.testing.assert_array_equal(masks.query, photo.surface >= 0)


def test_every_point_of_the_mask_is_seen_in_both(street: Street, panorama: Shot) -> None:
    """By plain trigonometry: project the panorama's points, compare distances in the photo."""
    photo = photo_of(street, street.bearing - 60)
    masks = matched_masks(street, photo, panorama)
    assert masks.reference.mean() > 0.01
    way = panorama.points()[masks.reference] - photo.position
    assert photo.view is not None
    x, y, inside = photo.view.project(torch.from_numpy(way @ world_to_camera(0.0).T))
    assert inside.all()
    seen = photo.depth[y.long().numpy(), x.long().numpy()]
    # The photo's nearest ray is up to half a pixel beside the point: most agree, not all.
    close = np.abs(seen - np.linalg.norm(way, axis=1)) < 0.05 * seen
    assert close.mean() > 0.9


def test_hidden_points_are_not_in_the_mask(street: Street, panorama: Shot) -> None:
    photo = photo_of(street, street.bearing - 60)
    masks = matched_masks(street, photo, panorama)
    way = panorama.points() - photo.position
    assert photo.view is not None
    with np.errstate(invalid="ignore"):
        camera = np.nan_to_num(way @ world_to_camera(0.0).T, nan=0, posinf=0, neginf=0)
    x, y, inside = photo.view.project(torch.from_numpy(camera))
    framed = inside.numpy() & (panorama.surface >= 0)
    rows, columns = y[framed].long().numpy(), x[framed].long().numpy()
    nearby = np.stack(
        [
            photo.depth[(rows + i).clip(0, 71), (columns + j).clip(0, 95)]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
        ]
    )
    behind = np.linalg.norm(way[framed], axis=1) > 1.2 * nearby.max(axis=0) + 0.5
    assert behind.any()  # with parallax, something always is
    assert not masks.reference[framed][behind].any()


def test_masks_are_the_same_points_in_both(street: Street, panorama: Shot) -> None:
    """The kinds of things in both masks are the same in about the same shares."""
    photo = photo_of(street, street.bearing - 60)
    masks = matched_masks(street, photo, panorama)
    assert masks.query.any()
    for mask, shot in ((masks.query, photo), (masks.reference, panorama)):
        assert (shot.surface[mask] >= 0).all()
        # Cars of one visit are not there at the other, nor are leaves.
        assert not np.isin(kinds(street, shot)[mask], [Kind.CAR, Kind.LEAF]).any()
    query = set(photo.surface[masks.query].tolist())
    reference = set(panorama.surface[masks.reference].tolist())
    assert len(query & reference) > 0.2 * len(query | reference)


def test_cars_count_within_one_visit(street: Street, panorama: Shot) -> None:
    shares = []
    for seed in (SUMMER.seed, 9):
        photo = photo_of(street, street.bearing, visit=replace(SUMMER, seed=seed), pitch=-10)
        masks = matched_masks(street, photo, panorama)
        shares.append((kinds(street, panorama)[masks.reference] == Kind.CAR).sum())
    assert shares[0] > 0
    assert shares[1] == 0


def test_looking_at_the_sky_gives_nothing(street: Street, panorama: Shot) -> None:
    photo = photo_of(street, 0.0, left=0.0, pitch=80.0, height=25.0)
    masks = matched_masks(street, photo, panorama)
    assert not masks.query.any()
    assert not masks.reference.any()


def test_looking_away_gives_nothing(street: Street) -> None:
    """Two cameras back to back, as photo and as the only part of the panorama looked at."""
    panorama = render_panorama(street, SUMMER, street.position(0, 0, 2.5), street.bearing, 256)
    photo = photo_of(street, street.bearing + 180, along=-6.0, left=0.0, pitch=0.0)
    masks = matched_masks(street, photo, panorama)
    assert masks.reference.any()
    assert not masks.reference[:, 80:176].any()  # 56 degrees to both sides of straight ahead


def test_behind_a_wall_nothing_is_seen(street: Street, panorama: Shot) -> None:
    beside = street.road_width / 2 + street.pavement_width + 13.0  # in a back yard
    photo = photo_of(street, street.bearing + 90, along=45.0, left=-beside, pitch=-20.0)
    masks = matched_masks(street, photo, panorama)
    assert not masks.query.any()
    assert not masks.reference.any()


def test_the_true_bearing_is_where_the_middle_of_the_photo_is(street: Street) -> None:
    """From the place of the photo, a panorama shows its optical axis at the true bearing."""
    photo = photo_of(street, street.bearing + 33)
    panorama = render_panorama(street, WINTER, photo.position, 123.0, 256)
    masks = matched_masks(street, photo, panorama)
    columns = masks.reference.any(axis=0)
    angle = (np.flatnonzero(columns) + 0.5) / 256 * 2 * math.pi
    # Where no sky is, the frame is symmetric about the optical axis.
    middle = math.degrees(math.atan2(np.sin(angle).sum(), np.cos(angle).sum()))
    bearing = (panorama.heading - 180 + middle) % 360
    assert (bearing - photo.bearing + 180) % 360 - 180 == pytest.approx(0, abs=2)
    assert photo.bearing == pytest.approx((street.bearing + 33) % 360)
