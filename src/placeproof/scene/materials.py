"""Procedural materials: pictures of walls, roofs and ground, each different for each seed."""

import colorsys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from placeproof.scene.model import Floats, Vector
from placeproof.scene.textures import noise, tileable_noise

Size = tuple[float, float]  # width and height, metres
Material = Callable[[np.random.Generator, Size, float], Floats]


def colour(rng: np.random.Generator, hues: Size, saturations: Size, values: Size) -> Floats:
    """A random sRGB colour, (3,), with hue, saturation and value from ranges."""
    rgb = colorsys.hsv_to_rgb(
        rng.uniform(*hues) % 1.0, rng.uniform(*saturations), rng.uniform(*values)
    )
    return np.array(rgb, dtype=np.float32)


def finished(colours: Floats, alpha: Floats | None = None) -> NDArray[np.uint8]:
    """A texture (H, W, 4) for the atlas, from (H, W, 3) and (H, W) in [0, 1]."""
    opaque = np.ones(colours.shape[:2], dtype=np.float32) if alpha is None else alpha
    joined = np.concatenate((colours, opaque[..., None]), axis=-1)
    return (joined.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def brick(rng: np.random.Generator, size: Size, scale: float) -> Floats:
    """A brick wall, (H, W, 3), ``scale`` pixels a metre."""
    dark = rng.random() < 0.3
    base = colour(rng, (0.0, 0.09), (0.3, 0.65), (0.3, 0.45) if dark else (0.45, 0.75))
    mortar = np.float32(rng.uniform(0.35, 0.75))
    return _courses(rng, size, scale, base, (0.23, 0.075), 0.012, mortar, rng.uniform(0.06, 0.16))


def stone(rng: np.random.Generator, size: Size, scale: float) -> Floats:
    """Blocks of ashlar or sandstone."""
    base = colour(rng, (0.06, 0.14), (0.05, 0.35), (0.5, 0.8))
    block = (rng.uniform(0.45, 0.9), rng.uniform(0.25, 0.45))
    return _courses(rng, size, scale, base, block, 0.02, base.mean() * 0.75, rng.uniform(0.04, 0.1))


def plaster(rng: np.random.Generator, size: Size, scale: float) -> Floats:
    """Painted plaster, weathered."""
    kind = rng.integers(4)
    saturations = ((0.0, 0.12), (0.15, 0.4), (0.3, 0.6), (0.08, 0.25))[kind]
    base = colour(rng, (0.0, 0.14) if kind < 3 else (0.3, 1.0), saturations, (0.6, 0.92))
    shape = _shape(size, scale)
    picture = np.broadcast_to(base, (*shape, 3)).astype(np.float32)
    picture = picture * (1 + 0.05 * noise(rng, shape, (scale * 2, scale * 2), 5)[..., None])
    return picture * (1 + 0.025 * noise(rng, shape, (4, 4), 2)[..., None])


def boards(rng: np.random.Generator, size: Size, scale: float) -> Floats:
    """Horizontal weatherboards."""
    base = colour(rng, (0.0, 1.0), (0.05, 0.4), (0.5, 0.9))
    height, width = _shape(size, scale)
    course = rng.uniform(0.14, 0.24)
    place = (np.arange(height, dtype=np.float32) / scale / course) % 1.0
    shade = np.where(place > 0.85, 0.72, 1.0 - 0.1 * place)[:, None, None]
    grain = noise(rng, (height, width), (3, scale * 2), 3)[..., None]
    return (base * shade * (1 + 0.05 * grain)).astype(np.float32)


def concrete(rng: np.random.Generator, size: Size, scale: float) -> Floats:
    """Concrete or metal panels with joints."""
    base = colour(rng, (0.05, 0.65), (0.0, 0.15), (0.4, 0.75))
    panel = (rng.uniform(1.2, 3.0), rng.uniform(0.8, 3.0))
    return _courses(rng, size, scale, base, panel, 0.03, base.mean() * 0.6, 0.05, bond=False)


WALLS: Sequence[Material] = (brick, brick, plaster, plaster, plaster, stone, boards, concrete)


def any_wall(rng: np.random.Generator) -> Material:
    """One of the materials of walls."""
    return WALLS[int(rng.integers(len(WALLS)))]


def weather(rng: np.random.Generator, wall: Floats, scale: float) -> Floats:
    """Adds rain streaks, patches and a dirty foot to a wall (H, W, 3)."""
    height, width = wall.shape[:2]
    strength = rng.uniform(0.03, 0.1)
    streaks = noise(rng, (height, width), (scale * 5, scale * 0.25), 3)
    patches = noise(rng, (height, width), (scale * 1.5, scale * 1.5), 5)
    above_ground = (height - np.arange(height, dtype=np.float32)) / scale
    foot = 1 - 0.25 * np.exp(-above_ground / 0.5)
    shade = (1 + strength * streaks) * (1 - 0.12 * (patches > 1.2)) * foot[:, None]
    return np.asarray(wall * shade[..., None], dtype=np.float32)


def roof_tiles(rng: np.random.Generator, size: Size, scale: float) -> Floats:
    """Clay tiles or slates."""
    clay = rng.random() < 0.6
    base = (
        colour(rng, (0.0, 0.07), (0.35, 0.65), (0.35, 0.6))
        if clay
        else colour(rng, (0.55, 0.7), (0.03, 0.2), (0.25, 0.45))
    )
    tiles = _courses(rng, size, scale, base, (0.3, 0.3), 0.03, base.mean() * 0.5, 0.1)
    moss = noise(rng, tiles.shape[:2], (scale * 2, scale * 2), 4)[..., None] > 1.3
    return np.where(moss, tiles * np.array([0.8, 0.95, 0.7], np.float32), tiles)


def asphalt(rng: np.random.Generator, size: Size, scale: float) -> Floats:
    """A road's surface: patched, stained, cracked."""
    shape = _shape(size, scale)
    base = np.full((*shape, 3), rng.uniform(0.28, 0.42), dtype=np.float32)
    shade = 1 + 0.07 * noise(rng, shape, (scale * 1.5, scale * 9), 4)  # worn along the road
    shade *= 1 + 0.07 * noise(rng, shape, (2, 2), 1)
    cracks = np.abs(noise(rng, shape, (scale * 4, scale * 4), 5)) < 0.008
    shade *= np.where(cracks, 0.75, 1.0)
    for _ in range(int(rng.integers(4, 12))):  # mended places
        y, x = int(rng.uniform(0, shape[0])), int(rng.uniform(0, shape[1]))
        h, w = int(rng.uniform(0.5, 2.5) * scale), int(rng.uniform(0.5, 5) * scale)
        shade[y : y + h, x : x + w] *= rng.uniform(0.75, 1.2)
    for _ in range(int(rng.integers(3, 8))):  # manholes
        middle = rng.uniform((0, 0), shape)
        radius = rng.uniform(0.25, 0.35) * scale
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        shade[(rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < radius**2] *= 0.6
    return np.asarray(base * shade[..., None], dtype=np.float32)


def paving(rng: np.random.Generator, size: Size, scale: float) -> Floats:
    """Slabs of a pavement."""
    base = colour(rng, (0.05, 0.12), (0.02, 0.15), (0.45, 0.65))
    slab = (rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.6))
    slabs = _courses(rng, size, scale, base, slab, 0.02, base.mean() * 0.6, 0.05)
    gum = noise(rng, slabs.shape[:2], (scale, scale), 4)[..., None]
    return slabs * (1 + 0.06 * gum)


def grain(rng: np.random.Generator, side: int = 512) -> Floats:
    """Fine relief of every surface near by, (side, side), mean 0; its edges fit."""
    return 0.8 * tileable_noise(rng, side, 128, 2) + 0.3 * tileable_noise(rng, side, 8, 4)


def plain(tint: Vector | Floats, shape: tuple[int, int] = (4, 4)) -> Floats:
    """One colour everywhere."""
    return np.broadcast_to(np.asarray(tint, np.float32), (*shape, 3)).copy()


def _shape(size: Size, scale: float) -> tuple[int, int]:
    return max(1, round(size[1] * scale)), max(1, round(size[0] * scale))


def _courses(
    rng: np.random.Generator,
    size: Size,
    scale: float,
    base: Floats,
    block: Size,
    joint: float,
    joint_value: np.floating | float,
    variation: float,
    *,
    bond: bool = True,
) -> Floats:
    """Blocks of ``block`` metres in rows, every other row shifted if in bond."""
    height, width = _shape(size, scale)
    y = np.arange(height, dtype=np.float32) / scale / block[1]
    row = np.floor(y).astype(int)
    shift = (row % 2) * 0.5 * bond
    x = np.arange(width, dtype=np.float32)[None] / scale / block[0] + shift[:, None]
    column = np.floor(x).astype(int)
    shades = 1 + variation * rng.standard_normal((row.max() + 1, column.max() + 1))
    hues = 1 + variation * 0.25 * rng.standard_normal((row.max() + 1, column.max() + 1, 3))
    blocks = base * (shades[..., None] * hues).astype(np.float32)
    picture = blocks[row[:, None], column]
    # A joint thinner than a pixel darkens the pixel in part.
    pixel = 1 / scale
    thin = min(1.0, joint / pixel)
    wide = max(joint, pixel)
    in_joint = ((x - column) * block[0] < wide) | (((y - row) * block[1] < wide)[:, None])
    weight = (in_joint * np.float32(thin))[..., None]
    picture = picture * (1 - weight) + np.float32(joint_value) * weight
    return np.asarray(
        picture * (1 + 0.05 * noise(rng, (height, width), (scale * 3, scale * 3), 4)[..., None]),
        dtype=np.float32,
    )
