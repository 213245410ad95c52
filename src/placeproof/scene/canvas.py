"""A texture that is painted in metres."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from placeproof.scene.model import Floats

SCALE = 40.0  # pixels a metre
GLASS = 0.5  # what the fourth channel of a texture is where there is glass


class Canvas:
    """A texture under the brush; positions in metres from its lower left corner."""

    def __init__(self, colours: Floats) -> None:
        self.colours = colours
        self.alpha = np.ones(colours.shape[:2], dtype=np.float32)

    def part(self, x: float, y: float, w: float, h: float) -> tuple[slice, slice]:
        """Rows and columns of a rectangle, cut at the canvas's edges."""
        height, width = self.colours.shape[:2]
        top, bottom = height - round((y + h) * SCALE), height - round(y * SCALE)
        left, right = round(x * SCALE), round((x + w) * SCALE)
        rows = slice(min(max(top, 0), height), min(max(bottom, 0), height))
        return rows, slice(min(max(left, 0), width), min(max(right, 0), width))

    def fill(
        self, x: float, y: float, w: float, h: float, tint: Floats | float, alpha: float = 1.0
    ) -> None:
        """Paints a rectangle in one colour."""
        where = self.part(x, y, w, h)
        self.colours[where] = tint
        self.alpha[where] = alpha

    def shade(self, x: float, y: float, w: float, h: float, factor: float) -> None:
        """Darkens or lightens a rectangle."""
        self.colours[self.part(x, y, w, h)] *= factor

    def paste(self, x: float, y: float, picture: Floats) -> None:
        """Lays a picture (H, W, 3) on, its lower left corner at (x, y); what juts out is cut."""
        rows, columns = self.part(x, y, picture.shape[1] / SCALE, picture.shape[0] / SCALE)
        h, w = rows.stop - rows.start, columns.stop - columns.start
        self.colours[rows, columns] = picture[picture.shape[0] - h :, :w]


@cache
def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(pixels)


def lettering(text: str, height: float, tint: Floats, ground: Floats) -> Floats:
    """A board with writing on it, (H, W, 3), ``height`` metres high."""
    pixels = max(6, round(height * SCALE))
    font = _font(max(5, round(pixels * 0.7)))
    left, top, right, bottom = font.getbbox(text)
    width = int(right - left + pixels)
    board = Image.new("L", (width, pixels))
    where = ((width - (right - left)) / 2 - left, (pixels - (bottom - top)) / 2 - top)
    ImageDraw.Draw(board).text(where, text, fill=255, font=font)
    weight = (np.asarray(board, dtype=np.float32) / 255)[..., None]
    return np.asarray(ground * (1 - weight) + tint * weight, dtype=np.float32)


def triangle(height: int, width: int) -> Floats:
    """1 inside a gable of this many pixels, (height, width), and 0 beside it."""
    rows, columns = np.ogrid[:height, :width]
    inside = np.abs((columns + 0.5) / width - 0.5) * 2 <= (rows + 0.5) / height
    return inside.astype(np.float32)
