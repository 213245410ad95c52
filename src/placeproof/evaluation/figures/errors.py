"""The hardest errors of a method: the pairs that it scores most wrongly, as pictures."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import SubFigure

from placeproof.evaluation.figures.drawn import Drawn, pair_names
from placeproof.evaluation.figures.style import DIFFERENT, SAME, new_figure, styled
from placeproof.evaluation.figures.thumbnails import Thumbnails
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite

SHOWN = 4  # of each kind


def hardest(suite: Suite, result: MethodResult, *, same: bool) -> list[int]:
    """The pairs of one kind that a method scores most wrongly, by their places in the suite.

    Args:
        suite: The pairs.
        result: What the method says of them.
        same: Whether to take pairs of the same place, the lowest scores first, or of different
            places, the highest first.
    """
    score = result.scores()
    of_kind = [number for number, pair in enumerate(suite.pairs) if pair.same == same]
    return sorted(of_kind, key=lambda number: score[number] if same else -score[number])[:SHOWN]


@styled
def draw_errors(suite: Suite, result: MethodResult, thumbnails: Thumbnails) -> Drawn:
    """Different places with the highest scores, beside the same place with the lowest."""
    different, same = (hardest(suite, result, same=kind) for kind in (False, True))
    figure = new_figure(11.5, 0.5 + 1.75 * SHOWN)
    kinds = (
        (different, "Different places, the highest scores", DIFFERENT),
        (same, "The same place, the lowest scores", SAME),
    )
    halves = figure.add_gridspec(1, 2, wspace=0.02)
    for column, (pairs, title, colour) in enumerate(kinds):
        half = figure.add_subfigure(halves[column])
        half.suptitle(title, color=colour, fontsize=12, x=0.02, ha="left")
        _draw_pairs(half, suite, result, pairs, thumbnails)
    return Drawn(
        name=f"errors-{result.name}",
        title=f"Hardest errors of {result.title}",
        alt=f"Query and reference of the {len(different)} pairs of different places that "
        f"{result.title} scores highest, and of the {len(same)} pairs of the same place that it "
        "scores lowest.",
        caption="Each pair: query on the left, reference on the right. Median scores: "
        f"{_median(suite, result, same=True):.3g} for the same place, "
        f"{_median(suite, result, same=False):.3g} for different places.",
        figure=figure,
        photos=True,
        details=tuple(pair_names(suite, number) for number in (*different, *same)),
    )


def _draw_pairs(
    half: SubFigure,
    suite: Suite,
    result: MethodResult,
    pairs: Sequence[int],
    thumbnails: Thumbnails,
) -> None:
    rows = half.subplots(SHOWN, 2, squeeze=False, gridspec_kw={"width_ratios": (1, 2)})
    for axes in rows.flat:
        axes.set_axis_off()
    for row, number in zip(rows, pairs, strict=False):  # there may be fewer pairs than rows
        pair = suite.pairs[number]
        for axes, path in zip(row, (pair.query, pair.reference), strict=True):
            axes.imshow(thumbnails.get(path))
        text = f"Pair {number}, score {result.answers[number].score:.3g}"
        row[0].set_title(text.replace("-", "−"), fontsize=10, loc="left")


def _median(suite: Suite, result: MethodResult, *, same: bool) -> float:
    return float(np.median(result.scores()[[pair.same == same for pair in suite.pairs]]))
