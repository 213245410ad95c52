"""Fronts of buildings: walls with windows, doors and shops, painted into one texture each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeproof.scene import materials
from placeproof.scene.canvas import SCALE, Canvas, lettering, triangle
from placeproof.scene.model import Floats
from placeproof.scene.openings import Style, paint_door, paint_shop, paint_window, random_style


@dataclass(frozen=True, slots=True)
class Plan:
    """What a front looks like before it is painted, metres.

    Attributes:
        width: Of the front.
        ground: Height of the ground floor; 0 for bays and dormers, which have none.
        storey: Height of each floor above.
        storeys: Number of floors above the ground floor.
        top: Height of the wall above the highest floor.
        columns: Windows side by side.
        window: Width and height of a window.
        shop: Whether there is a shop on the ground floor.
        gable: Height of a gable above the wall, up to the ridge.
    """

    width: float
    ground: float
    storey: float
    storeys: int
    top: float
    columns: int
    window: tuple[float, float]
    shop: bool
    gable: float = 0.0

    @property
    def height(self) -> float:
        """Up to the eaves."""
        return self.ground + self.storeys * self.storey + self.top

    def window_left(self, column: int) -> float:
        """Left edge of a column of windows."""
        return (column + 0.5) * self.width / self.columns - self.window[0] / 2

    def sill(self, floor: int) -> float:
        """Height of the sills of a floor above the ground floor, 0 being the lowest."""
        return self.ground + floor * self.storey + (self.storey - self.window[1]) * 0.55


def random_plan(rng: np.random.Generator) -> Plan:
    """Any front that might stand in a street."""
    width = rng.uniform(6.0, 13.0)
    window = (rng.uniform(0.8, 1.5), rng.uniform(1.2, 2.0))
    pitch = max(window[0] + 0.5, rng.uniform(1.6, 3.2))
    return Plan(
        width=width,
        ground=rng.uniform(3.1, 4.4),
        storey=rng.uniform(2.7, 3.5),
        storeys=int(rng.integers(1, 5)),
        top=rng.uniform(0.2, 1.2),
        columns=max(2, round(width / pitch)),
        window=window,
        shop=bool(rng.random() < 0.55),
    )


def paint_front(rng: np.random.Generator, plan: Plan) -> NDArray[np.uint8]:
    """The front of a building as a texture (H, W, 4)."""
    size = (plan.width, plan.height + plan.gable)
    wall = materials.any_wall(rng)(rng, size, SCALE)
    canvas = Canvas(materials.weather(rng, wall, SCALE))
    mean = canvas.colours.mean(axis=(0, 1))
    trim = np.clip(mean * rng.uniform(0.6, 1.6), 0.1, 0.95).astype(np.float32)
    if rng.random() < 0.5:
        trim = materials.colour(rng, (0.0, 0.2), (0.0, 0.2), (0.5, 0.95))
    style = random_style(rng, trim)
    _paint_bands(rng, canvas, plan, trim)
    for floor in range(plan.storeys):
        for column in range(plan.columns):
            place = (plan.window_left(column), plan.sill(floor))
            paint_window(rng, canvas, place, plan.window, style)
    if plan.shop:
        paint_shop(rng, canvas, plan.width, plan.ground)
    elif plan.ground:
        _paint_ground_floor(rng, canvas, plan, style)
    if plan.ground:
        _paint_extras(rng, canvas, plan)
    if plan.gable:
        _paint_gable(rng, canvas, plan, style)
    return materials.finished(canvas.colours, canvas.alpha)


def _paint_bands(rng: np.random.Generator, canvas: Canvas, plan: Plan, trim: Floats) -> None:
    """Plinth, string courses, quoins and cornice."""
    width = plan.width
    if plan.ground:
        canvas.fill(0, 0, width, rng.uniform(0.3, 0.8), trim * 0.75)
    if rng.random() < 0.6:
        for floor in range(plan.storeys + 1):
            y = plan.ground + floor * plan.storey - 0.1
            canvas.fill(0, y, width, 0.2, trim)
            canvas.shade(0, y - 0.1, width, 0.1, 0.75)
    canvas.fill(0, plan.height - 0.25, width, 0.25, trim * 1.05)
    canvas.shade(0, plan.height - 0.5, width, 0.25, 0.72)
    if rng.random() < 0.35:
        for step, y in enumerate(np.arange(0.8, plan.height - 0.6, 0.35)):
            w = 0.55 if step % 2 else 0.35
            for left in (0.0, width - w):
                canvas.fill(left, y, w, 0.32, trim * rng.uniform(0.92, 1.06))


def _paint_ground_floor(rng: np.random.Generator, canvas: Canvas, plan: Plan, style: Style) -> None:
    door = int(rng.integers(plan.columns))
    for column in range(plan.columns):
        x = plan.window_left(column)
        if column == door:
            paint_door(rng, canvas, x, max(0.95, plan.window[0]), min(2.3, plan.ground - 0.9))
        elif rng.random() < 0.9:
            size = (plan.window[0], min(plan.window[1], plan.ground - 1.5))
            paint_window(rng, canvas, (x, 0.95), size, style)


def _paint_gable(rng: np.random.Generator, canvas: Canvas, plan: Plan, style: Style) -> None:
    """An attic window, and holes beside the gable."""
    w, h = plan.window[0], min(plan.window[1], plan.gable * 0.4)
    if h > 0.8:
        paint_window(rng, canvas, ((plan.width - w) / 2, plan.height + 0.3), (w, h), style)
    above = canvas.part(0, plan.height, plan.width, plan.gable)
    canvas.alpha[above] *= triangle(*canvas.alpha[above].shape)


def _paint_extras(rng: np.random.Generator, canvas: Canvas, plan: Plan) -> None:
    """Drainpipe, house number, graffiti, a mended patch."""
    if rng.random() < 0.6:
        x = rng.choice([0.1, plan.width - 0.25])
        canvas.fill(x, 0, 0.11, plan.height - 0.3, rng.uniform(0.2, 0.6))
        canvas.shade(x + 0.07, 0, 0.09, plan.height - 0.3, 0.7)
    if rng.random() < 0.3:
        tint = materials.colour(rng, (0, 1), (0.5, 1), (0.2, 0.9))
        word = "".join(rng.choice(list("AEIKMORSTXZ"), 5))
        x, y = rng.uniform(0, plan.width * 0.6), rng.uniform(0.4, 1.4)
        mark = lettering(word, 0.6, np.ones(3, np.float32), np.zeros(3, np.float32))
        rows, columns = canvas.part(x, y, mark.shape[1] / SCALE, mark.shape[0] / SCALE)
        weight = mark[: rows.stop - rows.start, : columns.stop - columns.start]
        canvas.colours[rows, columns] *= 1 - weight
        canvas.colours[rows, columns] += weight * tint
    if rng.random() < 0.4:
        w, h = rng.uniform(0.5, 2.0), rng.uniform(0.4, 2.0)
        canvas.shade(rng.uniform(0, plan.width - 2.0), rng.uniform(0.5, plan.height), w, h, 0.9)
