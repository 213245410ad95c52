"""The second look as a picture: points of the photo joined with the same points of the panorama."""

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


def point_matches(
    look: SecondLook, photo: NDArray[np.uint8], panorama: NDArray[np.uint8]
) -> Image.Image | None:
    """Photo and best view side by side, with lines between equal points.

    Colours run over the photo from left to right, so that lines that cross are told apart. Of many
    points, every so manieth is drawn.

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
    draw = ImageDraw.Draw(sheet)
    x, y, _ = view.project(torch.from_numpy(look.directions))
    there = np.stack((x.numpy(), y.numpy()), axis=1) * (right.width / view.width)
    here = look.points * (left.width / photo.shape[1])
    order = np.argsort(here[:, 0], kind="stable")
    for index in order[:: -(-len(order) // MOST_LINES)]:
        start = tuple(here[index].tolist())
        end = (float(there[index, 0]) + left.width + _GAP, float(there[index, 1]))
        hue = int(230 * start[0] / left.width)
        colour = Image.new("HSV", (1, 1), (hue, 220, 255)).convert("RGB").getpixel((0, 0))
        draw.line([start, end], fill=colour, width=2)
        for cx, cy in (start, end):
            box = (cx - _RADIUS, cy - _RADIUS, cx + _RADIUS, cy + _RADIUS)
            draw.ellipse(box, outline=colour, width=2)
    return sheet
