"""Where buildings are in a run's panoramas, each looked at once (paper, section 4.2)."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.buildings.detector import BuildingDetector
from placeproof.buildings.segmenter import load_segmenter
from placeproof.buildings.small import NAME, load_small_detector
from placeproof.images import read_picture
from placeproof.network.checkpoint import load_checkpoint
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.weights_store import SHIPPED_FILE

Buildings = Callable[[Path], NDArray[np.float32]]


class BuildingMaps:
    """Building probability of panorama files, kept on the disk beside their features.

    Args:
        detector: Finds buildings.
        cache: Where its answers are kept.
    """

    def __init__(self, detector: BuildingDetector, cache: FeatureCache) -> None:
        self._detector = detector
        self._cache = cache
        self._lock = threading.Lock()  # the detector has the processor to itself

    def __call__(self, path: Path) -> NDArray[np.float32]:
        """Probability (h, w) in [0, 1] on a grid that covers the panorama.

        Raises:
            PlaceproofError: If the file cannot be read as a picture.
        """
        picture = read_picture(path)
        height, width = picture.pixels.shape[:2]
        key = (picture.sha256, self._detector.name, "", (width, height))
        with self._lock:
            kept = self._cache.get(*key)
            if kept is None:
                found = self._detector(picture.pixels, wraps=True)
                kept = self._cache.put(*key, torch.from_numpy(found))
        return kept.float().numpy()


def detector_of(name: str, *, allow_download: bool) -> BuildingDetector:
    """The building detector that a recipe names.

    Args:
        name: The one that ships, or a segmenter; see
            :func:`~placeproof.buildings.segmenter.load_segmenter`.
        allow_download: Whether the user has asked for downloads.

    Raises:
        WeightsError: If its weights cannot be loaded.
        DownloadNotAllowedError: If they would have to be downloaded and the user has not asked.
        DownloadError: If the download fails.
    """
    if name == NAME:
        return load_small_detector(load_checkpoint(SHIPPED_FILE).network.extractor)
    return load_segmenter(name, allow_download=allow_download)
