"""The contract of every matcher of local features: keypoints of a picture, matches of two.

A matcher is one small file in ``placeproof/matchers``: a class with what stands here, and a line
in ``placeproof/matchers/registry.py``.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class LocalFeatures:
    """Keypoints of a picture and what they look like.

    Attributes:
        keypoints: (N, 2) float32, x and y in the picture's own pixels; the centre of the first
            pixel is (0.5, 0.5). Best first.
        scores: (N,) float32, how good a keypoint is; the detector's own scale.
        descriptors: (N, D) float32.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
    """

    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class LocalMatches:
    """Which keypoints of two pictures show the same point.

    Attributes:
        indices: (M, 2) int64, a keypoint of the first picture and one of the second; none of
            them twice.
        scores: (M,) float32 in [0, 1], how sure the matcher is.
    """

    indices: NDArray[np.int64]
    scores: NDArray[np.float32]


class Matcher(ABC):
    """A detector and descriptor of keypoints together with the way to match them.

    Attributes:
        name: What users call it: lower-case letters, digits and hyphens; before it, with a colon,
            the package that it comes from where that has many.
        source: Whose method it is, and the licence of the weights.
        features_key: All that features depend on beside the picture. It changes with the
            weights, the number of keypoints and the code.
    """

    name: str
    source: str
    features_key: str

    @abstractmethod
    def extract(self, pixels: NDArray[np.uint8]) -> LocalFeatures:
        """Local features of (H, W, 3) sRGB pixels; there may be none."""

    @abstractmethod
    def match(self, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:
        """Matches of two pictures' features; there may be none."""
