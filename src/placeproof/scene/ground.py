"""What is underfoot: road with markings, kerbs and pavements.

Axes: x along the street, y to its left, z up; the origin is the middle of the road.
"""

from dataclasses import replace

import numpy as np

from placeproof.scene import materials
from placeproof.scene.model import WHITE, Floats, Kind, Rectangle, box
from placeproof.scene.textures import Atlas

KERB = 0.13  # metres
_SCALE = 28.0  # pixels a metre
_SECTION = 28.0  # metres of road that one texture covers


def ground(
    rng: np.random.Generator, atlas: Atlas, road_width: float, pavement_width: float, end: float
) -> list[Rectangle]:
    """Road and pavements from ``-end`` to at least ``end``, and bare ground around them."""
    half = road_width / 2
    base = atlas.add(materials.finished(materials.asphalt(rng, (12.0, 12.0), _SCALE)))
    plane = Rectangle((-200, -200, -0.01), (400, 0, 0), (0, 400, 0), base, Kind.GROUND)
    parts = [replace(plane, repeat=(33.3, 33.3))]
    size = (_SECTION, pavement_width)
    paving = [materials.finished(materials.paving(rng, size, _SCALE)) for _ in range(2)]
    slabs = [atlas.add(texture) for texture in paving]
    dashed = bool(rng.random() < 0.7)
    sections = int(np.ceil(2 * end / _SECTION))
    for i in range(sections):
        x = -end + i * _SECTION
        picture = _road(rng, road_width, dashed=dashed, crossing=i in (1, sections - 2))
        road = atlas.add(materials.finished(picture))
        parts.append(
            Rectangle((x, -half, 0), (_SECTION, 0, 0), (0, road_width, 0), road, Kind.GROUND)
        )
        for y in (half, -half - pavement_width):
            high = (x + _SECTION, y + pavement_width, KERB)
            raised = box((x, y, 0), high, base, Kind.GROUND, tile=12.0, tint=(1.5, 1.5, 1.45))
            top = replace(raised[4], texture=slabs[i % 2], repeat=(1.0, 1.0), tint=WHITE)
            parts += [raised[0], raised[2], top]
    return parts


def _road(rng: np.random.Generator, width: float, *, dashed: bool, crossing: bool) -> Floats:
    """A section of road with its markings, (H, W, 3)."""
    picture = materials.asphalt(rng, (_SECTION, width), _SCALE)
    worn = 0.75 + 0.2 * rng.random(picture.shape[:2], dtype=np.float32)[..., None]

    def line(x: float, y: float, w: float, h: float) -> None:
        x0, y0, x1, y1 = (round(edge * _SCALE) for edge in (x, y, x + w, y + h))
        picture[y0:y1, x0:x1] = 0.85 * worn[y0:y1, x0:x1]

    for x in np.arange(0, _SECTION, 4.0):
        if dashed:
            line(x, width / 2 - 0.06, 2.0, 0.12)
        for y in (2.1, width - 2.2):  # bays for parking
            line(x, y, 0.9, 0.09)
    gutter = round(0.2 * _SCALE)
    picture[:gutter] *= 0.75
    picture[-gutter:] *= 0.75
    if crossing:
        for y in np.arange(0.5, width - 0.6, 1.0):
            line(8.0, y, 3.0, 0.5)
    return picture
