"""Ways to cut a picture out of a panorama, each fitted to where the panorama shows its points."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from placeproof.geometry import angles_from_direction, direction_from_angles
from placeproof.matchers.camera import fit_camera

Floats = NDArray[np.float64]

_CENTRE_REACH = 0.04  # of the longer side: a view may have lost a fourteenth at one edge
_LEAST_SCALE = 0.01  # degrees to a pixel: far finer than panoramas are


class Cut(Protocol):
    """A way to cut pictures out of panoramas, with its parameters."""

    def fitted(self, points: Floats, directions: Floats) -> "Cut":
        """The same way, with the parameters that fit points (K, 2) and unit vectors (K, 3)."""

    def directions(self, points: Floats) -> Floats:
        """Unit vectors (K, 3) in the panorama of points (K, 2) in the photo."""


@dataclass(frozen=True, slots=True)
class Perspective:
    """A pinhole's picture, not far from whose middle its axis is.

    Attributes:
        parameters: (6,) rotation vector, logarithm of the focal length, centre x and y.
        size: Width and height of the photo, pixels.
    """

    parameters: Floats
    size: tuple[int, int]

    @classmethod
    def start(cls, points: Floats, directions: Floats, size: tuple[int, int]) -> "Perspective":
        """About the view that shows the directions (K, 3) at the points (K, 2)."""
        view = fit_camera(points.astype(np.float32), *size, directions)
        turn = Rotation.from_matrix(view.rotation().numpy()).as_rotvec()
        middle = np.array(size) / 2
        return cls(np.concatenate((turn, [math.log(view.focal)], middle)), size)

    def fitted(self, points: Floats, directions: Floats) -> "Perspective":
        """See :meth:`Cut.fitted`."""
        focal = math.exp(self.parameters[3])

        def errors(parameters: Floats) -> Floats:
            apart = (Perspective(parameters, self.size).directions(points) - directions) * focal
            far: Floats = apart.ravel()
            return far

        # A free centre would explain every flat wall, wherever it was seen from.
        free = np.full(4, np.inf)
        middle, reach = np.array(self.size) / 2, _CENTRE_REACH * max(self.size)
        bounds = (np.append(-free, middle - reach), np.append(free, middle + reach))
        found = least_squares(errors, self.parameters, bounds=bounds, loss="soft_l1", x_scale="jac")
        return Perspective(found.x, self.size)

    def directions(self, points: Floats) -> Floats:
        """See :meth:`Cut.directions`."""
        turn, focal = Rotation.from_rotvec(self.parameters[:3]), math.exp(self.parameters[3])
        rays = np.column_stack((points - self.parameters[4:], np.full(len(points), focal)))
        turned: Floats = turn.apply(rays / np.linalg.norm(rays, axis=1, keepdims=True))
        return turned


@dataclass(frozen=True, slots=True)
class Rectangle:
    """An upright rectangle of the equirectangular picture, as wide for its height as the photo.

    Attributes:
        parameters: (3,) degrees to a pixel, and yaw and pitch at the photo's upper left corner.
    """

    parameters: Floats

    @classmethod
    def start(cls, points: Floats, directions: Floats) -> "Rectangle":
        """About the rectangle that shows the directions (K, 3) at the points (K, 2)."""
        yaw, pitch = np.radians(angles(directions)).T
        turns = np.exp(1j * yaw)
        middle = math.degrees(np.angle(turns.mean()))
        across = np.degrees(np.angle(turns * np.exp(-1j * math.radians(middle))))
        # The median of all slopes between two points, as of Theil and Sen: few errors do no harm.
        slopes = (_slopes(points[:, 0], across), -_slopes(points[:, 1], np.degrees(pitch)))
        scale = max(float(np.median(np.append(slopes[0], slopes[1]))), _LEAST_SCALE)
        left = middle + float(np.median(across - scale * points[:, 0]))
        top = float(np.median(np.degrees(pitch) + scale * points[:, 1]))
        return cls(np.array([scale, left, top]))

    def fitted(self, points: Floats, directions: Floats) -> "Rectangle":
        """See :meth:`Cut.fitted`."""
        yaw, pitch = angles(directions).T

        def errors(parameters: Floats) -> Floats:
            here = Rectangle(parameters)._angles(points)
            across = (here[:, 0] - yaw + 180.0) % 360.0 - 180.0
            apart: Floats = np.concatenate((across, here[:, 1] - pitch)) / self.parameters[0]
            return apart

        bounds = ([_LEAST_SCALE / 2, -np.inf, -np.inf], np.inf)
        found = least_squares(errors, self.parameters, bounds=bounds, loss="soft_l1", x_scale="jac")
        return Rectangle(found.x)

    def directions(self, points: Floats) -> Floats:
        """See :meth:`Cut.directions`."""
        yaw, pitch = torch.from_numpy(self._angles(points)).unbind(dim=1)
        seen: Floats = direction_from_angles(yaw, pitch).numpy()
        return seen

    def _angles(self, points: Floats) -> Floats:
        scale, left, top = self.parameters
        placed: Floats = points * (scale, -scale) + (left, top)
        return placed


def angles(directions: Floats) -> Floats:
    """Yaw and pitch in degrees, (K, 2), of unit vectors (K, 3)."""
    both: Floats = torch.stack(angles_from_direction(torch.from_numpy(directions)), -1).numpy()
    return both


def _slopes(x: Floats, y: Floats) -> Floats:
    """The slopes of all lines through two of the points."""
    i, j = np.triu_indices(len(x), 1)
    apart = np.abs(x[i] - x[j]) > 1.0
    slopes: Floats = (y[i] - y[j])[apart] / (x[i] - x[j])[apart]
    return slopes if len(slopes) else np.array([_LEAST_SCALE])
