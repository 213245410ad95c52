"""The second look as a picture: points of the photo joined with the same points of the panorama."""

import itertools
from colorsys import hls_to_rgb

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from placeproof.report.overlay import scaled, side_by_side
from placeproof.results import SecondLook
from placeproof.second_look.views import view_pixels

MOST_LINES = 60  # more hide the pictures
_GAP = 16
_RADIUS = 4
_FINER = 2  # lines are drawn so many times finer, and then averaged: thin ones stay smooth
# Ink and width under each line, so that it shows on every ground.
_UNDER = ((16, 16, 16, 140), 2 * _FINER + 3)

Point = tuple[float, float]


def point_matches(
    look: SecondLook, photo: NDArray[np.uint8], panorama: NDArray[np.uint8]
) -> Image.Image | None:
    """Photo and best view side by side, with lines between equal points.

    Colours run over the points from left to right in the photo, so that neighbours that part, and
    lines that cross, are told apart. Of many points, some all over the photo are drawn.

    Args:
        look: The second look.
        photo: (h, w, 3) sRGB.
        panorama: (H, W, 3) sRGB.

    Returns:
        RGB, 1600 pixels wide or a little less; None where no point was found.
    """
    if not look.inliers:
        return None
    view = look.views[0]
    seen = view_pixels(panorama, view)
    sizes = side_by_side(photo.shape, seen.shape)
    left, right = (scaled(pixels, size) for pixels, size in zip((photo, seen), sizes, strict=True))
    sheet = Image.new("RGB", (left.width + _GAP + right.width, left.height), "white")
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + _GAP, 0))

    x, y, inside = view.project(torch.from_numpy(look.directions))
    here = look.points * (left.width / photo.shape[1])
    there = np.stack((x.numpy(), y.numpy()), axis=1) * (right.width / view.width)
    chosen = drawn_points(look.points, inside.numpy())
    pairs = [
        ((float(a[0]), float(a[1])), (float(b[0]) + left.width + _GAP, float(b[1])))
        for a, b in zip(here[chosen], there[chosen], strict=True)
    ]
    lines = _lines(pairs, sheet.size)
    return Image.alpha_composite(sheet.convert("RGBA"), lines).convert("RGB")


def drawn_points(points: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Which points (K, 2) are drawn: all inside of the view or, of many, some of each part.

    Returns:
        Indices, at most 60, from left to right in the photo.
    """
    order = np.argsort(points[:, 0], kind="stable")
    order = order[inside[order]]
    steps = np.linspace(0, len(order) - 1, min(len(order), MOST_LINES))
    chosen: NDArray[np.intp] = order[steps.round().astype(int)]
    return chosen


def _lines(pairs: list[tuple[Point, Point]], size: tuple[int, int]) -> Image.Image:
    """A transparent picture (RGBA) of lines that end in rings."""
    fine = Image.new("RGBA", (size[0] * _FINER, size[1] * _FINER))
    draw = ImageDraw.Draw(fine)
    styles = [((*colour, 255), _FINER + 1) for colour in _colours(len(pairs))]
    finer = [[(x * _FINER, y * _FINER) for x, y in pair] for pair in pairs]
    for ends, style in zip(finer, styles, strict=True):
        for ink, width in (_UNDER, style):
            draw.line(ends, fill=ink, width=width)
    for ends, style in zip(finer, styles, strict=True):  # above all lines
        for (ink, width), end in itertools.product((_UNDER, style), ends):
            draw.circle(end, _RADIUS * _FINER, outline=ink, width=width)
    return fine.resize(size, Image.Resampling.BOX)


def _colours(count: int) -> list[tuple[int, int, int]]:
    """Bright colours from red to violet."""
    colours = []
    for number in range(count):
        red, green, blue = hls_to_rgb(0.85 * number / max(1, count - 1), 0.6, 1.0)
        colours.append((round(255 * red), round(255 * green), round(255 * blue)))
    return colours
