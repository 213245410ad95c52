"""A street from a seed: what stands where."""

import math
from dataclasses import replace

import numpy as np

from placeproof.location import Location
from placeproof.scene import materials
from placeproof.scene.building import Builder
from placeproof.scene.facade import random_plan
from placeproof.scene.furniture import CAR_WIDTH, Furnisher
from placeproof.scene.ground import KERB, ground
from placeproof.scene.model import Kind, Rectangle, Surfaces, Vector, placed, surfaces
from placeproof.scene.skyline import skyline
from placeproof.scene.tangent_plane import TangentPlane
from placeproof.scene.textures import Atlas
from placeproof.scene.visit import Season, Visit

HALF_LENGTH = 56.0  # metres from the middle of a street to its ends
# Rendered streets lie in the open Atlantic, so that nobody takes them for a real place.
NOWHERE = Location(45.0, -30.0)


class Street:
    """A straight street of 112 m with buildings, side streets, trees, lamps and parked cars.

    World axes: x east, y north, z up, in metres; the origin is the middle of the road. All is a
    pure function of the seed.

    Args:
        seed: 0 or more; any street has its own.
        origin: Where on Earth the middle of the road lies.

    Attributes:
        seed: The seed.
        plane: World positions as places on Earth.
        bearing: Compass bearing along the street, degrees.
        road_width: Metres between the kerbs.
        pavement_width: Metres from a kerb to the fronts.
        atlas: All textures.
        grain: Number of the texture that lends every surface fine relief.
    """

    def __init__(self, seed: int, origin: Location = NOWHERE) -> None:
        rng = np.random.default_rng([seed, 0])
        self.seed = seed
        self.plane = TangentPlane(origin)
        self.bearing = float(rng.uniform(0.0, 360.0))
        self.road_width = float(rng.uniform(6.5, 10.0))
        self.pavement_width = float(rng.uniform(2.2, 4.0))
        self.atlas = Atlas()
        relief = 0.5 + 0.12 * materials.grain(rng)
        self.grain = self.atlas.add(materials.finished(np.stack((relief,) * 3, axis=-1)))
        self._furnisher = Furnisher(rng, self.atlas)
        widths = (self.road_width, self.pavement_width)
        parts = ground(rng, self.atlas, *widths, HALF_LENGTH + 12.0)
        parts += self._rows(rng, Builder(rng, self.atlas))
        parts += self._planted(rng)
        parts += skyline(rng, self.atlas, HALF_LENGTH + 55.0)
        self.atlas.close()
        self._fixed = self._in_world(parts)

    def position(self, along: float, left: float, height: float) -> Vector:
        """A point in the world, metres.

        Args:
            along: From the middle of the street towards :attr:`bearing`.
            left: From the middle of the road to its left, looking that way.
            height: Above the road.
        """
        c, s = math.cos(math.radians(self.bearing)), math.sin(math.radians(self.bearing))
        return (along * s - left * c, along * c + left * s, height)

    def location(self, position: Vector) -> Location:
        """The place on Earth of a point in the world."""
        return self.plane.location(position[0], position[1])

    def scene(self, visit: Visit) -> Surfaces:
        """Everything there is at a visit. What stands fixed has the same numbers at every one."""
        rng = np.random.default_rng([self.seed, visit.seed, 1])
        scene = surfaces(self._fixed + self._in_world(self._cars(rng)))
        if visit.season is Season.WINTER:
            return replace(scene, present=scene.kind != Kind.LEAF)
        return scene

    def _in_world(self, parts: list[Rectangle]) -> list[Rectangle]:
        """From the street's axes, x along and y to the left, to the world's."""
        return placed(parts, 0, 0, 0, 90.0 - self.bearing)

    def _rows(self, rng: np.random.Generator, builder: Builder) -> list[Rectangle]:
        """Both rows of buildings with a side street in each, and what closes the views."""
        front = self.road_width / 2 + self.pavement_width
        parts: list[Rectangle] = []
        for turn in (0.0, 180.0):
            gap_at = float(rng.uniform(-25, 25))
            x, open_left = -HALF_LENGTH, True
            while x < HALF_LENGTH - 5:
                plan = random_plan(rng)
                gap = x < gap_at <= x + plan.width
                house = builder.building(plan, open_left=open_left, open_right=gap)
                setback = float(rng.choice([0.0, 0.0, 0.0, 0.3, 0.8]))
                parts += placed(placed(house, x, front + setback), 0, 0, 0, turn)
                x += plan.width
                open_left = gap
                if gap:
                    closing = builder.building(random_plan(rng), open_left=False, open_right=False)
                    far = front + float(rng.uniform(28, 45))
                    parts += placed(placed(closing, x - 1, far), 0, 0, 0, turn)
                    x += float(rng.uniform(6.0, 10.0))
            y = -(front + 6.0)
            while y < front + 6.0:  # across the end of the street
                plan = random_plan(rng)
                house = builder.building(plan, open_left=True, open_right=True)
                parts += placed(placed(house, y, HALF_LENGTH + 14.0), 0, 0, 0, turn + 90.0)
                y += plan.width
        return parts

    def _planted(self, rng: np.random.Generator) -> list[Rectangle]:
        """Trees, lamps, benches and bins at the kerbs."""
        kerb = self.road_width / 2 + 0.5
        shady = (float(rng.uniform(0.3, 0.9)), float(rng.uniform(0.0, 0.8)))
        parts: list[Rectangle] = []
        for turn, trees in zip((0.0, 180.0), shady, strict=True):
            for i, x in enumerate(np.arange(-HALF_LENGTH + 6, HALF_LENGTH - 4, 8.0)):
                at = float(x + rng.uniform(-1.5, 1.5))
                thing: list[Rectangle] = []
                if i % 3 == 2:
                    thing = self._furnisher.lamp(rng)
                elif rng.random() < trees:
                    thing = placed(self._furnisher.tree(rng), 0, 0, 0, float(rng.uniform(0, 360)))
                elif rng.random() < 0.4:
                    thing = self._furnisher.bench_or_bin(rng)
                parts += placed(placed(thing, at, kerb, KERB), 0, 0, 0, turn)
        return parts

    def _cars(self, rng: np.random.Generator) -> list[Rectangle]:
        """Parked cars; others at every visit."""
        parts: list[Rectangle] = []
        for turn in (0.0, 180.0):
            full = float(rng.uniform(0.2, 0.75))
            for x in np.arange(-HALF_LENGTH + 4, HALF_LENGTH - 3, 5.6):
                if rng.random() < full:
                    kerb = self.road_width / 2 - CAR_WIDTH / 2 - float(rng.uniform(0.15, 0.35))
                    at = float(x + rng.uniform(-0.3, 0.3))
                    parts += placed(placed(self._furnisher.car(rng), at, kerb), 0, 0, 0, turn)
        return parts
