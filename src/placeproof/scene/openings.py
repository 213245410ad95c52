"""Windows, doors and shop fronts, painted on a front's canvas."""

from dataclasses import dataclass

import numpy as np

from placeproof.scene import materials
from placeproof.scene.canvas import GLASS, SCALE, Canvas, lettering
from placeproof.scene.model import Floats

_WORDS = ("CAFE", "BAKERY", "BOOKS", "HOTEL", "FLOWERS", "PHARMACY", "RECORDS", "BAR", "TEA",
    "TAILOR", "SHOES", "CINEMA", "OPTICIAN", "GROCER", "BIKES", "BARBER", "PIZZA", "TOYS", "BANK",
    "WINE", "MUSIC", "ATELIER", "GALLERY", "FISH", "NOODLES", "KIOSK", "LOCKS", "CLOCKS", "PAPER",
    "HATS", "DELI", "GARDEN", "LAMPS")  # fmt: skip
_NAMES = ("ROSSI", "ADLER", "NOVAK", "MOON", "KING", "OLSEN", "LEWIS", "PETIT", "SOLE", "BRANDT",
    "CORNER", "STAR", "OLD", "NEW", "UNION")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """What all windows of one front share."""

    frame: Floats
    surround: Floats
    surround_width: float
    bars: tuple[int, int]
    curtain: Floats
    shutters: Floats | None
    arched: bool


def random_style(rng: np.random.Generator, trim: Floats) -> Style:
    """Any style whose surrounds have the colour ``trim``."""
    shutters = materials.colour(rng, (0.0, 1.0), (0.2, 0.6), (0.2, 0.6))
    return Style(
        frame=materials.colour(rng, (0.05, 0.15), (0.0, 0.5), (0.25, 0.95)),
        surround=trim,
        surround_width=rng.uniform(0.0, 0.18),
        bars=(int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        curtain=materials.colour(rng, (0.0, 1.0), (0.0, 0.3), (0.6, 0.95)),
        shutters=shutters if rng.random() < 0.2 else None,
        arched=bool(rng.random() < 0.2),
    )


def paint_window(
    rng: np.random.Generator,
    canvas: Canvas,
    place: tuple[float, float],
    size: tuple[float, float],
    style: Style,
) -> None:
    """One window; blinds, curtains and what is behind them differ from window to window."""
    (x, y), (w, h) = place, size
    s = style.surround_width
    canvas.fill(x - s, y - s, w + 2 * s, h + 2 * s, style.surround * rng.uniform(0.95, 1.05))
    canvas.fill(x - s - 0.06, y - s - 0.07, w + 2 * s + 0.12, 0.1, style.surround * 1.1)  # sill
    canvas.shade(x - s - 0.04, y - s - 0.16, w + 2 * s + 0.08, 0.09, 0.7)
    canvas.fill(x, y, w, h, style.frame * 0.5)  # the reveal, in shade
    canvas.fill(x + 0.03, y + 0.02, w - 0.06, h - 0.1, style.frame)
    across, down = style.bars
    pane_w, pane_h = (w - 0.12) / across, (h - 0.2) / down
    tone = rng.uniform(0.05, 0.22)
    blind = rng.uniform(0.2, 0.9) if rng.random() < 0.4 else 0.0
    drawn = rng.uniform(0.1, 0.45) if rng.random() < 0.5 else 0.0
    for i in range(across):
        for j in range(down):
            left, bottom = x + 0.06 + i * pane_w + 0.02, y + 0.06 + j * pane_h + 0.02
            glass = np.array([0.9, 1.0, 1.1], np.float32) * tone * rng.uniform(0.8, 1.25)
            canvas.fill(left, bottom, pane_w - 0.04, pane_h - 0.04, glass, GLASS)
    inner = canvas.part(x + 0.06, y + 0.06, w - 0.12, h - 0.2)
    behind = canvas.alpha[inner] < 1
    rows, columns = behind.shape
    covered = np.zeros_like(behind)
    covered[: int(blind * rows)] = True
    covered[:, : int(drawn * columns)] = True
    covered[:, columns - int(drawn * columns) :] = True
    folds = 0.75 + 0.15 * np.sin(np.arange(columns) * rng.uniform(0.5, 1.5))
    cloth = (style.curtain * rng.uniform(0.6, 1.0))[None, None] * folds[None, :, None]
    canvas.colours[inner] = np.where((behind & covered)[..., None], cloth, canvas.colours[inner])
    if style.arched:
        top = canvas.part(x, y + 0.75 * h, w, 0.25 * h)
        high, wide = canvas.alpha[top].shape
        below, beside = np.ogrid[:high, :wide]
        spandrel = ((beside + 0.5) / wide * 2 - 1) ** 2 + (1 - below / max(high, 1)) ** 2 > 1
        canvas.colours[top][spandrel] = style.surround
        canvas.alpha[top][spandrel] = 1.0
    if style.shutters is not None:
        leaf = w * 0.48
        for left in (x - s - leaf, x + w + s):
            canvas.fill(left, y, leaf, h, style.shutters * rng.uniform(0.92, 1.05))
            for slat in np.arange(0.05, h - 0.05, 0.1):
                canvas.shade(left + 0.05, y + slat, leaf - 0.1, 0.035, 0.75)


def paint_door(rng: np.random.Generator, canvas: Canvas, x: float, w: float, h: float) -> None:
    """A door with a fanlight above and a step, its left edge at x."""
    leaf = materials.colour(rng, (0.0, 1.0), (0.2, 0.8), (0.15, 0.6))
    frame = materials.colour(rng, (0.0, 0.2), (0.0, 0.15), (0.4, 0.9))
    canvas.fill(x - 0.12, 0, w + 0.24, h + 0.6, frame)
    canvas.fill(x, 0, w, h, leaf)
    canvas.fill(x, h + 0.06, w, 0.42, 0.12, GLASS)
    for i in range(2):
        for j in range(3):
            px, py = x + w * (0.1 + 0.44 * i), h * (0.06 + 0.31 * j)
            canvas.shade(px, py, w * 0.36, h * 0.26, 0.72)
            canvas.shade(px + 0.04, py + 0.04, w * 0.36 - 0.08, h * 0.26 - 0.08, 1.3)
    canvas.fill(x + w * 0.88, h * 0.45, 0.05, 0.1, 0.8)
    canvas.fill(x - 0.3, 0, w + 0.6, 0.15, 0.5)  # step


def shop_name(rng: np.random.Generator) -> str:
    """A name for a shop's sign."""
    word = str(rng.choice(_WORDS))
    return f"{rng.choice(_NAMES)} {word}" if rng.random() < 0.5 else word


def paint_shop(rng: np.random.Generator, canvas: Canvas, front: float, ground: float) -> None:
    """A shop front: stall riser, panes with goods behind, door, and a sign above."""
    frame = materials.colour(rng, (0.0, 1.0), (0.1, 0.8), (0.12, 0.6))
    left, width, top = 0.25, front - 0.5, ground - 0.85
    canvas.fill(left, 0, width, ground - 0.1, frame)
    panes = max(2, round(width / rng.uniform(1.4, 2.6)))
    door = int(rng.integers(panes))
    pane = width / panes
    for i in range(panes):
        x, bottom = left + i * pane + 0.07, 0.12 if i == door else rng.uniform(0.4, 0.6)
        w, h = pane - 0.14, top - bottom - 0.1
        canvas.fill(x, bottom, w, h, rng.uniform(0.08, 0.25), GLASS)
        _paint_goods(rng, canvas, (x, bottom), (w, h * rng.uniform(0.35, 0.75)))
        if i == door:
            canvas.fill(x + w * 0.45, bottom + 0.9, 0.05, 0.5, 0.75)
        elif rng.random() < 0.4:
            poster = materials.colour(rng, (0, 1), (0.2, 0.9), (0.4, 0.95))
            at = (x + w * rng.uniform(0.05, 0.6), bottom + rng.uniform(0.3, 1.0))
            canvas.fill(*at, 0.35, 0.5, poster)
    board = materials.colour(rng, (0.0, 1.0), (0.2, 0.9), (0.1, 0.9))
    ink = np.full(3, 0.95 if board.mean() < 0.5 else 0.08, dtype=np.float32)
    canvas.fill(left, top + 0.05, width, 0.7, board)
    sign = lettering(shop_name(rng), 0.55, ink, board)
    room = max(0.0, width - sign.shape[1] / SCALE)
    canvas.paste(left + room * rng.uniform(0.1, 0.9), top + 0.12, sign)
    canvas.shade(left, top - 0.08, width, 0.13, 0.6)


def _paint_goods(
    rng: np.random.Generator, canvas: Canvas, place: tuple[float, float], size: tuple[float, float]
) -> None:
    """Shelves behind a shop's pane, with things of any colour on them."""
    (left, y), (width, height) = place, size
    end, shelf, grey = y + height, rng.uniform(0.3, 0.6), rng.uniform(0.3, 0.7)
    hue, spread = rng.uniform(0, 1), rng.uniform(0.05, 0.5)
    while y + 0.2 < end:
        x = left + 0.05
        while x < left + width - 0.1:
            w, h = rng.uniform(0.06, 0.35), shelf * rng.uniform(0.3, 0.9)
            w = min(w, left + width - 0.05 - x)
            tint = materials.colour(rng, (hue - spread, hue + spread), (0.1, 0.8), (0.2, 0.8))
            canvas.fill(x, y, w, h, tint * rng.uniform(0.4, 1.0), 0.65)
            x += w + rng.choice([0.0, 0.03, 0.2])
        canvas.fill(left, y - 0.04, width, 0.04, grey, 0.7)
        y += shelf
