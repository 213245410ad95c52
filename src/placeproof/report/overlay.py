"""Pictures of a match, as in the paper's Fig. 3: originals, masks, and one laid over the other."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from placeproof.geometry import WrappedBox
from placeproof.results import Comparison, PatchMatch

_SHEET_WIDTH = 1600
_ROW_HEIGHT = 640  # at most, so that two upright pictures do not fill a page each
_GAP = 16
_LABEL = 24  # font size of the sheet's labels

_TINT = (236, 0, 140)  # of what was found in the other picture
_TINT_WEIGHT = 0.22
YELLOW = (255, 255, 0)  # of boxes and rings, and of what is true
_DARK = (16, 16, 16)

# Okabe and Ito's colours, which the colour-blind can tell apart; the numbers say it all the same.
_MARK_COLOURS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (255, 255, 255),
)
_MARKS = len(_MARK_COLOURS)


def overlay(
    comparison: Comparison,
    query: NDArray[np.uint8],
    reference: NDArray[np.uint8] | None,
    names: tuple[str, str] = ("Photo", "Panorama"),
) -> Image.Image:
    """One sheet on one comparison: the originals, the masks, and the overlay, row by row.

    Args:
        comparison: What the network says.
        query: (h, w, 3) sRGB.
        reference: (H, W, 3) sRGB; None where it must not be shown: the sheet then says so, and
            shows its mask only.
        names: What to call the query and the reference; Latin letters only.

    Returns:
        RGB, 1600 pixels wide or less where both pictures are upright.
    """
    name, other = names[0], names[1].lower()
    masks = (comparison.query_mask.pixels(), comparison.reference_mask.pixels())
    sizes = side_by_side(*(mask.shape for mask in masks))
    shown = [query] if reference is None else [query, reference]
    originals = [scaled(pixels, size) for pixels, size in zip(shown, sizes, strict=False)]
    painters = (query_overlay, reference_overlay)
    overlays = [
        paint(comparison, original) for paint, original in zip(painters, originals, strict=False)
    ]
    withheld = f"{name}; the {other} is not shown: its provider forbids keeping it"
    captions = (
        withheld if reference is None else f"{name} and {other}",
        "Masks: found in the other picture (white) or not (black)",
        "Mask over 0.5, its box, and the best matched patches, numbered",
    )
    mask_pictures = [mask_picture(mask, size) for mask, size in zip(masks, sizes, strict=True)]
    return sheet(list(zip(captions, (originals, mask_pictures, overlays), strict=True)))


def sheet(rows: Sequence[tuple[str, Sequence[Image.Image]]]) -> Image.Image:
    """Rows of pictures, each under its caption.

    Args:
        rows: Captions, Latin letters only, and pictures that :func:`side_by_side` made fit.

    Returns:
        RGB, as wide as the widest row and no less than 800 pixels.
    """
    line = _LABEL + _GAP // 2
    widths = [sum(p.width + _GAP for p in pictures) + _GAP for _, pictures in rows]
    heights = [line + max(p.height for p in pictures) + _GAP for _, pictures in rows]
    result = Image.new("RGB", (max(*widths, _SHEET_WIDTH // 2), sum(heights) + _GAP), "white")
    draw = ImageDraw.Draw(result)
    font = ImageFont.load_default(_LABEL)
    top = _GAP
    for (caption, pictures), height in zip(rows, heights, strict=True):
        draw.text((_GAP, top), caption, fill=_DARK, font=font)
        left = _GAP
        for picture in pictures:
            result.paste(picture, (left, top + line))
            left += picture.width + _GAP
        top += height
    return result


def side_by_side(*shapes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Widths and one height at which pictures (h, w, 3) fill a sheet beside one another."""
    aspects = [width / height for height, width, *_ in shapes]
    room = _SHEET_WIDTH - (len(shapes) + 1) * _GAP
    height = min(_ROW_HEIGHT, room / sum(aspects))  # below 1 if they are no more than lines
    return [(max(1, int(height * aspect)), max(1, int(height))) for aspect in aspects]


def scaled(pixels: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """Pixels (H, W, 3) as a picture of another width and height."""
    return Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def fitted_size(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Width and height of a picture (H, W, ...) whose longer side becomes ``side`` pixels."""
    height, width = shape[:2]
    scale = side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def mask_picture(mask: NDArray[np.float32], size: tuple[int, int]) -> Image.Image:
    """A mask (H, W) in [0, 1] as a grey picture (mode L) of another width and height."""
    resized = Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR)
    return Image.fromarray(np.rint(np.clip(np.asarray(resized), 0, 1) * 255).astype(np.uint8))


def query_overlay(comparison: Comparison, picture: Image.Image) -> Image.Image:
    """The query, its matched part tinted, its best patches numbered.

    Args:
        comparison: What the network says.
        picture: The query in any size.
    """
    marks = [match.query for match in marked_matches(comparison)]
    return _overlay(picture, comparison.query_mask.pixels(), None, marks)


def reference_overlay(comparison: Comparison, picture: Image.Image) -> Image.Image:
    """The reference, its matched part tinted and boxed, the query's patches numbered alike."""
    marks = [match.reference for match in marked_matches(comparison)]
    return _overlay(picture, comparison.reference_mask.pixels(), comparison.box, marks)


def region_overlay(
    comparison: Comparison, box: WrappedBox, panorama: NDArray[np.uint8], side: int
) -> Image.Image:
    """The surroundings of a box in a panorama, enlarged, and drawn on as the whole panorama is.

    They are in one piece, also where the box runs across the seam.

    Args:
        comparison: What the network says.
        box: Where to look.
        panorama: (H, W, 3) sRGB, the size of the comparison's reference mask.
        side: Pixels along the result's longer side.
    """
    width = panorama.shape[1]
    margin = max(box.width, box.height) // 4
    left = box.left - min(margin, (width - box.width) // 2)
    top = max(0, box.top - margin)
    columns = np.arange(left, min(left + width, box.left + box.width + margin)) % width
    rows = slice(top, box.top + box.height + margin)
    region = panorama[rows, columns]
    marks = [
        ((match.reference[0] - left) % width, match.reference[1] - top)
        for match in marked_matches(comparison)
    ]
    return _overlay(
        scaled(region, fitted_size(region.shape, side)),
        comparison.reference_mask.pixels()[rows, columns],
        WrappedBox(box.left - left, box.top - top, box.width, box.height),
        marks,
    )


def marked_matches(comparison: Comparison) -> tuple[PatchMatch, ...]:
    """The matches that pictures number from 1: the most similar that lie apart in both."""
    side = max(comparison.query_mask.size) / 12
    reference_side = max(comparison.reference_mask.size) / 50
    chosen: list[PatchMatch] = []
    for match in comparison.matches:
        if len(chosen) < _MARKS and all(
            math.dist(match.query, other.query) >= side
            and math.dist(match.reference, other.reference) >= reference_side
            for other in chosen
        ):
            chosen.append(match)
    return tuple(chosen)


def _overlay(
    picture: Image.Image,
    mask: NDArray[np.float32],
    box: WrappedBox | None,
    marks: list[tuple[float, float]],
) -> Image.Image:
    """Box and marks are in pixels of the mask, which has the size of the original picture."""
    line = _line_width(picture)
    tinted = Image.blend(picture, Image.new("RGB", picture.size, _TINT), _TINT_WEIGHT)
    result = Image.composite(tinted, picture, _region(mask, picture.size))
    draw_outline(result, mask, _TINT)

    scale = (picture.width / mask.shape[1], picture.height / mask.shape[0])
    draw = ImageDraw.Draw(result)
    if box is not None:
        # A dark line under a thinner light one shows on every ground.
        for colour, width in ((_DARK, 2 * line + 2), (YELLOW, line)):
            _draw_box(draw, box, mask.shape[1], scale, colour, width)
    radius = max(10.0, math.sqrt(picture.width * picture.height) / 50)
    for number, (x, y) in enumerate(marks, start=1):
        _draw_mark(draw, number, (x * scale[0], y * scale[1]), radius)
    return result


def draw_outline(
    picture: Image.Image, mask: NDArray[np.float32], colour: tuple[int, int, int]
) -> None:
    """Draws a line into a picture, along the inside of where a mask (H, W) of it reaches 0.5."""
    region = _region(mask, picture.size)
    # The filter repeats the outermost pixels, so no outline runs along the seam.
    inner = region.filter(ImageFilter.MinFilter(2 * _line_width(picture) + 1))
    picture.paste(colour, mask=ImageChops.subtract(region, inner))


def _region(mask: NDArray[np.float32], size: tuple[int, int]) -> Image.Image:
    """Where a mask (H, W) reaches 0.5 (mode L, 255 there) in another width and height."""
    return mask_picture(mask, size).point(lambda value: 255 * (value >= 128))


def _line_width(picture: Image.Image) -> int:
    return max(2, round(max(picture.size) / 400))


def _draw_box(
    draw: ImageDraw.ImageDraw,
    box: WrappedBox,
    picture_width: int,
    scale: tuple[float, float],
    colour: tuple[int, int, int],
    width: int,
) -> None:
    """Draws a box, in two parts that are open towards the seam if it runs across that."""
    top, bottom = box.top * scale[1], (box.top + box.height) * scale[1] - 1
    spans = box.spans(picture_width)
    for start, stop in spans:
        left, right = start * scale[0], stop * scale[0] - 1
        draw.line((left, top, right, top), colour, width)
        draw.line((left, bottom, right, bottom), colour, width)
    first, last = spans[0][0] * scale[0], spans[-1][1] * scale[0] - 1
    overhang = width // 2  # so that the corners are whole
    for x in (first, last):
        draw.line((x, top - overhang, x, bottom + overhang), colour, width)


def _draw_mark(
    draw: ImageDraw.ImageDraw, number: int, centre: tuple[float, float], radius: float
) -> None:
    """A numbered disc, in the colour of its number."""
    colour = _MARK_COLOURS[(number - 1) % _MARKS]
    draw.circle(centre, radius, fill=colour, outline=_DARK, width=max(1, round(radius / 8)))
    brightness = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    draw.text(
        centre,
        str(number),
        fill=_DARK if brightness > 110 else "white",
        font=ImageFont.load_default(radius * 1.5),
        anchor="mm",
    )


def draw_ring(picture: Image.Image, centre: tuple[float, float]) -> None:
    """Draws a ring around a matched point into a picture of one patch's surroundings."""
    draw = ImageDraw.Draw(picture)
    radius = max(picture.size) / 8
    for colour, width in ((_DARK, 5), (YELLOW, 3)):
        draw.circle(centre, radius + width / 2, outline=colour, width=width)
