"""What localizing methods found of some queries in their references (paper, Fig. 9)."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image

from placeproof.evaluation.figures.drawn import Drawn, pair_names
from placeproof.evaluation.figures.style import label, looks, new_figure, styled
from placeproof.evaluation.figures.thumbnails import Thumbnails
from placeproof.evaluation.localizing import box_grid
from placeproof.evaluation.regions import Rectangle, parts, resized, true_region
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite

SHOWN = 4  # pairs
_LINE = 18  # characters beside a row
_DARKEST = 0.3  # of the reference's brightness where a mask is 0


def chosen_pairs(suite: Suite, result: MethodResult) -> list[int]:
    """Pairs of the same place that are not picked by hand, by their places in the suite.

    In the order of the method's scores they are equally far from one another, so that some are
    easy for it and some hard; the highest score comes first.
    """
    score = result.scores()
    same = [number for number, pair in enumerate(suite.pairs) if pair.same]
    same.sort(key=lambda number: -score[number])
    shown = min(SHOWN, len(same))
    return [same[int((rank + 0.5) * len(same) / shown)] for rank in range(shown)]


@styled
def draw_grid(
    suite: Suite, results: Sequence[MethodResult], thumbnails: Thumbnails
) -> Drawn | None:
    """A column for each pair: query, reference, and each method's mask and box in the reference.

    Args:
        suite: The pairs.
        results: All methods; those that give neither masks nor boxes are passed over, and by the
            first of the others the pairs are chosen.
        thumbnails: Of the pictures.

    Returns:
        None where no method localizes.
    """
    shown = [result for result in results if result.has_masks() or result.has_boxes()]
    if not shown:
        return None
    look = looks(results)
    pairs = chosen_pairs(suite, shown[0])
    figure = new_figure(11.5, 11.5 / len(pairs) * (0.75 + 0.56 * (len(shown) + 1)))
    rows = figure.subplots(
        len(shown) + 2,
        len(pairs),
        squeeze=False,
        gridspec_kw={"height_ratios": [1.4, *([1] * (len(shown) + 1))]},
    )
    for column, number in enumerate(pairs):
        pair = suite.pairs[number]
        query, reference = thumbnails.get(pair.query), thumbnails.get(pair.reference)
        rows[0, column].imshow(query)
        rows[0, column].set_title(f"Pair {number}")
        rows[1, column].imshow(reference)
        true = true_region(pair)
        if true is not None:
            height, width = true.mask.shape
            _draw_box(rows[1, column], parts(true.box, (width, height)), reference.size, "white")
        for axes, result in zip(rows[2:, column], shown, strict=True):
            _draw_found(axes, suite, result, number, thumbnails, look[result.name].colour)
    for row, title in zip(rows, ("Query", "Reference", *(r.title for r in shown)), strict=True):
        row[0].set_ylabel(textwrap.fill(label(title), _LINE), fontsize=10)
    for axes in rows.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    titles = ", ".join(result.title for result in shown)
    return Drawn(
        name="grid",
        title="Where the query was found",
        alt=f"{len(pairs)} pairs of the same place: query, reference, and the part of the "
        f"reference in which each method found the query: {titles}.",
        caption="As in Fig. 9 of the paper. The brighter, the likelier a part of the reference "
        "shows what the query shows; frame: the method's box, in two open parts where it runs "
        "across the panorama's seam. White frame on the reference: the true region, where it is "
        f"known. The pairs are spread evenly over the scores of {shown[0].title}, the highest on "
        "the left.",
        figure=figure,
        photos=True,
        details=tuple(pair_names(suite, number) for number in pairs),
    )


def _draw_found(
    axes: Axes,
    suite: Suite,
    result: MethodResult,
    number: int,
    thumbnails: Thumbnails,
    colour: str,
) -> None:
    """One method's mask and box in one pair's reference."""
    pair, box = suite.pairs[number], result.answers[number].box
    reference = thumbnails.get(pair.reference)
    masks = result.masks(number)
    if masks is not None:
        axes.imshow(_lit(reference, resized(masks[1], reference.size, wraps=pair.panorama)))
    elif box is not None:
        axes.imshow(reference)
    else:
        axes.imshow(_lit(reference, np.zeros(reference.size[::-1], np.float32)))
    if box is not None:
        grid = box_grid(result, number) or thumbnails.size(pair.reference)
        _draw_box(axes, parts(box, grid), reference.size, colour)


def _lit(picture: Image.Image, mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture (RGB) that is as bright as its mask (h, w) is high."""
    light = _DARKEST + (1 - _DARKEST) * np.clip(mask, 0, 1)[..., None]
    lit: NDArray[np.uint8] = (np.asarray(picture) * light).astype(np.uint8)
    return lit


def _draw_box(
    axes: Axes, rectangles: Sequence[Rectangle], size: tuple[int, int], colour: str
) -> None:
    """Draws a box; its two parts are open towards the seam if it runs across that.

    Args:
        axes: Where the reference was drawn.
        rectangles: One, or two, the one at the right edge first; in shares of width and height.
        size: Width and height of the reference as drawn.
        colour: Of the line, which has a light or dark one behind it to show on every ground.
    """
    width, height = size
    behind = "black" if colour == "white" else "white"
    for number, (left, top, right, bottom) in enumerate(rectangles):
        x0, x1 = left * width - 0.5, right * width - 0.5
        y0, y1 = top * height - 0.5, bottom * height - 0.5
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
        if len(rectangles) == 2:  # the first part is open on the right, the second on the left
            corners = [(x1, y0), (x0, y0), (x0, y1), (x1, y1)] if number == 0 else corners[:4]
        axes.plot(
            *zip(*corners, strict=True),
            color=colour,
            linewidth=1.6,
            scalex=False,
            scaley=False,
            path_effects=[patheffects.withStroke(linewidth=3.4, foreground=behind)],
        )
