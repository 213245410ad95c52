"""What is seen beyond a street: a ring of far buildings and hills."""

import numpy as np

from placeproof.scene import materials
from placeproof.scene.model import Floats, Kind, Rectangle, placed
from placeproof.scene.textures import Atlas, noise

_SIDES = 10
_HEIGHT = 42.0  # metres


def skyline(rng: np.random.Generator, atlas: Atlas, distance: float) -> list[Rectangle]:
    """A ring of pictures at a distance from the origin, each with its own outline."""
    width = float(2 * distance * np.tan(np.pi / _SIDES))
    parts: list[Rectangle] = []
    for side in range(_SIDES):
        texture = atlas.add(materials.finished(*_far_buildings(rng, width)))
        panel = Rectangle(
            (-width / 2, distance, 0), (width, 0, 0), (0, 0, _HEIGHT), texture, Kind.SKYLINE,
            cutout=True, gloss=0.2,
        )  # fmt: skip
        parts += placed([panel], 0, 0, 0, 360.0 / _SIDES * side)
    return parts


def _far_buildings(rng: np.random.Generator, width: float) -> tuple[Floats, Floats]:
    scale = 8  # pixels a metre
    rows, columns = round(_HEIGHT * scale), round(width * scale)
    colours = np.full((rows, columns, 3), 0.4, dtype=np.float32)
    alpha = np.zeros((rows, columns), dtype=np.float32)
    hill = rows * (0.35 + 0.08 * noise(rng, (1, columns), (1, columns / 2), 3)[0])
    below = (rows - np.arange(rows))[:, None] < hill[None]
    colours[below] = (0.32, 0.4, 0.3)
    alpha[below] = 1
    for _ in range(int(width / 4)):
        w, h = int(rng.uniform(7, 18) * scale), int(rng.uniform(0.25, 0.75) * rows)
        left = int(rng.uniform(-w, columns))
        part = (slice(rows - h, rows), slice(max(0, left), min(columns, left + w)))
        wall = materials.colour(rng, (0.0, 0.15), (0.05, 0.4), (0.4, 0.8))
        colours[part], alpha[part] = wall, 1
        step = int(rng.uniform(2.2, 3.5) * scale)
        for y in range(rows - h + step // 2, rows, step):
            for x in range(part[1].start + step // 3, part[1].stop - step // 2, step):
                window = (slice(y, y + step // 2), slice(x, x + step // 3))
                colours[window] = rng.uniform(0.08, 0.3)
                alpha[window] = 0.6
    return colours, alpha
