"""Trees, lamps and cars: their textures, and each of them as rectangles around its own foot."""

import itertools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from placeproof.scene import materials
from placeproof.scene.canvas import GLASS
from placeproof.scene.model import Floats, Kind, Rectangle, Vector, box, placed
from placeproof.scene.textures import Atlas, noise

CAR_WIDTH = 1.8
# Outlines of cars, from the front bumper over the roof to the rear one: (x, z), metres.
_PROFILES: dict[str, tuple[tuple[float, float], ...]] = {
    "hatchback": (
        (0, 0.3), (0, 0.75), (1.0, 0.92), (1.7, 1.45), (3.1, 1.45), (3.7, 0.95), (3.75, 0.3),
    ),
    "estate": (
        (0, 0.3), (0, 0.72), (1.25, 0.9), (1.95, 1.42), (3.9, 1.45), (4.4, 0.95), (4.45, 0.3),
    ),
    "saloon": (
        (0, 0.3), (0, 0.7), (1.2, 0.88), (1.9, 1.4), (3.0, 1.4), (3.7, 0.95), (4.4, 0.9),
        (4.45, 0.3),
    ),
    "van": (
        (0, 0.35), (0, 0.95), (0.7, 1.15), (1.3, 2.0), (4.7, 2.1), (4.8, 2.0), (4.85, 0.35),
    ),
}  # fmt: skip
_PAINTS: tuple[Vector, ...] = (
    (0.9, 0.9, 0.9), (0.75, 0.76, 0.78), (0.12, 0.12, 0.13), (0.3, 0.31, 0.33), (0.55, 0.08, 0.08),
    (0.1, 0.18, 0.42), (0.16, 0.32, 0.22), (0.8, 0.7, 0.45), (0.85, 0.45, 0.1), (0.35, 0.6, 0.75),
)  # fmt: skip


class Furnisher:
    """Makes what stands in a street; keeps the textures that these things share.

    Args:
        rng: Where the textures come from.
        atlas: Takes the textures.
    """

    def __init__(self, rng: np.random.Generator, atlas: Atlas) -> None:
        self._atlas = atlas
        self._plain = self._add(materials.plain((1.0, 1.0, 1.0)))
        bark = 0.32 * (1 + 0.25 * noise(rng, (256, 64), (64, 4), 4))[..., None]
        self._bark = self._add(np.asarray(bark * np.array([1, 0.85, 0.7]), dtype=np.float32))
        self._bare = [self._add(*_bare_tree(rng)) for _ in range(3)]
        self._leaves = [self._add(*_leaf_cluster(rng)) for _ in range(4)]
        dark = materials.plain((0.08, 0.1, 0.12))
        self._glass = self._add(dark, np.full((4, 4), GLASS, np.float32))
        lights: tuple[Vector, Vector] = ((0.95, 0.95, 0.85), (0.7, 0.05, 0.05))
        self._ends = [self._add(_car_end(light)) for light in lights]
        self._sides = {name: self._add(*_car_side(name)) for name in _PROFILES}

    def tree(self, rng: np.random.Generator) -> list[Rectangle]:
        """A tree with trunk, branches and leaves."""
        height, crown = float(rng.uniform(6.0, 10.0)), float(rng.uniform(1.6, 2.6))
        girth = float(rng.uniform(0.09, 0.16))
        bole = height * 0.45
        parts = box((-girth, -girth, 0), (girth, girth, bole), self._bark, Kind.TREE)
        for turn in (0.0, 60.0, 120.0):
            picture = self._bare[rng.integers(len(self._bare))]
            crossed = Rectangle(
                (-crown * 1.2, 0, bole - 1.2), (2.4 * crown, 0, 0), (0, 0, height - bole + 1.2),
                picture, Kind.TREE, two_sided=True, cutout=True,
            )  # fmt: skip
            parts += placed([crossed], 0, 0, 0, turn)
        middle, half = bole + (height - bole) * 0.5, (height - bole) * 0.62
        green = rng.uniform((0.75, 0.85, 0.6), (1.1, 1.1, 1.0))
        for _ in range(26):
            way = rng.standard_normal(3)
            way *= rng.uniform(0.45, 1.0) / np.linalg.norm(way)
            x, y, z = way * (crown, crown, half)
            parts.append(self._spray(rng, (x, y, middle + z), green * rng.uniform(0.75, 1.2)))
        return parts

    def lamp(self, rng: np.random.Generator) -> list[Rectangle]:
        """A lamp post; its arm points towards negative y."""
        shade = float(rng.uniform(0.12, 0.45))
        height, tint = float(rng.uniform(4.5, 6.5)), (shade, shade, shade)
        return [
            *self._block((-0.06, -0.06, 0), (0.06, 0.06, height), tint),
            *self._block((-0.1, -0.1, 0), (0.1, 0.1, 0.9), tint),
            *self._block((-0.04, -1.2, height), (0.04, 0.06, height + 0.08), tint),
            *self._block((-0.14, -1.5, height - 0.06), (0.14, -0.9, height + 0.1), (0.7, 0.7, 0.7)),
        ]

    def bench_or_bin(self, rng: np.random.Generator) -> list[Rectangle]:
        """A bench, or a litter bin, or a cabinet."""
        r, g, b = materials.colour(rng, (0.0, 0.6), (0.2, 0.7), (0.2, 0.6)).tolist()
        if rng.random() < 0.4:
            return [
                *self._block((-0.8, -0.2, 0.4), (0.8, 0.2, 0.48), (r, g, b)),
                *self._block((-0.8, 0.2, 0.5), (0.8, 0.26, 0.95), (r, g, b)),
                *self._block((-0.7, -0.2, 0), (-0.62, 0.2, 0.4), (0.2, 0.2, 0.2)),
                *self._block((0.62, -0.2, 0), (0.7, 0.2, 0.4), (0.2, 0.2, 0.2)),
            ]
        w, h = float(rng.uniform(0.2, 0.6)), float(rng.uniform(0.8, 1.4))
        return self._block((-w, -0.2, 0), (w, 0.2, h), (r, g, b))

    def car(self, rng: np.random.Generator) -> list[Rectangle]:
        """A car; its middle is the origin and its bonnet points towards negative x."""
        name = str(rng.choice(list(_PROFILES)))
        profile = _PROFILES[name]
        tint = _PAINTS[rng.integers(len(_PAINTS))]
        length, height, w = profile[-1][0], max(z for _, z in profile), CAR_WIDTH
        body = Rectangle(
            (0, 0, 0), (length, 0, 0), (0, 0, height), self._sides[name], Kind.CAR,
            tint=tint, cutout=True, two_sided=True, gloss=0.4,
        )  # fmt: skip
        parts = [body, replace(body, corner=(0, w, 0))]
        last = len(profile) - 2
        for i, ((x0, z0), (x1, z1)) in enumerate(itertools.pairwise(profile)):
            steep = abs(z1 - z0) > 0.4 * abs(x1 - x0)
            texture = self._plain
            if i in (0, last):
                texture = self._ends[i > 0]
            elif steep:
                texture = self._glass
            parts.append(
                Rectangle(
                    (x0, w, z0),
                    (0, -w, 0),
                    (x1 - x0, 0, z1 - z0),
                    texture,
                    Kind.CAR,
                    tint=tint if texture != self._glass else (1, 1, 1),
                    gloss=0.4,
                )
            )
        under = Rectangle((0, 0, 0.22), (length, 0, 0), (0, w, 0), self._plain, Kind.CAR)
        parts.append(replace(under, tint=(0.02, 0.02, 0.02), two_sided=True))
        return placed(parts, -length / 2, -w / 2)

    def _block(self, low: Vector, high: Vector, tint: Vector) -> list[Rectangle]:
        return box(low, high, self._plain, Kind.FURNITURE, tint=tint)

    def _spray(
        self, rng: np.random.Generator, centre: Vector, tint: NDArray[np.float64]
    ) -> Rectangle:
        """A square of leaves, turned anyhow."""
        turned = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        side = float(rng.uniform(1.5, 2.4))
        along, up = turned[0] * side, turned[1] * side
        corner = np.asarray(centre) - (along + up) / 2
        (cx, cy, cz), (ax, ay, az), (ux, uy, uz) = corner.tolist(), along.tolist(), up.tolist()
        r, g, b = tint.tolist()
        return Rectangle(
            (cx, cy, cz), (ax, ay, az), (ux, uy, uz), self._leaves[rng.integers(len(self._leaves))],
            Kind.LEAF, tint=(r, g, b), two_sided=True, cutout=True,
        )  # fmt: skip

    def _add(self, colours: Floats, alpha: Floats | None = None) -> int:
        return self._atlas.add(materials.finished(colours, alpha))


def _bare_tree(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A tree without leaves, and where it is."""
    side = 384
    mask = Image.new("L", (side, side))
    pen = ImageDraw.Draw(mask)

    def branch(x: float, y: float, angle: float, length: float, width: float) -> None:
        x1, y1 = x + length * np.sin(angle), y - length * np.cos(angle)
        pen.line((x, y, x1, y1), fill=255, width=max(1, round(width)))
        if length > 9:
            for _ in range(int(rng.integers(2, 4))):
                turn = rng.normal(0, 0.5)
                branch(x1, y1, angle + turn, length * rng.uniform(0.65, 0.85), width * 0.68)

    branch(side / 2, side, 0.0, side * 0.24, 11)
    alpha = _unit(mask)
    shade = 0.25 * (1 + 0.2 * noise(rng, (side, side), (16, 16), 3))[..., None]
    return np.asarray(shade * np.array([1.0, 0.88, 0.78]), dtype=np.float32), alpha


def _leaf_cluster(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Leaves in a loose round heap, and where they are."""
    side, count = 128, 420
    picture, mask = Image.new("RGB", (side, side), (60, 90, 40)), Image.new("L", (side, side))
    paint, cut = ImageDraw.Draw(picture), ImageDraw.Draw(mask)
    for _ in range(count):
        way, far = rng.uniform(0, 2 * np.pi), 0.46 * side * np.sqrt(rng.random())
        x, y = side / 2 + far * np.cos(way), side / 2 + far * np.sin(way)
        a, b = rng.uniform(2, 4.5, 2)
        light = rng.uniform(0.55, 1.25)
        green = tuple(int(c * light) for c in (85 + rng.integers(-20, 25), 125, 55))
        paint.ellipse((x - a, y - b, x + a, y + b), fill=green)
        cut.ellipse((x - a, y - b, x + a, y + b), fill=255)
    return _unit(picture), _unit(mask)


def _car_side(name: str) -> tuple[Floats, Floats]:
    """A car from its side, in white, and where it is; GLASS where it is glass."""
    profile, scale = _PROFILES[name], 100
    length, height = profile[-1][0], max(z for _, z in profile)
    size = (round(length * scale), round(height * scale))
    picture, mask = Image.new("RGB", size, (235, 235, 235)), Image.new("L", size)
    paint, cut = ImageDraw.Draw(picture), ImageDraw.Draw(mask)

    def pixels(points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
        return [(x * scale, (height - z) * scale) for x, z in points]

    cut.polygon(pixels(profile), fill=255)
    (x0, _), (x1, _), (x2, _), (x3, _) = profile[2:6]
    low, high = profile[2][1] + 0.03, height - 0.08
    back = x3 - 0.35 if name != "van" else x1 + 1.0
    glass = pixels(((x0 + 0.25, low), (x1 + 0.08, high), (min(x2, back), high), (back, low)))
    paint.polygon(glass, fill=(25, 32, 38))
    cut.polygon(glass, fill=round(255 * GLASS))
    middle = (x0 + back) / 2 + 0.2
    for x in (middle, middle + 0.03):
        paint.line(pixels(((x, 0.35), (x, high))), fill=(60, 60, 60), width=4)
    paint.line(pixels(((0.05, 0.62), (length, 0.66))), fill=(190, 190, 190), width=3)
    paint.rectangle((0, (height - 0.36) * scale, size[0], size[1]), fill=(45, 45, 45))
    for x in (0.75, length - 0.8):
        for radius, fill in ((0.34, (18, 18, 18)), (0.2, (150, 150, 155)), (0.06, (60, 60, 60))):
            corners = ((x - radius, 0.32 + radius), (x + radius, 0.32 - radius))
            disc = [coordinate for corner in pixels(corners) for coordinate in corner]
            paint.ellipse(disc, fill=fill)
            if radius == 0.34:
                cut.ellipse(disc, fill=255)
    return _unit(picture), _unit(mask)


def _car_end(lights: Vector) -> Floats:
    """The front or the rear of a car, in white."""
    end = np.full((48, 128, 3), 0.92, dtype=np.float32)
    end[8:22, 4:26] = end[8:22, -26:-4] = lights
    end[26:38, 44:84] = (0.85, 0.85, 0.8)  # the number plate
    end[10:22, 34:94] = 0.15
    end[42:] = 0.2
    return end


def _unit(picture: Image.Image) -> Floats:
    """A picture's channels as numbers in [0, 1]."""
    return np.asarray(np.asarray(picture, dtype=np.float32) / 255, dtype=np.float32)
