"""ROC and precision-recall curves of all methods (paper, Fig. 8)."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from placeproof.evaluation.figures.drawn import Drawn
from placeproof.evaluation.figures.style import SOFT, Look, label, looks, new_figure, styled
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.metrics import Labels, Scores, average_precision, roc_auc

_Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


@styled
def draw_curves(suite: Suite, results: Sequence[MethodResult]) -> Drawn:
    """Both curves side by side, each with a legend in the order of its own measure."""
    same = np.array([pair.same for pair in suite.pairs])
    heights = 5.4, 0.5 + 0.24 * len(results)
    figure = new_figure(11.5, sum(heights))
    curves, legends = figure.subplots(2, 2, gridspec_kw={"height_ratios": heights})
    roc, precision = curves
    look = looks(results)
    share = float(same.mean())
    aucs = _draw(roc, results, look, same, _roc, roc_auc)
    precisions = _draw(precision, results, look, same, _precision_recall, average_precision)
    for axes, below, title in zip(curves, legends, ("AUC", "AP"), strict=True):
        below.set_axis_off()
        handles, labels = axes.get_legend_handles_labels()
        below.legend(
            handles, labels, title=title, loc="upper left", alignment="left", handlelength=3.5
        )
    roc.plot([0, 1], [0, 1], color=SOFT, linewidth=1, zorder=1)
    precision.plot([0, 1], [share, share], color=SOFT, linewidth=1, zorder=1)
    _finish(roc, "ROC", "False positive rate", "True positive rate")
    _finish(precision, "Precision and recall", "Recall", "Precision")
    best, best_auc = aucs[0]
    return Drawn(
        name="curves",
        title="ROC and precision-recall curves",
        alt=f"ROC and precision-recall curves of {len(results)} methods. The best AUC has {best}, "
        f"with {best_auc:.3f}, the best average precision {precisions[0][0]}, with "
        f"{precisions[0][1]:.3f}; all numbers are in the table.",
        caption="As in Fig. 8 of the paper. AUC: area under the ROC curve; AP: average precision. "
        "Thin grey lines: scores that say nothing. Nothing is interpolated.",
        figure=figure,
    )


def _draw(
    axes: Axes,
    results: Sequence[MethodResult],
    look: dict[str, Look],
    same: Labels,
    curve: Callable[[Labels, Scores], _Curve],
    measure: Callable[[Labels, Scores], float],
) -> list[tuple[str, float]]:
    """Draws one curve of every method; returns titles and measures, the best first."""
    measured = {result.name: measure(same, result.scores()) for result in results}
    ordered = sorted(results, key=lambda result: -measured[result.name])
    for rank, result in enumerate(ordered):
        x, y = curve(same, result.scores())
        axes.plot(
            x,
            y,
            color=look[result.name].colour,
            linestyle=look[result.name].line,
            linewidth=1.8,
            label=f"{measured[result.name]:.3f}  {label(result.title)}",
            zorder=3 + len(results) - rank,
        )
    return [(result.title, measured[result.name]) for result in ordered]


def _roc(same: Labels, score: Scores) -> _Curve:
    false, true, _ = roc_curve(same, score, drop_intermediate=False)
    return false, true


def _precision_recall(same: Labels, score: Scores) -> _Curve:
    """Steps: up to each recall, the precision of the first threshold that reaches it."""
    precision, recall, _ = precision_recall_curve(same, score)
    precision, recall = precision[::-1], recall[::-1]  # rising recall
    reached = np.flatnonzero(np.diff(recall) > 0)
    x = np.repeat(recall[np.append(0, reached + 1)], 2)[1:-1]
    return x, np.repeat(precision[reached + 1], 2)


def _finish(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axes.set_aspect("equal")
    axes.grid(visible=True)
