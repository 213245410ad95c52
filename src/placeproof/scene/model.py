"""What everything in a street is made of: textured rectangles."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Vector = tuple[float, float, float]
WHITE: Vector = (1.0, 1.0, 1.0)


class Kind(IntEnum):
    """What a surface belongs to."""

    GROUND = 0
    BUILDING = 1
    FURNITURE = 2
    TREE = 3
    LEAF = 4
    CAR = 5
    SKYLINE = 6


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A textured rectangle in space; seen from the side that ``along x up`` points to.

    Attributes:
        corner: Its lower left corner, metres.
        along: Edge from there to the lower right corner, metres.
        up: Edge from there to the upper left corner, at a right angle to ``along``, metres.
        texture: Number of its texture in the atlas.
        kind: What it belongs to.
        repeat: How often the texture is laid along each edge; whole numbers where it is
            painted for this very rectangle.
        tint: Colour that multiplies the texture.
        two_sided: Whether it is seen from behind, too.
        cutout: Whether the texture has holes.
        cells: Columns and rows of windows, each of which is lit or dark at night.
        gloss: How much of the sky it mirrors, in [0, 1].
    """

    corner: Vector
    along: Vector
    up: Vector
    texture: int
    kind: Kind
    repeat: tuple[float, float] = (1.0, 1.0)
    tint: Vector = WHITE
    two_sided: bool = False
    cutout: bool = False
    cells: tuple[int, int] = (1, 1)
    gloss: float = 0.0


def box(
    low: Vector,
    high: Vector,
    texture: int,
    kind: Kind,
    *,
    tint: Vector = WHITE,
    tile: float | None = None,
    gloss: float = 0.0,
) -> list[Rectangle]:
    """The six faces of an upright box between two corners; front is towards negative y.

    Args:
        low: The corner with the smallest coordinates.
        high: The corner with the largest.
        texture: For all faces.
        kind: What the box belongs to.
        tint: Colour that multiplies the texture.
        tile: Metres that the texture covers once; None lays it once on every face.
        gloss: How much of the sky it mirrors.
    """
    (x0, y0, z0), (x1, y1, z1) = low, high
    w, d, h = x1 - x0, y1 - y0, z1 - z0
    faces: list[tuple[Vector, Vector, Vector]] = [
        ((x0, y0, z0), (w, 0, 0), (0, 0, h)),
        ((x1, y0, z0), (0, d, 0), (0, 0, h)),
        ((x1, y1, z0), (-w, 0, 0), (0, 0, h)),
        ((x0, y1, z0), (0, -d, 0), (0, 0, h)),
        ((x0, y0, z1), (w, 0, 0), (0, d, 0)),
        ((x0, y1, z0), (w, 0, 0), (0, -d, 0)),
    ]
    return [
        Rectangle(
            corner,
            along,
            up,
            texture,
            kind,
            (1.0, 1.0) if tile is None else (math.hypot(*along) / tile, math.hypot(*up) / tile),
            tint,
            gloss=gloss,
        )
        for corner, along, up in faces
    ]


def placed(
    rectangles: Iterable[Rectangle], x: float, y: float, z: float = 0.0, turn: float = 0.0
) -> list[Rectangle]:
    """Rectangles turned by ``turn`` degrees from x towards y, then moved."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))

    def turned(v: Vector) -> Vector:
        return (c * v[0] - s * v[1], s * v[0] + c * v[1], v[2])

    def moved(v: Vector) -> Vector:
        a, b, h = turned(v)
        return (a + x, b + y, h + z)

    return [
        replace(r, corner=moved(r.corner), along=turned(r.along), up=turned(r.up))
        for r in rectangles
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Surfaces:
    """Rectangles as arrays; a rectangle's index is its surface number.

    Attributes:
        corner: (Q, 3) float64.
        normal: (Q, 3) float64, unit length.
        across: (Q, 3) float64; the scalar product with a point's distance from the corner is u,
            0 to 1 from left to right.
        upward: (Q, 3) float64, likewise for v, 0 to 1 from bottom to top.
        size: (Q, 2) lengths of the edges, metres.
        texture: (Q,) int.
        kind: (Q,) int, of :class:`Kind`.
        repeat: (Q, 2).
        tint: (Q, 3).
        cells: (Q, 2).
        gloss: (Q,).
        two_sided: (Q,) bool.
        cutout: (Q,) bool.
        present: (Q,) bool; leaves are not there in winter, but keep their numbers.
    """

    corner: NDArray[np.float64]
    normal: NDArray[np.float64]
    across: NDArray[np.float64]
    upward: NDArray[np.float64]
    size: Floats
    texture: NDArray[np.int32]
    kind: NDArray[np.int32]
    repeat: Floats
    tint: Floats
    cells: Floats
    gloss: Floats
    two_sided: NDArray[np.bool_]
    cutout: NDArray[np.bool_]
    present: NDArray[np.bool_]

    def corners(self) -> NDArray[np.float64]:
        """All four corners, (Q, 4, 3)."""
        along = self.across / (self.across**2).sum(axis=1, keepdims=True)
        up = self.upward / (self.upward**2).sum(axis=1, keepdims=True)
        steps = [np.zeros_like(along), along, along + up, up]
        return np.stack([self.corner + step for step in steps], axis=1)


def surfaces(rectangles: Sequence[Rectangle]) -> Surfaces:
    """Packs rectangles into arrays, in order, all present."""
    along = np.array([r.along for r in rectangles], dtype=np.float64)
    up = np.array([r.up for r in rectangles], dtype=np.float64)
    lengths = np.stack([np.linalg.norm(along, axis=1), np.linalg.norm(up, axis=1)], axis=1)
    return Surfaces(
        corner=np.array([r.corner for r in rectangles], dtype=np.float64),
        normal=np.cross(along, up) / lengths.prod(axis=1, keepdims=True),
        across=along / lengths[:, :1] ** 2,
        upward=up / lengths[:, 1:] ** 2,
        size=lengths.astype(np.float32),
        texture=np.array([r.texture for r in rectangles], dtype=np.int32),
        kind=np.array([r.kind for r in rectangles], dtype=np.int32),
        repeat=np.array([r.repeat for r in rectangles], dtype=np.float32),
        tint=np.array([r.tint for r in rectangles], dtype=np.float32),
        cells=np.array([r.cells for r in rectangles], dtype=np.float32),
        gloss=np.array([r.gloss for r in rectangles], dtype=np.float32),
        two_sided=np.array([r.two_sided for r in rectangles], dtype=bool),
        cutout=np.array([r.cutout for r in rectangles], dtype=bool),
        present=np.ones(len(rectangles), dtype=bool),
    )
