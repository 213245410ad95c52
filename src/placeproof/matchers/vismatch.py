"""Any matcher of the package ``vismatch``, by the name ``vismatch:NAME``.

Its matchers see both pictures at once; many have no keypoints before that, and none matches
keypoints that were found earlier. So the features of a picture are the picture: every pixel is a
keypoint, its colour the descriptor. That keeps to the contract, at two costs: points are whole
pixels, as XFeat's are, and features take 24 bytes a pixel.
"""

import difflib
import importlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import WeightsError
from placeproof.matchers.contract import LocalFeatures, LocalMatches, Matcher
from placeproof.matchers.extraction import MOST_KEYPOINTS, network_size
from placeproof.matchers.foreign_code import foreign_code

PREFIX = "vismatch:"
# Pixels, at most. LoFTR's authors' size; what such a matcher needs grows with the fourth power.
LONGER_SIDE = 640
_FEATURES_VERSION = 1  # raised by whoever changes what is made of the same picture
_LEAST_STEP = 3 / 255  # between two neighbours; a picture without any such step shows nothing


class Vismatch(Matcher):
    """A matcher of the package, with the weights that it downloads.

    They are used where they are on this machine already: in the caches of ``huggingface_hub`` and
    ``torch.hub``, or in the package's folder.

    Args:
        model: Its name in the package, such as "sift-nn".
        allow_download: Whether the user has asked for downloads. The package then also tells its
            authors, by a download from their repository on the hub, that the matcher is used.

    Raises:
        WeightsError: If the package, or a package that the matcher needs, is not installed, if it
            has no such matcher, if the weights are a pickle with code, or if the matcher would
            run code from GitHub.
        DownloadNotAllowedError: If weights would have to be downloaded and the user has not asked.
        DownloadError: If a download fails.
    """

    features_key = f"pixels {LONGER_SIDE} v{_FEATURES_VERSION}"  # of all matchers of the package

    def __init__(self, model: str, *, allow_download: bool = False) -> None:
        self.name = PREFIX + model
        self._allow_download = allow_download
        with foreign_code(self.name, allow_download=allow_download):
            package = _package(self.name)
            _check_name(model, package.available_models)
            self._pair = _make(package, model)
        self.source = (
            f"{model} of vismatch {package.__version__} (BSD-3-Clause; the weights may have "
            "another licence), github.com/gmberton/vismatch"
        )

    def extract(self, pixels: NDArray[np.uint8]) -> LocalFeatures:
        """The picture itself, with a longer side of at most ``LONGER_SIDE``; all scores are 1.

        See :meth:`placeproof.matchers.contract.Matcher.extract`.
        """
        height, width = pixels.shape[:2]
        columns, rows = _size(width, height)
        image = Image.fromarray(pixels).resize((columns, rows), Image.Resampling.LANCZOS)
        colours = np.array(image).reshape(-1, 3).astype(np.float32)
        y, x = np.mgrid[:rows, :columns].reshape(2, -1) + 0.5
        return LocalFeatures(
            keypoints=np.stack((x * width / columns, y * height / rows), axis=1).astype(np.float32),
            scores=np.ones(rows * columns, np.float32),
            descriptors=colours / np.float32(255),
            width=width,
            height=height,
        )

    def match(self, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:
        """What the package's matcher finds, before its own geometric check; a point is used once.

        Scores are the matcher's confidences, or 1 where it has none. Whether it counts pixels
        from their centres or corners is each matcher's own; centres are assumed.

        Raises:
            WeightsError: If the package's code fails.
            DownloadNotAllowedError, DownloadError: See the class; some download late.

        See :meth:`placeproof.matchers.contract.Matcher.match`.
        """
        pictures = [_picture(features) for features in (first, second)]
        if not all(_shows_something(picture) for picture in pictures):
            return LocalMatches(np.empty((0, 2), np.int64), np.empty(0, np.float32))
        with foreign_code(self.name, allow_download=self._allow_download):
            found = self._pair(*(torch.from_numpy(picture) for picture in pictures))
        ends = [found["matched_kpts0"], found["matched_kpts1"]]
        sure = found["matched_confidences"]
        scores = np.ones(len(ends[0])) if sure is None else np.nan_to_num(sure).clip(0, 1)
        indices = np.stack(
            [_pixels(points, each) for points, each in zip(ends, pictures, strict=True)], axis=1
        )
        kept = _best_of_each(indices, scores)
        return LocalMatches(indices[kept], scores[kept].astype(np.float32))


def _package(name: str) -> Any:
    try:
        return importlib.import_module("vismatch")
    except ImportError as error:
        raise WeightsError(
            f"{name} needs {error.name or 'vismatch'}; run: pip install 'placeproof[vismatch]'"
        ) from error


def _check_name(model: str, known: list[str]) -> None:
    """The package itself would first ask the hub for any name."""
    if model not in known:
        near = " or ".join(PREFIX + each for each in difflib.get_close_matches(model, known))
        hint = f"is it {near}?" if near else "vismatch.available_models in Python lists them"
        raise WeightsError(f"vismatch has no matcher '{model}'; {hint}")


def _make(package: Any, model: str) -> Any:
    try:
        pair = package.get_matcher(model, device="cpu", max_num_keypoints=MOST_KEYPOINTS)
    except ImportError as error:
        raise WeightsError(
            f"{PREFIX}{model} needs {error.name or error}; run: pip install 'vismatch[all]'"
        ) from error
    pair.skip_ransac = True  # a homography, which it fits for nothing and may fail on
    return pair.eval()


def _size(width: int, height: int) -> tuple[int, int]:
    """Columns and rows of the picture that the matcher sees."""
    scale = min(1.0, LONGER_SIDE / max(width, height))
    return network_size(round(width * scale), round(height * scale))


def _picture(features: LocalFeatures) -> NDArray[np.float32]:
    """(3, rows, columns) in [0, 1], from what :meth:`Vismatch.extract` made of it."""
    columns, rows = _size(features.width, features.height)
    return np.ascontiguousarray(features.descriptors.reshape(rows, columns, 3).transpose(2, 0, 1))


def _shows_something(picture: NDArray[np.float32]) -> bool:
    """Many matchers fail on a picture without keypoints, or match the padding around it."""
    return any(np.abs(np.diff(picture, axis=axis)).max() >= _LEAST_STEP for axis in (1, 2))


def _pixels(points: NDArray[np.floating], picture: NDArray[np.float32]) -> NDArray[np.int64]:
    """Indices (M,) of the pixels at points (M, 2), x and y, counted from the first one's centre."""
    _, rows, columns = picture.shape
    pixels: NDArray[np.int64] = np.rint(points).astype(np.int64)
    x, y = pixels.clip(0, (columns - 1, rows - 1)).T
    found: NDArray[np.int64] = y * columns + x
    return found


def _best_of_each(indices: NDArray[np.int64], scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Which matches to keep, best first, so that no index (M, 2) of a picture is there twice."""
    kept = np.argsort(-scores, kind="stable")
    for side in indices.T:
        _, earliest = np.unique(side[kept], return_index=True)
        kept = kept[np.sort(earliest)]
    return kept
