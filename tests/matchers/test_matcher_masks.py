import numpy as np
import pytest
import torch

from placeproof.geometry import direction_from_angles, mask_box
from placeproof.matchers.match_masks import PANORAMA_GRID, panorama_mask, photo_mask


def directions(*angles: tuple[float, float]) -> np.ndarray:
    yaw, pitch = torch.tensor(angles, dtype=torch.float64).unbind(dim=1)
    return direction_from_angles(yaw, pitch).numpy()


def test_without_points_nothing_was_found() -> None:
    assert not panorama_mask(np.empty((0, 3))).any()
    mask = photo_mask(np.empty((0, 2), np.float32), 640, 480)
    assert mask.shape == (18, 24)
    assert mask.dtype == np.float32
    assert not mask.any()


def test_a_lone_point_marks_its_surroundings() -> None:
    mask = photo_mask(np.array([[100.0, 300.0]], dtype=np.float32), 640, 480)
    row, column = np.unravel_index(mask.argmax(), mask.shape)
    assert (column + 0.5) * 640 / 24 == pytest.approx(100, abs=640 / 48)
    assert (row + 0.5) * 480 / 18 == pytest.approx(300, abs=480 / 36)
    assert mask.max() == pytest.approx(1 - np.exp(-1), abs=0.05)
    assert 0.005 < (mask >= 0.5).mean() < 0.05


def test_a_portrait_is_masked_like_a_landscape() -> None:
    points = np.array([[100.0, 300.0], [400.0, 50.0]], dtype=np.float32)
    landscape = photo_mask(points, 640, 480)
    np.testing.assert_allclose(photo_mask(points[:, ::-1], 480, 640), landscape.T, rtol=1e-6)


def test_more_points_make_it_surer() -> None:
    one = photo_mask(np.array([[320.0, 240.0]], dtype=np.float32), 640, 480)
    four = photo_mask(np.full((4, 2), (320.0, 240.0), dtype=np.float32), 640, 480)
    assert (four >= one).all()
    assert one.max() < four.max() <= 1


def test_in_a_panorama_the_seam_is_no_edge() -> None:
    mask = panorama_mask(directions((-179.9, 0), (179.9, 0)))
    columns, rows = PANORAMA_GRID
    assert mask.shape == (rows, columns)
    np.testing.assert_allclose(mask, mask[:, ::-1], atol=1e-6)
    box = mask_box(mask >= 0.5, wraps=True)
    assert box is not None
    assert box.left + box.width > columns


def test_distance_in_a_panorama_is_on_the_sphere() -> None:
    """Far up, the same surroundings are wider."""
    level, high = (panorama_mask(directions((2.5, pitch))) >= 0.5 for pitch in (2.5, 62.5))
    assert level.any(axis=0).sum() < high.any(axis=0).sum()
    assert level.any(axis=1).sum() == high.any(axis=1).sum()
