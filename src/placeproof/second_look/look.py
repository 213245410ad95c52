"""The second look: local features of the photo in the views that the first look proposes.

What is found in a view counts only as far as one geometry of two cameras explains it. Views are
looked at in the order of the first look's votes, and no further once one has settled it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.geometry import View
from placeproof.matchers.contract import LocalFeatures, Matcher
from placeproof.second_look.relative_pose import RelativePose, relative_pose
from placeproof.second_look.views import Views

# Inliers from which one further view of the same reference is looked at, and no third: a street
# with like sides shows the same in two directions.
SETTLED = 60


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A photo matched with one view of a panorama.

    Attributes:
        view: The view.
        points: (M, 2) float32, the matched points in pixels of the photo.
        directions: (M, 3) float64, the same points as unit vectors in the panorama.
        pose: The geometry that explains most of them, or None.
    """

    view: View
    points: NDArray[np.float32]
    directions: NDArray[np.float64]
    pose: RelativePose | None

    @property
    def inliers(self) -> int:
        """How many matches the geometry explains."""
        return 0 if self.pose is None else int(self.pose.inliers.sum())


def look_again(
    matcher: Matcher,
    photo: LocalFeatures,
    photo_fov: float | None,
    views: Views,
    yaws: Sequence[float],
) -> list[Look]:
    """Matches a photo with views of a reference; the best view first.

    Args:
        matcher: What extracted the photo's features.
        photo: The photo's local features.
        photo_fov: Field of view along the photo's longer side, degrees; None if unknown.
        views: The reference's.
        yaws: Where to look, degrees right of the reference's centre, in this order.
    """
    found: list[Look] = []
    fov = horizontal_fov(photo_fov, photo.width, photo.height)
    for view in views.towards(yaws, photo_fov):
        seen = views.features(view)
        indices = matcher.match(photo, seen).indices
        points = photo.keypoints[indices[:, 0]]
        x, y = torch.from_numpy(seen.keypoints[indices[:, 1]]).unbind(dim=1)
        directions = view.directions(x, y).numpy()
        pose = relative_pose(points, photo.width, photo.height, directions, fov=fov)
        found.append(Look(view, points, directions, pose))
        if len(found) > 1 and max(look.inliers for look in found) >= SETTLED:
            break
    return sorted(found, key=lambda look: look.inliers, reverse=True)


def horizontal_fov(longer: float | None, width: int, height: int) -> float | None:
    """The horizontal field of view of a photo, of that along its longer side; degrees."""
    if longer is None or width >= height:
        return longer
    half = np.tan(np.radians(longer) / 2) * width / height
    return float(2 * np.degrees(np.arctan(half)))
