import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from made_place import PHOTO_YAW, WIDTH, blocks, crop
from placeproof.cascade import Cascade
from placeproof.geometry import View
from placeproof.images import read_picture
from placeproof.inference import Inference
from placeproof.matchers.contract import LocalFeatures, LocalMatches, Matcher
from placeproof.network.checkpoint import load_checkpoint
from placeproof.photo import field_of_view
from placeproof.second_look.views import PanoramaViews, PictureView, view_pixels

Pixels = NDArray[np.uint8]
DOTS = 120
CAMERA = View(40.0, 5.0, 2.0, 65.0, 320, 240)


def colours() -> NDArray[np.int64]:
    """(DOTS, 3), 48 apart at least, and none of them dark."""
    levels = np.arange(63, 256, 48)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    return np.random.default_rng(0).permutation(grid)[:DOTS]


def dotted_panorama(seed: int) -> Pixels:
    """Black, with dots of colours that no other dot has, around the horizon."""
    random = np.random.default_rng(seed)
    panorama = np.zeros((WIDTH // 2, WIDTH, 3), np.uint8)
    cells = random.permutation(4 * 45)[:DOTS]
    for cell, colour in zip(cells, colours(), strict=True):
        row, column = divmod(int(cell), 45)
        y, x = 165 + row * 48 + random.integers(-12, 12), 10 + column * 22 + random.integers(-4, 4)
        panorama[y - 5 : y + 5, x - 5 : x + 5] = colour
    return panorama


class Dots(Matcher):
    """Keypoints are dots; two match if they have one colour."""

    name, source, features_key = "dots", "this test", "dots/1"

    def __init__(self) -> None:
        self.extracted = 0

    def extract(self, pixels: Pixels) -> LocalFeatures:
        self.extracted += 1
        points, labels = [], []
        for label, colour in enumerate(colours()):
            rows, columns = np.nonzero((np.abs(pixels.astype(int) - colour) <= 8).all(axis=2))
            if len(rows) >= 9:
                points.append((columns.mean() + 0.5, rows.mean() + 0.5))
                labels.append(label)
        return LocalFeatures(
            np.array(points, np.float32).reshape(-1, 2),
            np.ones(len(points), np.float32),
            np.array(labels, np.float32)[:, None],
            pixels.shape[1],
            pixels.shape[0],
        )

    def match(self, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:
        i, j = np.nonzero(first.descriptors == second.descriptors.T)
        return LocalMatches(np.stack((i, j), axis=1), np.ones(len(i), np.float32))


@pytest.fixture(scope="module")
def inference(checkpoint_path: Path) -> Inference:
    return Inference(load_checkpoint(checkpoint_path))


@pytest.fixture
def matcher() -> Dots:
    return Dots()


@pytest.fixture
def cascade(inference: Inference, matcher: Dots) -> Cascade:
    return Cascade(inference, matcher)


@pytest.fixture(scope="module")
def panorama() -> Pixels:
    return dotted_panorama(1)


@pytest.fixture(scope="module")
def snapshot(panorama: Pixels) -> Pixels:
    return view_pixels(panorama, CAMERA)


def views_of(panorama: Pixels, matcher: Matcher) -> PanoramaViews:
    return PanoramaViews(matcher, WIDTH, lambda: panorama)


# The first look


def test_the_first_look_is_the_networks(cascade: Cascade, inference: Inference) -> None:
    panorama, other = (
        inference.features(blocks(seed), inference.panorama_size, wraps=True) for seed in (1, 2)
    )
    photo = cascade.photo(crop(blocks(1), PHOTO_YAW))
    found = cascade.first_look(photo, panorama, (WIDTH, WIDTH // 2))
    assert found.probability > 0.9
    assert found.yaw == pytest.approx(PHOTO_YAW, abs=6)
    assert cascade.first_look(photo, other, (WIDTH, WIDTH // 2)).probability < 0.1


def test_of_a_plain_picture_the_first_look_sees_no_direction(
    cascade: Cascade, inference: Inference
) -> None:
    pixels = crop(blocks(1), PHOTO_YAW)
    reference = inference.features(pixels, inference.photo_size(320, 256), wraps=False)
    found = cascade.first_look(cascade.photo(pixels), reference, (320, 256), panorama=False)
    assert found.probability > 0.9
    assert (found.yaw, found.yaws) == (None, ())


# The second look


def test_the_second_look_finds_the_camera(
    cascade: Cascade, matcher: Dots, panorama: Pixels, snapshot: Pixels
) -> None:
    photo = cascade.photo(snapshot)
    look = cascade.second_look(photo, views_of(panorama, matcher), [-100.0, 35.0])
    assert look.matcher == "dots"
    assert [view.yaw for view in look.views] == [30.0, -105.0], "the best first"
    assert look.camera is not None
    assert look.camera.yaw == pytest.approx(CAMERA.yaw, abs=1)
    assert look.camera.pitch == pytest.approx(CAMERA.pitch, abs=2)
    assert look.camera.fov == pytest.approx(CAMERA.fov, abs=3)
    assert (look.camera.width, look.camera.height) == (320, 240)
    assert look.inliers >= 15
    assert look.points.shape == (look.inliers, 2)
    assert look.points.dtype == np.float32
    assert look.directions.shape == (look.inliers, 3)
    assert look.surprise > 10
    assert look.spread > 0.8
    assert look.other_yaws == ()
    # The points lie where the true camera sees the directions.
    x, y, _ = CAMERA.project(torch.from_numpy(look.directions))
    apart = np.abs(np.stack((x, y), axis=1) - look.points)
    assert np.median(apart) < 2  # pixels; at the photo's edges a few matches are off by more
    assert apart.max() < 15


def test_both_directions_of_a_symmetric_street_are_found(
    cascade: Cascade, matcher: Dots, panorama: Pixels, snapshot: Pixels
) -> None:
    half = np.roll(panorama, -round(40 / 360 * WIDTH), axis=1)[:, WIDTH // 4 : 3 * WIDTH // 4]
    twice = np.roll(np.concatenate((half, half), axis=1), round(40 / 360 * WIDTH) + WIDTH // 4, 1)
    look = cascade.second_look(cascade.photo(snapshot), views_of(twice, matcher), [40.0, -140.0])
    assert look.camera is not None
    (other,) = look.other_yaws
    found = sorted((look.camera.yaw, other))
    assert found == pytest.approx([CAMERA.yaw - 180, CAMERA.yaw], abs=2)


@pytest.mark.parametrize("yaws", [[-140.0], []])
def test_where_nothing_is_found_there_is_no_camera(
    cascade: Cascade, matcher: Dots, panorama: Pixels, snapshot: Pixels, yaws: list[float]
) -> None:
    look = cascade.second_look(cascade.photo(snapshot), views_of(panorama, matcher), yaws)
    assert len(look.views) == len(yaws)
    assert (look.inliers, look.surprise, look.spread) == (0, 0.0, 0.0)
    assert (look.camera, look.kind, look.towards, look.trusted) == (None, None, None, False)
    assert look.points.shape == (0, 2)
    assert look.directions.shape == (0, 3)


def test_another_panorama_with_the_same_dots_elsewhere_is_no_match(
    cascade: Cascade, matcher: Dots, snapshot: Pixels
) -> None:
    other = views_of(dotted_panorama(2), matcher)
    look = cascade.second_look(cascade.photo(snapshot), other, [0.0, 40.0, -120.0])
    assert not look.trusted
    assert look.surprise < 5


def test_a_plain_picture_is_looked_at_as_a_whole(
    cascade: Cascade, matcher: Dots, snapshot: Pixels
) -> None:
    look = cascade.second_look(cascade.photo(snapshot), PictureView(matcher, snapshot), ())
    assert look.camera is not None
    assert look.camera.yaw == pytest.approx(0, abs=1)
    assert look.spread == 1.0


# The photo


def test_what_a_photo_needs_is_computed_once_and_only_if_it_is_asked_for(
    cascade: Cascade, matcher: Dots, snapshot: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, int]] = []
    extracted = Inference.extracted

    def counted(self: Inference, pixels: Pixels, size: tuple[int, int], *, wraps: bool) -> object:
        calls.append(size)
        return extracted(self, pixels, size, wraps=wraps)

    monkeypatch.setattr(Inference, "extracted", counted)
    photo = cascade.photo(snapshot, 70.0)
    assert (calls, matcher.extracted) == ([], 0)
    assert photo.dense is photo.dense
    assert photo.local is photo.local
    assert (len(calls), matcher.extracted) == (1, 1)
    assert (photo.size, photo.fov) == ((320, 240), 70.0)


def test_features_that_are_there_already_are_used(cascade: Cascade, snapshot: Pixels) -> None:
    given = torch.zeros(96, 8, 10)
    assert cascade.photo(snapshot, dense=given).dense is given


def test_a_photos_features_are_the_networks(
    cascade: Cascade, inference: Inference, snapshot: Pixels
) -> None:
    expected = inference.features(snapshot, inference.photo_size(320, 240), wraps=False)
    assert torch.equal(cascade.photo(snapshot).dense, expected)


def test_the_mirrored_photo(cascade: Cascade, snapshot: Pixels) -> None:
    given = torch.zeros(96, 8, 10)
    mirrored = cascade.photo(snapshot, 70.0, given).mirrored
    assert mirrored.fov == 70.0
    np.testing.assert_array_equal(mirrored.pixels[:, 0], snapshot[:, -1])
    np.testing.assert_array_equal(mirrored.mirrored.pixels, snapshot)
    assert mirrored.dense is not given, "its features are its own"


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("fov", [30.0, 65.0, 100.0])
def test_the_field_of_view_of_exif_is_along_the_longer_side(
    with_exif: Callable[..., Path], fov: float, turned: bool
) -> None:
    """A focal length in 35 mm terms fits the diagonal, 43.27 mm; the photo has 320 x 256."""
    picture = read_picture(with_exif())
    diagonal = math.hypot(320, 256) / 320 * math.tan(math.radians(fov / 2))
    known = replace(picture.metadata, focal_35mm=math.hypot(36, 24) / 2 / diagonal)
    pixels = picture.pixels.transpose(1, 0, 2) if turned else picture.pixels
    assert field_of_view(replace(picture, metadata=known, pixels=pixels)) == pytest.approx(fov)


def test_without_a_focal_length_the_field_of_view_is_unknown(photo_path: Path) -> None:
    assert field_of_view(read_picture(photo_path)) is None
