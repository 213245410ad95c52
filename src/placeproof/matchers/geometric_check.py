"""Which matches of two pictures one rigid scene explains: epipolar geometry by MAGSAC++.

Barath et al., MAGSAC++, a Fast, Reliable and Accurate Robust Estimator, CVPR 2020; OpenCV's
implementation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeproof.matchers.contract import LocalFeatures, LocalMatches, Matcher
from placeproof.matchers.packages import require

# A threshold in pixels would mean another angle in every size of picture. So both pictures are
# measured in thousandths of their longer sides.
UNITS = 1000
THRESHOLD = 2.0  # thousandths that a point may lie beside its epipolar line
CONFIDENCE = 0.9999
ITERATIONS = 10_000  # at most
LEAST_MATCHES = 8  # fewer fit some fundamental matrix, whatever they are


@dataclass(frozen=True, slots=True, eq=False)
class GeometricMatch:
    """What two pictures have in common.

    Attributes:
        first: (K, 2) float32, the matched points that passed the check, in pixels of the first
            picture.
        second: (K, 2) float32, the same points in pixels of the second.
        score: K, plus a share below 1 that grows with the sum of all matches' scores and orders
            pairs of equal K. 0 where nothing matches.
    """

    first: NDArray[np.float32]
    second: NDArray[np.float32]
    score: float


def match_and_check(
    matcher: Matcher, first: LocalFeatures, second: LocalFeatures
) -> GeometricMatch:
    """Matches two pictures and keeps what passes the geometric check.

    Raises:
        WeightsError: If OpenCV is not installed.
    """
    matches = matcher.match(first, second)
    inliers = geometric_inliers(first, second, matches)
    kept = matches.indices[inliers]
    sureness = float(matches.scores.sum(dtype=np.float64))
    return GeometricMatch(
        first=first.keypoints[kept[:, 0]],
        second=second.keypoints[kept[:, 1]],
        score=len(kept) + sureness / (1 + sureness),
    )


def geometric_inliers(
    first: LocalFeatures, second: LocalFeatures, matches: LocalMatches
) -> NDArray[np.bool_]:
    """Which matches agree with the best fundamental matrix; (M,), none of fewer than 8 matches.

    OpenCV's estimator draws with a fixed seed of its own: the same matches in the same order
    have the same inliers, and the program's other random numbers are left alone.

    Raises:
        WeightsError: If OpenCV is not installed.
    """
    nothing = np.zeros(len(matches.indices), dtype=bool)
    if len(matches.indices) < LEAST_MATCHES:
        return nothing
    cv2 = require("cv2")
    points = [
        picture.keypoints[chosen].astype(np.float64) * (UNITS / max(picture.width, picture.height))
        for picture, chosen in zip((first, second), matches.indices.T, strict=True)
    ]
    try:
        matrix, inliers = cv2.findFundamentalMat(
            *points, cv2.USAC_MAGSAC, THRESHOLD, CONFIDENCE, ITERATIONS
        )
    except cv2.error:  # of a few points that no matrix fits, it may stumble over its lack of one
        return nothing
    if matrix is None or inliers is None:
        return nothing
    return np.asarray(inliers, dtype=bool).ravel()
