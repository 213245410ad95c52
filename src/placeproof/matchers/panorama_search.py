"""Finds a photo in a panorama: its views, one by one, and the one that shows most of the photo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.geometry import View
from placeproof.matchers.camera import fit_camera
from placeproof.matchers.contract import LocalFeatures, Matcher
from placeproof.matchers.geometric_check import match_and_check
from placeproof.matchers.panorama_views import cut_panorama, panorama_views


@dataclass(frozen=True, slots=True, eq=False)
class PanoramaMatch:
    """What a photo and a panorama have in common, by the best of the panorama's views.

    Attributes:
        score: See :class:`placeproof.matchers.geometric_check.GeometricMatch`.
        points: (K, 2) float32, the matched points that passed the geometric check, in pixels of
            the photo.
        directions: (K, 3) float64, the same points as unit vectors in the panorama.
        camera: How the photo's camera looked into the panorama; None where K is 0.
    """

    score: float
    points: NDArray[np.float32]
    directions: NDArray[np.float64]
    camera: View | None


def extract_views(matcher: Matcher, pixels: NDArray[np.uint8]) -> tuple[LocalFeatures, ...]:
    """Local features of each view of a panorama (H, W, 3), in the order of the views."""
    return tuple(matcher.extract(view_pixels) for _, view_pixels in cut_panorama(pixels))


def find_in_panorama(
    matcher: Matcher, photo: LocalFeatures, views: Sequence[LocalFeatures]
) -> PanoramaMatch:
    """Matches a photo with every view of a panorama; of equal views, the first counts.

    Args:
        matcher: The one that extracted both.
        photo: The photo's local features.
        views: What :func:`extract_views` made of the panorama.

    Raises:
        ValueError: If there are not as many as a panorama has views.
        WeightsError: If OpenCV is not installed.
    """
    found = [
        (match_and_check(matcher, photo, features), view)
        for features, view in zip(views, panorama_views(), strict=True)
    ]
    best, view = max(found, key=lambda each: each[0].score)
    x, y = torch.from_numpy(best.second).unbind(dim=1)
    directions = view.directions(x, y).numpy()
    camera = None
    if len(directions):
        camera = fit_camera(best.first, photo.width, photo.height, directions)
    return PanoramaMatch(best.score, best.first, directions, camera)
