"""How a photo's camera looked into a panorama, from matched points."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares
from torch import Tensor

from placeproof.geometry import View, angles_from_direction, wrap_degrees

USUAL_FOV = 65.0  # degrees, along a photo's longer side
_FOV_SPREAD = 0.25  # standard deviation of the logarithm of the focal length
_NOISE = math.radians(3.0)  # parallax; from about there on, an error counts in proportion
_FOCAL_RANGE = math.log(4.0)  # to both sides of the usual: fields of view from 18 to 137 degrees


def fit_camera(
    points: NDArray[np.float32], width: int, height: int, directions: NDArray[np.float64]
) -> View:
    """The camera whose picture shows the panorama's directions where the photo shows them.

    The photo is taken to be a pinhole's, with its optical axis in the middle, taken from about
    where the panorama was: parallax is noise. Direction, roll and field of view are fitted by
    robust least squares. A weak belief in the usual field of view, worth one point, decides
    where the points are too close to each other to tell.

    Args:
        points: (K, 2), x and y in pixels of the photo; the centre of the first is (0.5, 0.5).
            At least one.
        width: Of the photo, pixels.
        height: Of the photo, pixels.
        directions: (K, 3) unit vectors, where the panorama shows the same points.

    Returns:
        The photo as a view of the panorama, of the photo's size.
    """
    x, y = torch.from_numpy(points).double().unbind(dim=1)
    target = torch.from_numpy(directions)
    usual = math.log(max(width, height) / 2 / math.tan(math.radians(USUAL_FOV) / 2))

    def camera(parameters: NDArray[np.float64]) -> View:
        yaw, pitch, roll = np.degrees(parameters[:3]).tolist()
        fov = 2 * math.degrees(math.atan(width / 2 / math.exp(parameters[3])))
        return View(yaw, pitch, roll, fov, width, height)

    def errors(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        apart = camera(parameters).directions(x, y) - target
        belief = (parameters[3] - usual) * _NOISE / _FOV_SPREAD
        return np.append(apart.numpy().ravel(), belief)

    start = np.array([_rough_yaw(x - width / 2, target, math.exp(usual)), 0.0, 0.0, usual])
    limits = np.array([4 * math.pi, math.pi / 2, math.pi, _FOCAL_RANGE])
    centre = np.array([0.0, 0.0, 0.0, usual])
    found = least_squares(
        errors, start, bounds=(centre - limits, centre + limits), loss="soft_l1", f_scale=_NOISE
    )
    view = camera(found.x)
    return View(wrap_degrees(view.yaw), view.pitch, view.roll, view.fov, width, height)


def _rough_yaw(right: Tensor, target: Tensor, focal: float) -> float:
    """The mean of where each point says that the axis is, in a level photo; radians."""
    yaw, _ = angles_from_direction(target)
    votes = torch.deg2rad(yaw) - torch.atan(right / focal)
    return math.atan2(float(votes.sin().sum()), float(votes.cos().sum()))
