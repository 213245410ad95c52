"""Panoramas and photos of a street, each with its exact truth."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from placeproof.geometry import View, angles_from_pixel, direction_from_angles
from placeproof.location import Location
from placeproof.scene.model import Floats, Surfaces, Vector
from placeproof.scene.raycast import cast, tile_order
from placeproof.scene.shading import shade
from placeproof.scene.street import Street
from placeproof.scene.visit import Daylight, Visit, daylight

_NOISE = 0.006  # standard deviation of a pixel's noise, of the full range
# Where in a pixel its rays go: four, on a rotated grid.
_OFFSETS = ((0.375, 0.125), (0.875, 0.375), (0.125, 0.625), (0.625, 0.875))


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A picture of a street and the truth about it.

    Attributes:
        pixels: (H, W, 3) uint8, sRGB.
        depth: (H, W) float32, metres along the ray through each pixel's centre; infinite where
            there is sky.
        surface: (H, W) int32, the number of the surface there; -1 where there is sky.
        visit: When it was taken.
        position: Where the camera was in the world, metres.
        location: The same as a place on Earth.
        heading: Compass bearing of the forward axis: a panorama's centre column. 0 for photos,
            whose view says where they look.
        view: The camera of a photo, its yaw being a compass bearing; None for a panorama.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    depth: Floats = field(repr=False)
    surface: NDArray[np.int32] = field(repr=False)
    visit: Visit
    position: Vector
    location: Location
    heading: float
    view: View | None

    @property
    def bearing(self) -> float:
        """Compass bearing in [0, 360) of the optical axis or of the panorama's centre column."""
        yaw = 0.0 if self.view is None else self.view.yaw
        return (self.heading + yaw) % 360.0 % 360.0

    def directions(self) -> Floats:
        """World directions (H, W, 3), unit length, of the rays through the pixels' centres."""
        height, width = self.depth.shape
        rays = _rays(self.view, self.heading, width, height, (0.5, 0.5))
        return rays.reshape(height, width, 3)

    def points(self) -> NDArray[np.float64]:
        """The points of the world (H, W, 3) that the pixels' centres show; infinite for sky."""
        with np.errstate(invalid="ignore"):  # 0 times infinity
            way = self.directions().astype(np.float64) * self.depth[..., None]
        return np.where(np.isfinite(self.depth)[..., None], way, np.inf) + self.position


def render_panorama(
    street: Street, visit: Visit, position: Vector, heading: float, width: int = 1024
) -> Shot:
    """An equirectangular panorama.

    Args:
        street: What is rendered.
        visit: When.
        position: Of the camera in the world, metres; see :meth:`Street.position`.
        heading: Compass bearing of the centre column, degrees.
        width: Of the picture, an even number of pixels; it is half as high.

    Raises:
        ValueError: If the width is odd or below 2.
    """
    if width < 2 or width % 2:
        raise ValueError(f"a panorama {width} pixels wide is not twice as wide as high")
    return _render(street, visit, position, heading, None, width, width // 2)


def render_photo(street: Street, visit: Visit, position: Vector, view: View) -> Shot:
    """A perspective photo; ``view.yaw`` is a compass bearing. See :func:`render_panorama`."""
    return _render(street, visit, position, 0.0, view, view.width, view.height)


def world_to_camera(heading: float) -> NDArray[np.float64]:
    """Rotation (3, 3) from world directions, east, north and up, to a camera's axes.

    The camera is level, and its forward axis points to the compass bearing ``heading``; its
    axes are those of :mod:`placeproof.geometry`: x right, y down, z forward.
    """
    c, s = math.cos(math.radians(heading)), math.sin(math.radians(heading))
    return np.array([[c, -s, 0.0], [0.0, 0.0, -1.0], [s, c, 0.0]])


def _render(
    street: Street,
    visit: Visit,
    position: Vector,
    heading: float,
    view: View | None,
    width: int,
    height: int,
) -> Shot:
    scene, light = street.scene(visit), daylight(visit)
    origin = np.array(position, dtype=np.float64)
    order = tile_order(width, height)
    back = np.argsort(order)
    centre = _rays(view, heading, width, height, (0.5, 0.5))[order]
    truth = cast(scene, street.atlas, origin, centre)
    spread = 2 * math.pi / width if view is None else 1 / view.focal
    total = np.zeros((width * height, 3), dtype=np.float32)
    for offset in _OFFSETS:
        rays = _rays(view, heading, width, height, offset)[order]
        linear = _colours(street, scene, light, origin, rays, spread)
        # Each ray is exposed alone, so that a bright one does not outshine its pixel.
        total += (1 - np.exp(-1.5 * light.gain * linear)) ** np.float32(1 / 2.2)
    rng = np.random.default_rng([street.seed, visit.seed, 3])
    mean = total[back].reshape(height, width, 3) / len(_OFFSETS)
    noisy = mean + _NOISE * rng.standard_normal(mean.shape, dtype=np.float32)
    return Shot(
        pixels=(noisy.clip(0, 1) * 255 + 0.5).astype(np.uint8),
        depth=truth.distance[back].reshape(height, width),
        surface=truth.surface[back].reshape(height, width),
        visit=visit,
        position=position,
        location=street.location(position),
        heading=heading % 360.0,
        view=view,
    )


def _colours(
    street: Street,
    scene: Surfaces,
    light: Daylight,
    origin: NDArray[np.float64],
    rays: Floats,
    spread: float,
) -> Floats:
    hits = cast(scene, street.atlas, origin, rays)
    # Two rays across a pixel: textures need no more than half its blur.
    return shade(scene, street.atlas, street.grain, light, origin, rays, hits, spread * 0.6)


def _rays(
    view: View | None, heading: float, width: int, height: int, offset: tuple[float, float]
) -> Floats:
    """World directions (height * width, 3) of the rays through one point of every pixel."""
    rows, columns = torch.meshgrid(
        torch.arange(height, dtype=torch.float64) + offset[1],
        torch.arange(width, dtype=torch.float64) + offset[0],
        indexing="ij",
    )
    camera: Tensor
    if view is None:
        camera = direction_from_angles(*angles_from_pixel(columns, rows, width, height))
    else:
        camera = view.directions(columns, rows)
    world = camera.reshape(-1, 3) @ torch.from_numpy(world_to_camera(heading))
    return world.numpy().astype(np.float32)
