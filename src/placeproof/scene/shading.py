"""The colour of what rays see: texture, sun, sky, shadows, snow, glass, haze."""

import numpy as np
from numpy.typing import NDArray

from placeproof.scene.model import Floats, Kind, Surfaces
from placeproof.scene.raycast import Hits, cast
from placeproof.scene.textures import Atlas
from placeproof.scene.visit import Daylight

_SUN_DISTANCE = 3000.0  # metres; shadows are cast from a point so far away
_HAZE = 450.0  # metres in which haze swallows 63 % of the contrast
_GRAIN_TILE = 3.0  # metres that the grain covers once
_SHADOWED = 0.15  # metres that a shadow's ray may end short and still count as lit
_CHUNK = 16384  # rays shaded at a time, so that they stay in the processor's cache


def shade(
    scene: Surfaces,
    atlas: Atlas,
    grain: int,
    light: Daylight,
    origin: NDArray[np.float64],
    direction: Floats,
    hits: Hits,
    spread: float,
) -> Floats:
    """Colours of rays.

    Args:
        scene: What was hit.
        atlas: Its textures.
        grain: Number of the texture that lends every surface fine relief.
        light: The light.
        origin: (3,) where the rays begin.
        direction: (N, 3), unit length.
        hits: What the rays hit.
        spread: Angle between neighbouring rays, radians.

    Returns:
        (N, 3) linear RGB, 0 or more, before exposure.
    """
    lit = _sunlit(scene, atlas, light, origin, direction, hits)
    colours = np.empty((len(direction), 3), dtype=np.float32)
    for start in range(0, len(direction), _CHUNK):
        part = slice(start, start + _CHUNK)
        rays = direction[part]
        found = np.flatnonzero(hits.surface[part] >= 0)
        missed = np.flatnonzero(hits.surface[part] < 0)
        view = colours[part]
        if len(missed):
            view[missed] = sky(atlas, grain, light, rays[missed])
        if len(found):
            some = Hits(hits.distance[part][found], hits.surface[part][found])
            seen = _surface(
                scene, atlas, grain, light, origin, rays[found], some, lit[part][found], spread
            )
            haze = (1 - np.exp(-some.distance / _HAZE))[:, None]
            view[found] = seen * (1 - haze) + light.horizon * 0.9 * haze
    return colours


def sky(atlas: Atlas, grain: int, light: Daylight, direction: Floats) -> Floats:
    """Colour of the sky (N, 3) in directions (N, 3): a gradient, clouds, and a glow at the sun."""
    up = direction[:, 2].clip(0.0, 1.0)
    colour = _gradient(light, up)
    reach = 0.35 / (up + 0.12)
    shift = np.array(light.cloud_shift, dtype=np.float32)
    u, v = (direction[:, :2] * reach[:, None] + shift).T
    numbers = np.full(len(up), grain, dtype=np.int32)
    coarse = atlas.sample(numbers, u * 0.12, v * 0.12, np.full(len(up), 4.0, np.float32))[0]
    fine = atlas.sample(numbers, u * 0.5 + 0.3, v * 0.5, np.full(len(up), 3.0, np.float32))[0]
    density = (coarse - 0.5) * 5 + (fine - 0.5) * 2.5 + light.clouds * 1.6 - 0.8
    cover = (density.clip(0, 1) * (up * 6).clip(0, 1))[:, None]
    white = 0.9 * light.horizon.mean() + 0.25 * light.sun
    cloud = (white * 0.75 + light.horizon * 0.3) * (1 - 0.25 * density.clip(0, 2)[:, None] / 2)
    colour = colour * (1 - cover * 0.85) + cloud * cover * 0.85
    towards = (direction @ light.sun_direction).clip(0, 1)[:, None]
    return np.asarray(colour + light.sun * (0.25 * towards**12 + 2.0 * towards**400), np.float32)


def _gradient(light: Daylight, up: Floats) -> Floats:
    weight = np.sqrt(up)[:, None]
    return np.asarray(light.horizon * (1 - weight) + light.zenith * weight, dtype=np.float32)


def _sunlit(
    scene: Surfaces,
    atlas: Atlas,
    light: Daylight,
    origin: NDArray[np.float64],
    direction: Floats,
    hits: Hits,
) -> NDArray[np.bool_]:
    """Which hits the sun reaches, (N,), by rays from a very distant point to each."""
    lit = np.zeros(len(direction), dtype=bool)
    if not light.sun.any():
        return lit
    faces_sun = (scene.normal @ light.sun_direction > 0) | scene.two_sided
    found = np.flatnonzero((hits.surface >= 0) & faces_sun[hits.surface])
    sun = light.sun_direction.astype(np.float64) * _SUN_DISTANCE
    way = origin + direction[found].astype(np.float64) * hits.distance[found, None] - sun
    far = np.linalg.norm(way, axis=1)
    shadows = cast(scene, atlas, sun, (way / far[:, None]).astype(np.float32))
    lit[found] = shadows.distance >= far - _SHADOWED
    return lit


def _surface(
    scene: Surfaces,
    atlas: Atlas,
    grain: int,
    light: Daylight,
    origin: NDArray[np.float64],
    direction: Floats,
    hits: Hits,
    lit: NDArray[np.bool_],
    spread: float,
) -> Floats:
    """Colours (M, 3) of rays that all hit something."""
    number = hits.surface
    kind, size = scene.kind[number], scene.size[number]
    point = origin + direction * hits.distance[:, None]
    offset = point - scene.corner[number]
    u = np.einsum("nc,nc->n", offset, scene.across[number]).astype(np.float32)
    v = np.einsum("nc,nc->n", offset, scene.upward[number]).astype(np.float32)
    normal = scene.normal[number].astype(np.float32)
    slope = -np.einsum("nc,nc->n", direction, normal)
    normal *= np.sign(slope)[:, None]
    # Between the pixel's width on the surface and its length, which grazing rays stretch.
    footprint = spread * hits.distance / np.sqrt(np.abs(slope).clip(0.05))

    texture, repeat = scene.texture[number], scene.repeat[number]
    per_metre = atlas.width(texture) * repeat[:, 0] / size[:, 0]
    level = np.log2((footprint * per_metre).clip(1e-6))
    # A texture that covers its rectangle once must not bleed over from its opposite edge.
    inner = np.where(repeat == 1.0, 1e-3, 0.0)
    x = u.clip(inner[:, 0], 1 - inner[:, 0]) * repeat[:, 0]
    y = v.clip(inner[:, 1], 1 - inner[:, 1]) * repeat[:, 1]
    texel = atlas.sample(texture, x, y, level)
    albedo = (texel[:3].T * scene.tint[number]) ** 2  # from sRGB, nearly
    gloss = scene.gloss[number]
    glass = np.where(gloss > 0, (1 - texel[3]) * 2, 0.0).clip(0, 1)

    tiles = size / _GRAIN_TILE
    grains = np.full(len(number), grain, dtype=np.int32)
    fine = np.log2((footprint * (512 / _GRAIN_TILE)).clip(1e-6))
    relief = atlas.sample(grains, u * tiles[:, 0], v * tiles[:, 1], fine)[0] - 0.5
    matt = (1 - glass) * (kind != Kind.CAR)
    albedo *= (1 + 0.8 * relief * matt)[:, None]
    leaf = kind == Kind.LEAF
    albedo[leaf] *= light.leaf_tint
    if light.snow:
        _snow(atlas, grain, light, point, normal, kind, albedo)

    upward = 0.5 + 0.5 * normal[:, 2:]
    enclosed = 0.5 + 0.5 * (point[:, 2:] / 9).clip(0, 1)  # streets are darker than their roofs
    dome = 0.55 * light.zenith + 0.45 * light.horizon
    bounce = 0.3 * light.horizon + 0.12 * light.sun
    irradiance = 1.25 * (dome * upward + bounce * (1 - upward)) * enclosed
    facing = np.einsum("nc,c->n", normal, light.sun_direction).clip(0, 1)
    facing[leaf] = 0.35 + 0.3 * facing[leaf]
    irradiance = irradiance + light.sun * (facing * lit)[:, None]
    colour = albedo * irradiance

    mirror = direction + 2 * np.abs(slope)[:, None] * normal
    fresnel = (0.08 + 0.9 * (1 - np.abs(slope)) ** 4) * gloss
    reflected = _gradient(light, mirror[:, 2].clip(0, 1))
    reflected *= (0.25 + 0.75 * (mirror[:, 2] * 3).clip(0, 1))[:, None]
    shiny = np.where(kind == Kind.CAR, 0.3 + glass, glass) * fresnel
    colour = colour * (1 - shiny[:, None]) + reflected * shiny[:, None]
    if light.lit:
        inside = np.sqrt(albedo) * 1.6 + 0.3
        colour += _lamps(scene, light, number, kind, u, v) * glass[:, None] * inside
    return np.asarray(colour, dtype=np.float32)


def _snow(
    atlas: Atlas,
    grain: int,
    light: Daylight,
    point: NDArray[np.float64],
    normal: Floats,
    kind: NDArray[np.int32],
    albedo: Floats,
) -> None:
    """Covers what faces up, in patches; thinner on the ground, where people walk and drive."""
    numbers = np.full(len(point), grain, dtype=np.int32)
    u, v = (point[:, 0] / 14).astype(np.float32), (point[:, 1] / 14).astype(np.float32)
    patches = atlas.sample(numbers, u, v, np.full(len(point), 2.0, np.float32))[0] - 0.5
    trodden = np.where(kind == Kind.GROUND, 0.45, 0.0)
    depth = (light.snow - trodden + 2.5 * patches) * 3
    cover = (depth.clip(0, 1) * ((normal[:, 2] - 0.3) * 4).clip(0, 1))[:, None]
    albedo += (np.array([0.8, 0.83, 0.88], np.float32) - albedo) * cover


def _lamps(
    scene: Surfaces,
    light: Daylight,
    number: NDArray[np.int32],
    kind: NDArray[np.int32],
    u: Floats,
    v: Floats,
) -> Floats:
    """Light (M, 3) from rooms, some of which are lit at this visit."""
    cell = np.floor(np.stack((u, v), axis=1) * scene.cells[number])
    seed = number * 12.9898 + cell[:, 0] * 78.233 + cell[:, 1] * 37.719 + light.cloud_shift[0] * 99
    chance = np.sin(seed) * 43758.5453 % 1.0
    on = (chance < light.lit) & (kind == Kind.BUILDING)
    warm = np.array([0.55, 0.38, 0.18], dtype=np.float32)
    brightness = on * (0.4 + chance / max(light.lit, 1e-6))
    return np.asarray(warm * brightness[:, None], dtype=np.float32)
