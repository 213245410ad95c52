"""Matched points of a photo of unknown focal length and of a panorama, both as rays."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from placeproof.geometry import View, wrap_degrees

Floats = NDArray[np.float64]

FIELDS_OF_VIEW = (20.0, 130.0)  # degrees across a photo of which nothing is known
USUAL_FOV = 65.0  # degrees, along a photo's longer side
USUAL_SPREAD = 0.25  # standard deviation of the logarithm of the focal length
STATED_SPREAD = 0.03  # the same where it is stated: EXIF rounds it, and crops go unsaid
_SAME_SPOT = 0.01  # half widths of the photo and radians; closer points are at one spot
DEVIATIONS = 2.0  # standard deviations of right matches' errors that a threshold is taken to be


@dataclass(frozen=True, slots=True, eq=False)
class Correspondences:
    """Points of a photo and where the panorama shows them.

    All focal lengths are logarithms, of focal lengths in half widths of the photo.

    Attributes:
        offsets: (K, 2) x and y from the photo's middle, in half widths of the photo.
        directions: (K, 3) unit vectors of the panorama.
        usual: The focal length that is expected.
        spread: Its standard deviation.
        shortest: The least possible focal length.
        longest: The greatest possible focal length.
    """

    offsets: Floats
    directions: Floats
    usual: float
    spread: float
    shortest: float
    longest: float

    def __len__(self) -> int:
        return len(self.offsets)

    def take(self, chosen: NDArray[np.bool_]) -> "Correspondences":
        """Some of them."""
        return replace(self, offsets=self.offsets[chosen], directions=self.directions[chosen])

    def every(self, step: int) -> "Correspondences":
        """The first of them and every ``step``-th from there on."""
        return self.take(np.arange(len(self)) % step == 0)

    def crossed(self) -> "Correspondences":
        """Each point with each direction: (K * K), point by point."""
        return replace(
            self,
            offsets=np.repeat(self.offsets, len(self), axis=0),
            directions=np.tile(self.directions, (len(self), 1)),
        )

    def different(self) -> int:
        """How many there are, less those at one spot of the photo or of the panorama."""
        spots = (np.rint(each / _SAME_SPOT).astype(int) for each in (self.offsets, self.directions))
        return min(len(set(map(tuple, each.tolist()))) for each in spots)

    def belief(self, focal: float) -> float:
        """How unusual a focal length is, in standard deviations."""
        return (focal - self.usual) / self.spread

    def possible(self, focal: float) -> float:
        """The nearest focal length that is possible."""
        return min(max(focal, self.shortest), self.longest)

    def rays(self, focal: float) -> Floats:
        """The photo's points as unit vectors (K, 3) in its camera's axes."""
        rays = np.empty((len(self), 3))
        rays[:, :2] = self.offsets
        rays[:, 2] = math.exp(focal)
        rays /= np.sqrt(np.einsum("kx,kx->k", rays, rays))[:, None]
        return rays


def correspondences(
    points: NDArray[np.floating], width: int, height: int, directions: Floats, fov: float | None
) -> Correspondences:
    """The arguments of :func:`placeproof.second_look.relative_pose.relative_pose`.

    Raises:
        ValueError: If the field of view is not between 0 and 180 degrees.
    """
    if fov is None:
        usual = focal_of(USUAL_FOV) + math.log(max(width, height) / width)
        spread = USUAL_SPREAD
        longest, shortest = (focal_of(limit) for limit in FIELDS_OF_VIEW)
    elif 0 < fov < 180:
        usual, spread = focal_of(fov), STATED_SPREAD
        longest, shortest = usual + 3 * spread, usual - 3 * spread
    else:
        raise ValueError(f"field of view {fov:g} is not between 0 and 180 degrees")
    middle = np.array([width, height]) / 2
    return Correspondences(
        offsets=(np.asarray(points, np.float64) - middle) / (width / 2),
        directions=np.asarray(directions, np.float64),
        usual=usual,
        spread=spread,
        shortest=shortest,
        longest=longest,
    )


def focal_of(fov: float) -> float:
    """The focal length of a field of view in degrees."""
    return -math.log(math.tan(math.radians(fov) / 2))


def cross_matrix(vector: Floats) -> Floats:
    """The matrix (3, 3) that takes any vector to this one's cross product with it."""
    x, y, z = vector.tolist()
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def view_of(rotation: Floats, focal: float, width: int, height: int) -> View:
    """The photo as a view of the panorama, from the matrix that takes its axes to the panorama's.

    Yaw and roll have no meaning of their own where the camera looks straight up or down.
    """
    return View(
        yaw=wrap_degrees(math.degrees(math.atan2(rotation[0, 2], rotation[2, 2]))),
        pitch=math.degrees(math.asin(min(max(-rotation[1, 2], -1.0), 1.0))),
        roll=math.degrees(math.atan2(rotation[1, 0], rotation[1, 1])),
        fov=2 * math.degrees(math.atan(math.exp(-focal))),
        width=width,
        height=height,
    )
