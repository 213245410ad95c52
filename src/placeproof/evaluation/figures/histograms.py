"""How each method's scores are spread, by kind of pair."""

from collections.abc import Sequence

import numpy as np

from placeproof.evaluation.figures.drawn import Drawn
from placeproof.evaluation.figures.style import DIFFERENT, SAME, label, small_multiples, styled
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.metrics import Scores

_BINS = 30
_FAR_OUT = 3.0  # quartile distances beyond the quartiles (Tukey); bell curves hold nothing there


@styled
def draw_histograms(suite: Suite, results: Sequence[MethodResult]) -> Drawn:
    """One panel for each method, its own scale along the bottom."""
    same = np.array([pair.same for pair in suite.pairs])
    figure, panels = small_multiples(len(results), columns=3, width=3.8, height=2.3)
    for axes, result in zip(panels, results, strict=True):
        score = _without_far_out(result.scores())
        edges = np.histogram_bin_edges(score, _BINS).tolist()
        for kind, colour, what in (
            (~same, DIFFERENT, "different places"),
            (same, SAME, "same place"),
        ):
            weights = np.full(kind.sum(), 1 / kind.sum())
            axes.hist(score[kind], edges, weights=weights, color=colour, alpha=0.35)
            axes.hist(
                score[kind],
                edges,
                weights=weights,
                histtype="step",
                color=colour,
                linewidth=1.6,
                linestyle="solid" if kind is same else "dashed",
                label=what,
            )
        axes.set_title(label(result.title), loc="left")
        axes.tick_params(labelsize=9)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return Drawn(
        name="histograms",
        title="Scores",
        alt=f"Histograms of the scores of {len(results)} methods, those of pairs of the same place "
        "over those of pairs of different places.",
        caption="Score along the bottom, each method on its own scale; height: share of the pairs "
        "of that kind; scores far out are counted in the outermost bars. The less the "
        "two kinds overlap, the better the method tells them apart.",
        figure=figure,
    )


def _without_far_out(score: Scores) -> Scores:
    """Scores moved to within Tukey's outer fences: a few huge ones leave all others one bar."""
    low, high = np.quantile(score, (0.25, 0.75))
    reach = _FAR_OUT * (high - low)
    return np.clip(score, low - reach, high + reach) if reach else score
