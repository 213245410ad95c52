"""Where rays first hit a street."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from placeproof.scene.model import Floats, Surfaces
from placeproof.scene.textures import Atlas

TILE = 16  # a tile is TILE x TILE neighbouring pixels
_SLACK = 2e-5  # of a rectangle's edge, so that rays do not slip between two that touch
_NEAREST = 0.02  # metres; nothing nearer than this is hit


class Hits(NamedTuple):
    """What rays hit.

    Attributes:
        distance: (N,) along the ray, metres; infinite where nothing is hit.
        surface: (N,) int32, the number of the surface; -1 where nothing is hit.
    """

    distance: Floats
    surface: NDArray[np.int32]


def tile_order(width: int, height: int) -> NDArray[np.intp]:
    """Indices of a picture's pixels, row by row within tiles, so that neighbours stay together."""
    rows, columns = np.divmod(np.arange(width * height), width)
    order: NDArray[np.intp] = np.lexsort((columns // TILE, rows // TILE))
    return order


def cast(scene: Surfaces, atlas: Atlas, origin: NDArray[np.float64], direction: Floats) -> Hits:
    """Casts rays from one point.

    Each block of consecutive rays is tested against the rectangles whose bounding cone overlaps
    the block's, nearest first, until all its rays have ended before the next one. So it is quick
    if consecutive rays are neighbours, and correct in any case.

    Args:
        scene: What can be hit.
        atlas: Its textures, which say where there are holes.
        origin: (3,) where all rays begin.
        direction: (N, 3), unit length.
    """
    count, block = len(direction), TILE * TILE
    if count == 0:
        return Hits(np.empty(0, np.float32), np.empty(0, np.int32))
    padded = np.pad(direction, ((0, -count % block), (0, 0)), mode="edge")
    rays = np.ascontiguousarray(padded.T).reshape(3, -1, block)
    seen, near = _seen(scene, origin)
    overlap = _overlap(rays, scene.corners()[seen] - origin)
    distance = np.full(rays.shape[1:], np.inf, dtype=np.float32)
    surface = np.full(rays.shape[1:], -1, dtype=np.int32)
    farthest = np.full(rays.shape[1], np.inf, dtype=np.float32)
    offset = origin - scene.corner
    for number, (quad, nearest) in enumerate(zip(seen, near, strict=True)):
        tiles = np.flatnonzero(overlap[:, number] & (farthest > nearest))
        if not len(tiles):
            continue
        axes = np.stack((scene.normal[quad], scene.across[quad], scene.upward[quad]))
        height, u0, v0 = axes @ offset[quad]
        slope = axes.astype(np.float32) @ rays[:, tiles].reshape(3, -1)
        with np.errstate(divide="ignore", invalid="ignore"):  # rays along the surface hit nothing
            t = np.float32(-height) / slope[0]
            u, v = np.float32(u0) + t * slope[1], np.float32(v0) + t * slope[2]
        before = distance[tiles].ravel()
        outside = np.maximum(np.abs(u - 0.5), np.abs(v - 0.5))
        hit = np.flatnonzero((outside <= 0.5 + _SLACK) & (t > _NEAREST) & (t < before))
        if scene.cutout[quad]:
            hit = hit[atlas.opaque(int(scene.texture[quad]), u[hit], v[hit])]
        if not len(hit):
            continue
        before[hit] = t[hit]
        owner = surface[tiles].ravel()
        owner[hit] = quad
        distance[tiles], surface[tiles] = before.reshape(-1, block), owner.reshape(-1, block)
        farthest[tiles] = distance[tiles].max(axis=1)
    return Hits(distance.ravel()[:count], surface.ravel()[:count])


def _seen(
    scene: Surfaces, origin: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Surfaces that face a point, and their distances from it, nearest first."""
    offset = origin - scene.corner
    height = (scene.normal * offset).sum(axis=1)
    index = np.flatnonzero(scene.present & ((height > 1e-6) | (scene.two_sided & (height < -1e-6))))
    u = (scene.across * offset).sum(axis=1)[index]
    v = (scene.upward * offset).sum(axis=1)[index]
    beside = np.stack((u, v), axis=1) - np.clip(np.stack((u, v), axis=1), 0, 1)
    distance = np.sqrt(height[index] ** 2 + ((beside * scene.size[index]) ** 2).sum(axis=1))
    order = np.argsort(distance, kind="stable")
    return index[order], distance[order] * (1 - 1e-4) - 1e-3


def _overlap(rays: Floats, corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which blocks of rays (3, T, B) may meet which rectangles (Q, 4, 3): (T, Q)."""
    tile_axis, tile_cos = _cones(rays.transpose(1, 2, 0).astype(np.float64))
    corners = corners / np.linalg.norm(corners, axis=2, keepdims=True).clip(1e-9)
    quad_axis, quad_cos = _cones(corners)
    tile_sin, quad_sin = np.sqrt(1 - tile_cos**2), np.sqrt(1 - quad_cos**2)
    # cos of the sum of both half angles, of which each is below 90 degrees.
    apart = np.multiply.outer(tile_cos, quad_cos) - np.multiply.outer(tile_sin, quad_sin)
    # A cone of 90 degrees or more has no such bound: all may meet it.
    everywhere = (tile_cos <= 0.0)[:, None] | (quad_cos <= 0.0)[None]
    overlap: NDArray[np.bool_] = (tile_axis @ quad_axis.T >= apart - 1e-7) | everywhere
    return overlap


def _cones(directions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Axis (M, 3) and cosine of the half angle (M,) of cones around directions (M, K, 3)."""
    mean = directions.mean(axis=1)
    axis = mean / np.linalg.norm(mean, axis=1, keepdims=True).clip(1e-9)
    cosine = np.einsum("mkc,mc->mk", directions, axis).min(axis=1)
    return axis, cosine.clip(0.0, 1.0)
