"""Buildings: a painted front, roof, and what stands out from the wall.

A building's own axes: x along the front from left to right, as seen from the street, y away
from the street, z up; the origin is the front's lower left corner.
"""

import math
from dataclasses import replace

import numpy as np

from placeproof.scene import materials
from placeproof.scene.canvas import SCALE, lettering, triangle
from placeproof.scene.facade import Plan, paint_front, random_plan
from placeproof.scene.model import Floats, Kind, Rectangle, Vector, box
from placeproof.scene.openings import shop_name
from placeproof.scene.textures import Atlas

DEPTH = 11.0  # metres from front to back
_TILE = 6.0  # metres that a shared texture covers once


class Builder:
    """Erects buildings; keeps the textures that they share.

    Args:
        rng: Where all choices come from.
        atlas: Takes the textures.
    """

    def __init__(self, rng: np.random.Generator, atlas: Atlas) -> None:
        self.rng = rng
        self.atlas = atlas
        size = (_TILE, _TILE)
        walls = [materials.any_wall(rng)(rng, size, SCALE) for _ in range(4)]
        self._walls = [self._add(wall) for wall in walls]
        self._roofs = [self._add(materials.roof_tiles(rng, size, SCALE)) for _ in range(4)]
        self._gables = [self._add(wall[::2, ::2], triangle(120, 120)) for wall in walls]
        self._plain = self._add(materials.plain((1.0, 1.0, 1.0)))
        self._railing = self._add(materials.plain((0.12, 0.12, 0.13), (64, 64)), _bars(64))

    def building(self, plan: Plan, *, open_left: bool, open_right: bool) -> list[Rectangle]:
        """A building with the given plan.

        Args:
            plan: Its front.
            open_left: Whether there is a gap to its left, so that this side has windows.
            open_right: Likewise to its right.
        """
        shape = self.rng.choice(["flat", "along", "along", "across"])
        if shape == "across":
            plan = replace(plan, gable=float(plan.width * self.rng.uniform(0.3, 0.5)))
        parts = [self._front(plan)]
        match shape:
            case "flat":
                parts += self._flat_roof(plan)
            case "along":
                parts += self._roof_along(plan)
            case _:
                parts += self._roof_across(plan)
        width, up = plan.width, (0.0, 0.0, plan.height)
        wall = int(self.rng.choice(self._walls))
        sides: list[tuple[Vector, Vector, bool]] = [
            ((width, 0.0, 0.0), (0.0, DEPTH, 0.0), open_right),
            ((0.0, DEPTH, 0.0), (0.0, -DEPTH, 0.0), open_left),
        ]
        for corner, along, is_open in sides:
            if is_open:
                side = replace(plan, width=DEPTH, shop=False, gable=0.0)
                parts.append(replace(self._front(side), corner=corner, along=along))
            else:
                parts.append(_part(corner, along, up, wall, tiled=True))
        parts.append(_part((width, DEPTH, 0), (-width, 0, 0), up, wall, tiled=True))
        return parts + self._relief(plan)

    def _front(self, plan: Plan) -> Rectangle:
        return Rectangle(
            (0.0, 0.0, 0.0),
            (plan.width, 0.0, 0.0),
            (0.0, 0.0, plan.height + plan.gable),
            self.atlas.add(paint_front(self.rng, plan)),
            Kind.BUILDING,
            cutout=plan.gable > 0,
            cells=(plan.columns, plan.storeys + 1),
            gloss=0.5,
        )

    def _flat_roof(self, plan: Plan) -> list[Rectangle]:
        w, h = plan.width, plan.height
        top = _part((0, 0, h), (w, 0, 0), (0, DEPTH, 0), self._plain)
        return [
            *self._block((0, 0, h), (w, 0.25, h + 0.6), self._tint()),
            replace(top, tint=_grey(0.35)),
            *self._chimneys(plan, 0.0),
        ]

    def _roof_along(self, plan: Plan) -> list[Rectangle]:
        """A roof whose ridge runs along the street."""
        w, h, half = plan.width, plan.height, DEPTH / 2
        rise = float(self.rng.uniform(2.0, 4.0))
        roof, gable = int(self.rng.choice(self._roofs)), int(self.rng.choice(self._gables))
        gables = [
            _part((w, 0, h), (0, DEPTH, 0), (0, 0, rise), gable),
            _part((0, DEPTH, h), (0, -DEPTH, 0), (0, 0, rise), gable),
        ]
        return [
            _part((0, 0, h), (w, 0, 0), (0, half, rise), roof, tiled=True),
            _part((w, DEPTH, h), (-w, 0, 0), (0, -half, rise), roof, tiled=True),
            *(replace(part, cutout=True) for part in gables),
            *self._dormers(plan, rise / half),
            *self._chimneys(plan, rise),
        ]

    def _roof_across(self, plan: Plan) -> list[Rectangle]:
        """A roof behind a gable, its ridge at a right angle to the street."""
        w, h, rise = plan.width, plan.height, plan.gable
        roof, gable = int(self.rng.choice(self._roofs)), int(self.rng.choice(self._gables))
        behind = _part((w, DEPTH, h), (-w, 0, 0), (0, 0, rise), gable)
        return [
            _part((0, DEPTH, h), (0, -DEPTH, 0), (w / 2, 0, rise), roof, tiled=True),
            _part((w, 0, h), (0, DEPTH, 0), (-w / 2, 0, rise), roof, tiled=True),
            replace(behind, cutout=True),
            *self._chimneys(plan, rise * 0.6),
        ]

    def _dormers(self, plan: Plan, slope: float) -> list[Rectangle]:
        parts: list[Rectangle] = []
        if self.rng.random() < 0.5 or slope < 0.4:
            return parts
        front = self._front(Plan(1.5, 0.0, 1.5, 1, 0.1, 1, (0.9, 1.1), shop=False))
        count = max(1, plan.columns // 2)
        for i in range(count):
            x, y = (i + 0.5) * plan.width / count - 0.75, 0.7
            z = plan.height + slope * y - 0.1
            parts.append(replace(front, corner=(x, y, z)))
            high = (x + 1.5, y + 1.7 / slope, z + 1.6)
            parts += self._block((x, y, z), high, _grey(0.4))[1:]
        return parts

    def _chimneys(self, plan: Plan, rise: float) -> list[Rectangle]:
        parts = []
        for _ in range(int(self.rng.integers(0, 3))):
            x = float(self.rng.uniform(0.2, plan.width - 1.0))
            base = plan.height + rise * 0.5
            wall, high = int(self.rng.choice(self._walls)), (x + 0.7, 5.3, base + rise / 2 + 1.6)
            parts += box((x, 4.5, base), high, wall, Kind.BUILDING, tile=_TILE)
        return parts

    def _relief(self, plan: Plan) -> list[Rectangle]:
        """Cornice, awning, hanging sign, and balconies or a bay."""
        rng, w, h = self.rng, plan.width, plan.height
        tint = self._tint()
        out = float(rng.uniform(0.12, 0.4))
        parts = self._block((0, -out, h - 0.28), (w, 0, h), tint)
        if plan.shop and rng.random() < 0.6:
            parts += self._awning(plan)
        if plan.shop and rng.random() < 0.6:
            parts += self._hanging_sign(plan)
        extra = rng.random()
        if extra < 0.3:
            parts += self._balconies(plan, tint)
        elif extra < 0.5 and w > 7 and plan.storeys > 1:
            parts += self._bay(plan)
        return parts

    def _awning(self, plan: Plan) -> list[Rectangle]:
        rng, reach = self.rng, float(self.rng.uniform(0.8, 1.3))
        one = materials.colour(rng, (0, 1), (0.3, 0.75), (0.3, 0.75))
        other = one if rng.random() < 0.4 else np.full(3, 0.9, dtype=np.float32)
        even = (np.arange(256) // rng.integers(8, 40) % 2 == 0)[:, None]
        stripes = np.broadcast_to(np.where(even, one, other), (8, 256, 3))
        texture, w, z = self._add(stripes), plan.width - 0.6, plan.ground - 0.8
        cloth = [
            _part((0.3, -reach, z - 0.45), (w, 0, 0), (0, reach, 0.6), texture),
            _part((0.3, -reach, z - 0.68), (w, 0, 0), (0, 0, 0.23), texture),
        ]
        return [replace(part, two_sided=True) for part in cloth]

    def _hanging_sign(self, plan: Plan) -> list[Rectangle]:
        rng = self.rng
        ground = materials.colour(rng, (0, 1), (0.3, 0.9), (0.15, 0.9))
        ink = np.full(3, 0.95 if ground.mean() < 0.5 else 0.05, dtype=np.float32)
        board = lettering(shop_name(rng)[:8], 0.8, ink, ground)
        texture = self._add(board)
        length, x, z = 1.1, float(rng.choice([0.4, plan.width - 0.5])), plan.ground + 0.2
        height = min(0.9, length * board.shape[0] / board.shape[1] + 0.25)
        top = z + height
        return [
            _part((x, -length, z), (0, length, 0), (0, 0, height), texture),
            _part((x - 0.06, 0, z), (0, -length, 0), (0, 0, height), texture),
            *self._block((x - 0.06, -length, top), (x, 0, top + 0.05), _grey(0.15)),
        ]

    def _balconies(self, plan: Plan, tint: Vector) -> list[Rectangle]:
        parts: list[Rectangle] = []
        every, depth = int(self.rng.integers(1, 3)), float(self.rng.uniform(0.6, 1.2))
        for floor in range(plan.storeys):
            for column in range(0, plan.columns, every):
                x, w = plan.window_left(column) - 0.25, plan.window[0] + 0.5
                z = plan.sill(floor) - 0.35
                floor_level = z + 0.14
                parts += self._block((x, -depth, z), (x + w, 0, floor_level), tint)
                rails: list[tuple[Vector, Vector]] = [
                    ((x, -depth, floor_level), (w, 0, 0)),
                    ((x + w, -depth, floor_level), (0, depth, 0)),
                    ((x, -depth, floor_level), (0, depth, 0)),
                ]
                for corner, along in rails:
                    rail = _part(corner, along, (0, 0, 0.9), self._railing)
                    parts.append(replace(rail, two_sided=True, cutout=True))
        return parts

    def _bay(self, plan: Plan) -> list[Rectangle]:
        """A bay over the middle, from the first floor up, painted by a plan of its own."""
        w, depth = 2.6, 0.9
        small = replace(
            random_plan(self.rng),
            width=w,
            ground=0.0,
            storey=plan.storey,
            storeys=plan.storeys,
            top=0.0,
            columns=2,
            window=(0.95, plan.window[1]),
            shop=False,
        )
        x, z = (plan.width - w) / 2, plan.ground
        front = replace(self._front(small), corner=(x, -depth, z))
        high = (x + w, 0.0, z + small.height)
        bottom = _part((x, 0, z), (w, 0, 0), (0, -depth, 0), self._plain)
        return [front, *self._block((x, -depth, z), high, self._tint())[1:], bottom]

    def _block(self, low: Vector, high: Vector, tint: Vector) -> list[Rectangle]:
        return box(low, high, self._plain, Kind.BUILDING, tint=tint)

    def _tint(self) -> Vector:
        r, g, b = materials.colour(self.rng, (0.0, 0.2), (0.0, 0.25), (0.45, 0.9)).tolist()
        return (r, g, b)

    def _add(self, colours: Floats, alpha: Floats | None = None) -> int:
        return self.atlas.add(materials.finished(colours, alpha))


def _part(
    corner: Vector, along: Vector, up: Vector, texture: int, *, tiled: bool = False
) -> Rectangle:
    """A rectangle that a texture covers once, or once every ``_TILE`` metres."""
    repeat = (math.hypot(*along) / _TILE, math.hypot(*up) / _TILE) if tiled else (1.0, 1.0)
    return Rectangle(corner, along, up, texture, Kind.BUILDING, repeat)


def _grey(value: float) -> Vector:
    return (value, value, value)


def _bars(side: int) -> Floats:
    """1 where a railing is, (side, side)."""
    alpha = np.zeros((side, side), dtype=np.float32)
    alpha[:, ::8] = alpha[:, 1::8] = 1
    alpha[:4] = alpha[-4:] = 1
    return alpha
