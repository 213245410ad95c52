from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import DownloadNotAllowedError
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.training.building_maps import BuildingMaps, detector_of


class Left:
    """Says that the left half of everything is buildings."""

    name = "left"

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, pixels: NDArray[np.uint8], *, wraps: bool = False) -> NDArray[np.float32]:
        assert wraps
        self.asked += 1
        found = np.zeros((pixels.shape[0] // 4, pixels.shape[1] // 4), np.float32)
        found[:, : found.shape[1] // 2] = 0.9
        return found


def test_a_panorama_is_looked_at_once(tmp_path: Path) -> None:
    Image.new("RGB", (64, 32), "red").save(tmp_path / "a.png")
    Image.new("RGB", (128, 64), "red").save(tmp_path / "b.png")
    detector, cache = Left(), FeatureCache(tmp_path / "cache")
    first = BuildingMaps(detector, cache)(tmp_path / "a.png")
    again = BuildingMaps(detector, cache)(tmp_path / "a.png")
    assert detector.asked == 1
    assert np.array_equal(first, again)
    assert first.shape == (8, 16)
    assert first.dtype == np.float32
    assert first[:, :8].min() > 0.5 > first[:, 8:].max()
    assert BuildingMaps(detector, cache)(tmp_path / "b.png").shape == (16, 32)


def test_a_segmenter_is_not_downloaded_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DownloadNotAllowedError):
        detector_of("somebody/segmenter", allow_download=False)
