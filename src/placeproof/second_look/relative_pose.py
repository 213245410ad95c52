"""How a photo's camera stood to a panorama's, from matched points: geometry that knows both.

A panorama's points are directions; the photo's focal length is unknown, or roughly known from
EXIF. Of a distant scene, the photo's camera is only turned (:mod:`.rotation`); of a near one, it
is moved, too (:mod:`.epipolar`). A turned camera also fits the looser geometry of a moved one,
so whichever explains what chance would least explain counts (:mod:`.chance`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from placeproof.geometry import View
from placeproof.second_look import epipolar, rotation
from placeproof.second_look.chance import chance_of, log_surprise
from placeproof.second_look.epipolar import fit_epipolar
from placeproof.second_look.rays import Correspondences, Floats, correspondences, view_of
from placeproof.second_look.rotation import fit_rotation

LEAST_POINTS = 6  # at different spots; fewer fit some camera, whatever they are
_MOST_FOR_CHANCE = 100  # points that the probability of chance is taken from


@dataclass(frozen=True, slots=True, eq=False)
class RelativePose:
    """The geometry that explains the matched points best.

    Attributes:
        kind: ``rotation`` where the scene is distant as against the way between the cameras,
            ``epipolar`` where it is near.
        inliers: (K,), which points it explains.
        camera: The photo as a view of the panorama, of the photo's size.
        towards: (3,) unit vector from the panorama's centre to the photo's camera, in the
            panorama's axes; None for ``rotation``.
        surprise: How far that is beyond chance: -log10 of how many such geometries are expected
            among as many wrong matches that know nothing of each other. Above 0.
    """

    kind: Literal["rotation", "epipolar"]
    inliers: NDArray[np.bool_]
    camera: View
    towards: Floats | None
    surprise: float


def relative_pose(
    points: NDArray[np.floating],
    width: int,
    height: int,
    directions: Floats,
    *,
    fov: float | None = None,
) -> RelativePose | None:
    """The geometry of two cameras that explains matched points best.

    The photo is taken to be a pinhole's, with its optical axis in the middle. The same arguments
    give the same answer.

    Args:
        points: (K, 2), x and y in pixels of the photo; the centre of the first is (0.5, 0.5).
        width: Of the photo, pixels.
        height: Of the photo, pixels.
        directions: (K, 3) unit vectors, where the panorama shows the same points.
        fov: Horizontal field of view of the photo in degrees, as EXIF states it, roughly;
            None: from 20 to 130, most likely 65 along the longer side.

    Returns:
        None where no geometry explains six points, at six spots, and more than chance does.

    Raises:
        ValueError: If ``fov`` is not between 0 and 180 degrees.
    """
    matched = correspondences(points, width, height, directions, fov)
    if matched.different() < LEAST_POINTS:
        return None
    turned, moved = fit_rotation(matched), fit_epipolar(matched)
    poses = []
    if turned is not None:
        inliers, surprise = _beyond_chance(matched, turned.explains, rotation.LEAST_POINTS)
        view = view_of(turned.rotation, turned.focal, width, height)
        poses.append(RelativePose("rotation", inliers, view, None, surprise))
    if moved is not None:
        inliers, surprise = _beyond_chance(matched, moved.explains, epipolar.LEAST_POINTS)
        view = view_of(moved.rotation, moved.focal, width, height)
        poses.append(RelativePose("epipolar", inliers, view, moved.towards, surprise))
    best = max(poses, key=lambda pose: pose.surprise, default=None)
    return best if best is not None and best.surprise > 0 else None


def _beyond_chance(
    matched: Correspondences,
    explains: Callable[[Correspondences], NDArray[np.bool_]],
    free: int,
) -> tuple[NDArray[np.bool_], float]:
    """Which points (K,) a camera explains, and how surprising that is.

    Of points at one spot, one counts: they are right or wrong together.
    """
    inliers = explains(matched)
    right, wrong = (matched.take(chosen).different() for chosen in (inliers, ~inliers))
    if right < LEAST_POINTS:
        return inliers, 0.0
    few = matched.every(-(-len(matched) // _MOST_FOR_CHANCE))
    chance = chance_of(explains(few.crossed()).reshape(len(few), len(few)))
    return inliers, log_surprise(right, right + wrong, free, chance)
