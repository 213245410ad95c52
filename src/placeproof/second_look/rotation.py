"""A photo of a distant scene: its camera is turned against the panorama, and nothing else.

Two points fix the rotation and the focal length: the angle between the panorama's two directions
is that between the photo's two rays for at most two focal lengths (Brown, Hartley and Nister,
Minimal Solutions for Panoramic Stitching, CVPR 2007). Two points are few enough to try many
pairs at once, as one array.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import leastsq

from placeproof.second_look.rays import DEVIATIONS, Correspondences, Floats

LEAST_POINTS = 2  # rotation and focal length are four numbers
THRESHOLD = math.radians(0.7)  # between a point's ray and its direction; measured
PAIRS = 500  # tried, at most
_REFINEMENTS = 2
_PRECISION = 1e-4  # of the cost, at which a refinement ends
_CALLS = 70  # of the error function, at most, in a refinement
_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class TurnedCamera:
    """How a camera at the panorama's centre looks.

    Attributes:
        rotation: (3, 3), takes the camera's axes to the panorama's.
        focal: See :class:`Correspondences`.
    """

    rotation: Floats
    focal: float

    def errors(self, matched: Correspondences) -> Floats:
        """Differences (K, 3) of rays and directions, in thresholds."""
        return (matched.rays(self.focal) @ self.rotation.T - matched.directions) / THRESHOLD

    def misfits(self, matched: Correspondences) -> Floats:
        """How badly it explains each point (K,), from 0: the angle in thresholds, squared."""
        errors = self.errors(matched)
        squared: Floats = np.einsum("kx,kx->k", errors, errors)
        return squared

    def explains(self, matched: Correspondences) -> NDArray[np.bool_]:
        """Which points (K,) it explains."""
        return self.misfits(matched) < 1


def fit_rotation(matched: Correspondences) -> TurnedCamera | None:
    """The rotation and focal length that explain most points, or None of no two points."""
    rotations, focals = _hypotheses(matched)
    if not len(focals):
        return None
    first = int(_costs(matched, rotations, focals).argmin())
    best = TurnedCamera(rotations[first], float(focals[first]))
    for _ in range(_REFINEMENTS):
        inliers = best.explains(matched)
        if not inliers.any():
            break
        refined = _refined(matched.take(inliers), best)
        if _cost(matched, refined) >= _cost(matched, best):
            break
        best = refined
    return best


def _hypotheses(matched: Correspondences) -> tuple[Floats, Floats]:
    """Rotations (N, 3, 3) and focal lengths (N,) from pairs of points."""
    first, second = np.triu_indices(len(matched), 1)
    if len(first) > PAIRS:
        drawn = np.random.default_rng(_SEED).choice(len(first), PAIRS, replace=False)
        first, second = first[drawn], second[drawn]
    u, v = matched.offsets[first], matched.offsets[second]
    a, b, ab = (u * u).sum(axis=1), (v * v).sum(axis=1), (u * v).sum(axis=1)
    cosine = (matched.directions[first] * matched.directions[second]).sum(axis=1)
    # With s the squared focal length, (ab + s) / sqrt((a + s) (b + s)) is the cosine.
    square = cosine**2
    quadratic, linear, constant = 1 - square, 2 * ab - square * (a + b), ab**2 - square * a * b
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(linear**2 - 4 * quadratic * constant)
        solutions = np.stack((-linear + root, -linear - root)) / (2 * quadratic)
    valid = (solutions > math.exp(2 * matched.shortest)) & (
        solutions < math.exp(2 * matched.longest)
    )
    valid &= (ab + solutions) * cosine >= 0  # the square also allows for the opposite angle
    pair = np.nonzero(valid)[1]
    focal = np.sqrt(solutions[valid])[:, None]
    ours = _frames(np.hstack((u[pair], focal)), np.hstack((v[pair], focal)))
    theirs = _frames(matched.directions[first[pair]], matched.directions[second[pair]])
    rotations = theirs @ ours.transpose(0, 2, 1)
    finite = np.isfinite(rotations).all(axis=(1, 2))
    return rotations[finite], np.log(focal[finite, 0])


def _frames(first: Floats, second: Floats) -> Floats:
    """Right-handed frames (N, 3, 3), as columns, that two directions (N, 3) each define."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first = first / np.linalg.norm(first, axis=1, keepdims=True)
        second = second / np.linalg.norm(second, axis=1, keepdims=True)
        middle = first + second
        middle /= np.linalg.norm(middle, axis=1, keepdims=True)
        across = second - first
        across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.stack((middle, across, np.cross(middle, across)), axis=2)


def _cost(matched: Correspondences, camera: TurnedCamera) -> float:
    """MSAC's, and that of an unusual focal length; in standard deviations, squared."""
    points = float(camera.misfits(matched).clip(max=1.0).sum())
    return DEVIATIONS**2 * points + matched.belief(camera.focal) ** 2


def _costs(matched: Correspondences, rotations: Floats, focals: Floats) -> Floats:
    """:func:`_cost` of many cameras (N,) at once."""
    x, y = matched.offsets.T[:, :, None]
    features = np.hstack((matched.directions * x, matched.directions * y, matched.directions))
    focal = np.exp(focals)[:, None]
    weights = np.hstack((rotations[:, :, 0], rotations[:, :, 1], rotations[:, :, 2] * focal))
    # In place: these arrays are the largest by far.
    squared: Floats = weights @ features.T
    squared /= np.sqrt((matched.offsets**2).sum(axis=1) + focal**2)
    squared -= 1
    squared *= -2 / THRESHOLD**2
    points: Floats = np.minimum(squared, 1.0, out=squared).sum(axis=1)
    return DEVIATIONS**2 * points + ((focals - matched.usual) / matched.spread) ** 2


def _refined(inliers: Correspondences, camera: TurnedCamera) -> TurnedCamera:
    """The least-squares rotation and focal length of points that all belong to it."""

    def turned(parameters: Floats) -> TurnedCamera:
        rotation = cv2.Rodrigues(parameters[:3])[0] @ camera.rotation
        return TurnedCamera(rotation, inliers.possible(float(parameters[3])))

    def errors(parameters: Floats) -> Floats:
        points = DEVIATIONS * turned(parameters).errors(inliers)
        return np.append(points, inliers.belief(float(parameters[3])))

    start = np.array([0.0, 0.0, 0.0, camera.focal])
    # With its full output it does not warn that it took all its calls, as it may.
    found = leastsq(errors, start, ftol=_PRECISION, maxfev=_CALLS, full_output=True)[0]
    return turned(found)
