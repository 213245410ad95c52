"""A photo of a near scene: its camera is turned and moved against the panorama's.

A point's ray, the panorama's direction and the way between the two cameras lie in one plane.
poselib's five-point RANSAC finds the pose for a given focal length; it is asked for each of a
ladder of focal lengths, and the best answers' focal lengths are then refined with their poses.

Of a scene without much depth, a camera that zooms in from behind fits as well as the true one.
So a point's parallax counts as an error, too, if a much smaller one: most of a place is farther
away than the two cameras are from each other, and local features match over small angles only.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import poselib
from numpy.typing import NDArray
from scipy.optimize import leastsq

from placeproof.second_look.rays import (
    DEVIATIONS,
    Correspondences,
    Floats,
    cross_matrix,
)

LEAST_POINTS = 6  # rotation, direction and focal length are six numbers
# By which a point's ray and direction together must move at most to lie in one plane with the
# way between the cameras; measured.
THRESHOLD = math.radians(0.4)
LARGEST_PARALLAX = math.radians(45.0)  # between a point's ray and its direction
# Focal lengths that are tried, as standard deviations from the usual.
LADDER = (-2.7, -1.8, -0.9, 0.0, 0.9, 1.8, 2.7)
ITERATIONS = 150  # of RANSAC on each rung, at most
_FEWEST_ITERATIONS = 50
_FARTHEST = math.cos(math.radians(80.0))  # of a direction from the axis of the virtual camera
_FINALISTS = 2  # rungs whose answers are refined
_PRECISION = 1e-4  # of the cost, at which a refinement ends
_CALLS = 70  # of the error function, at most, in a refinement
_NO_SLOPE = 1e-12  # so near both epipoles there is no telling
_UNIT_CAMERA = {"model": "SIMPLE_PINHOLE", "width": 2, "height": 2, "params": [1.0, 0.0, 0.0]}


@dataclass(frozen=True, slots=True, eq=False)
class MovedCamera:
    """How a camera looks, and where it is.

    Attributes:
        rotation: (3, 3), takes the camera's axes to the panorama's.
        focal: See :class:`Correspondences`.
        towards: (3,) unit vector from the panorama's centre to the camera, panorama's axes.
    """

    rotation: Floats
    focal: float
    towards: Floats

    def errors(self, matched: Correspondences) -> tuple[Floats, Floats]:
        """Distances (K,) from a common plane, and parallaxes (K, 3), each in its largest."""
        rays = matched.rays(self.focal) @ self.rotation.T
        plane = _plane_distances(rays, matched.directions, self.towards) / THRESHOLD
        return plane, (rays - matched.directions) / LARGEST_PARALLAX

    def misfits(self, matched: Correspondences) -> Floats:
        """How badly it explains each point (K,), from 0: the sum of both errors' squares.

        Infinite where the point is not in front of both cameras.
        """
        plane, parallax = self.errors(matched)
        rays = matched.rays(self.focal) @ self.rotation.T
        ahead = _in_front(rays, matched.directions, self.towards)
        return np.where(ahead, plane**2 + np.einsum("kx,kx->k", parallax, parallax), np.inf)

    def explains(self, matched: Correspondences) -> NDArray[np.bool_]:
        """Which points (K,) it explains."""
        return self.misfits(matched) < 1


def fit_epipolar(matched: Correspondences) -> MovedCamera | None:
    """The pose and focal length that explain most points, or None of fewer than six."""

    def cost(camera: MovedCamera) -> float:
        """MSAC's, and that of an unusual focal length; in standard deviations, squared."""
        points = float(camera.misfits(matched).clip(max=1.0).sum())
        return DEVIATIONS**2 * points + matched.belief(camera.focal) ** 2

    def improved(camera: MovedCamera) -> MovedCamera:
        inliers = camera.explains(matched)
        if inliers.sum() < LEAST_POINTS:
            return camera
        return min(camera, _refined(matched.take(inliers), camera), key=cost)

    # Which rung is best shows when its focal length may move.
    best = [improved(camera) for camera in sorted(_hypotheses(matched), key=cost)[:_FINALISTS]]
    if not best:
        return None
    camera = improved(min(best, key=cost))
    return camera if camera.explains(matched).sum() >= LEAST_POINTS else None


def _hypotheses(matched: Correspondences) -> Iterator[MovedCamera]:
    """What each rung of the ladder finds."""
    # poselib knows cameras only: one that looks where most directions are.
    axes = _frame(matched.directions.sum(axis=0))
    seen = matched.directions @ axes.T
    ahead = seen[:, 2] > _FARTHEST
    if ahead.sum() < LEAST_POINTS:
        return
    theirs = seen[ahead, :2] / seen[ahead, 2:]
    for focal in sorted(
        {matched.possible(matched.usual + rung * matched.spread) for rung in LADDER}
    ):
        pose, _ = poselib.estimate_relative_pose(
            matched.offsets[ahead] / math.exp(focal),
            theirs,
            _UNIT_CAMERA,
            _UNIT_CAMERA,
            {
                "max_epipolar_error": THRESHOLD,
                "max_iterations": ITERATIONS,
                "min_iterations": _FEWEST_ITERATIONS,
                "success_prob": 0.999,
            },
            {"max_iterations": 10},
        )
        length = float(np.linalg.norm(pose.t))
        if length > 0 and math.isfinite(length):
            yield MovedCamera(axes.T @ pose.R, focal, axes.T @ pose.t / length)


def _frame(forward: Floats) -> Floats:
    """A right-handed frame (3, 3), as rows, whose last axis is a direction of any length."""
    length = np.linalg.norm(forward)
    forward = forward / length if length > 0 else np.array([0.0, 0.0, 1.0])
    first = np.cross(np.eye(3)[np.abs(forward).argmin()], forward)
    first /= np.linalg.norm(first)
    return np.stack((first, np.cross(forward, first), forward))


def _plane_distances(rays: Floats, directions: Floats, towards: Floats) -> Floats:
    """How far rays and directions, each (K, 3), are from one plane with the baseline; radians.

    Signed. To first order it is by how much both together must move: Sampson's distance, on the
    sphere.
    """
    cross = cross_matrix(towards)
    ours, theirs = rays @ cross.T, directions @ cross  # normals of each one's epipolar plane
    product: Floats = np.einsum("kx,kx->k", directions, ours)
    slope = np.einsum("kx,kx->k", ours, ours) + np.einsum("kx,kx->k", theirs, theirs)
    distances: Floats = product / np.sqrt(np.maximum(slope - 2 * product**2, _NO_SLOPE))
    return distances


def _in_front(rays: Floats, directions: Floats, towards: Floats) -> NDArray[np.bool_]:
    """Which rays and directions, each (K, 3), meet in front of both cameras, or far away."""
    cosine: Floats = np.einsum("kx,kx->k", rays, directions)
    ours, theirs = rays @ towards, directions @ towards
    in_front: NDArray[np.bool_] = (theirs > cosine * ours) & (cosine * theirs > ours)
    return in_front | (cosine > math.cos(THRESHOLD))


def _refined(inliers: Correspondences, camera: MovedCamera) -> MovedCamera:
    """The least-squares pose and focal length of points that all belong to it."""
    sideways = _frame(camera.towards)[:2]

    def moved(parameters: Floats) -> MovedCamera:
        rotation = cv2.Rodrigues(parameters[:3])[0] @ camera.rotation
        towards = camera.towards + parameters[4:] @ sideways
        focal = inliers.possible(float(parameters[3]))
        return MovedCamera(rotation, focal, towards / np.linalg.norm(towards))

    def errors(parameters: Floats) -> Floats:
        plane, parallax = moved(parameters).errors(inliers)
        belief = inliers.belief(float(parameters[3]))
        return np.hstack((DEVIATIONS * plane, DEVIATIONS * parallax.ravel(), belief))

    start = np.array([0.0, 0.0, 0.0, camera.focal, 0.0, 0.0])
    # With its full output it does not warn that it took all its calls, as it may.
    found = leastsq(errors, start, ftol=_PRECISION, maxfev=_CALLS, full_output=True)[0]
    return moved(found)
