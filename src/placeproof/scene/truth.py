"""What two pictures of a street have in common, exactly."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.scene.model import Kind
from placeproof.scene.raycast import cast, tile_order
from placeproof.scene.render import Shot, world_to_camera
from placeproof.scene.street import Street

_TOLERANCE = (0.02, 5e-4)  # metres, and metres a metre, that two distances to one point differ


@dataclass(frozen=True, slots=True, eq=False)
class MatchedMasks:
    """The parts of two pictures that show the same points of the world.

    Attributes:
        query: (h, w) bool; pixels of the photo whose point the panorama shows, too.
        reference: (H, W) bool; pixels of the panorama whose point the photo shows, too.
    """

    query: NDArray[np.bool_] = field(repr=False)
    reference: NDArray[np.bool_] = field(repr=False)


def matched_masks(street: Street, photo: Shot, panorama: Shot) -> MatchedMasks:
    """Both true masks of a photo and a panorama of one street.

    A pixel is in its mask if the point at its centre is inside the other picture's frame and
    not hidden there. Sky is in no mask, nor is what is there at one visit only: other cars, and
    leaves in winter.
    """
    return MatchedMasks(
        query=shown(street, photo, panorama), reference=shown(street, panorama, photo)
    )


def shown(street: Street, shot: Shot, other: Shot) -> NDArray[np.bool_]:
    """Which pixels (H, W) of ``shot`` show a point that ``other`` shows, too."""
    height, width = shot.depth.shape
    order = tile_order(width, height)
    points = shot.points().reshape(-1, 3)[order]
    owner = shot.surface.ravel()[order]
    scene = street.scene(other.visit)
    candidates = owner >= 0
    if shot.visit.seed != other.visit.seed:
        # The numbers of cars are not those of the other visit, nor are there more surfaces.
        fixed = np.append(street.scene(shot.visit).kind != Kind.CAR, False)
        candidates &= fixed[owner]
    way = points[candidates] - other.position
    distance = np.linalg.norm(way, axis=1)
    direction = way / distance.clip(1e-9)[:, None]
    if other.view is not None:
        camera = torch.from_numpy(direction @ world_to_camera(other.heading).T)
        inside = other.view.project(camera)[2].numpy()
        candidates[candidates] = inside
        distance, direction = distance[inside], direction[inside]
    hits = cast(scene, street.atlas, np.array(other.position), direction.astype(np.float32))
    close = np.abs(hits.distance - distance) <= _TOLERANCE[0] + _TOLERANCE[1] * distance
    same_kind = scene.kind[hits.surface] == street.scene(shot.visit).kind[owner[candidates]]
    mask = np.zeros(height * width, dtype=bool)
    mask[order[candidates]] = close & same_kind & (hits.surface >= 0)
    return mask.reshape(height, width)
