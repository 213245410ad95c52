"""How true the stated probabilities are: a reliability diagram."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from placeproof.evaluation.figures.drawn import Drawn
from placeproof.evaluation.figures.style import SOFT, label, looks, small_multiples, styled
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.metrics import BINS, calibration_bins, expected_calibration_error


@styled
def draw_reliability(suite: Suite, results: Sequence[MethodResult]) -> Drawn | None:
    """One panel for each method that states probabilities; None where none does."""
    same = np.array([pair.same for pair in suite.pairs])
    stated = [
        (result, probability)
        for result in results
        if (probability := result.probabilities()) is not None
    ]
    if not stated:
        return None
    look = looks(results)
    figure, panels = small_multiples(len(stated), columns=3, width=3.8, height=3.9)
    errors = []
    for axes, (result, probability) in zip(panels, stated, strict=True):
        bins = calibration_bins(same, probability)
        bounds = np.array([_interval(m * s, m) for m, s in zip(bins.mass, bins.share, strict=True)])
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1)
        axes.errorbar(
            bins.probability,
            bins.share,
            yerr=np.abs(bounds.T - bins.share),
            fmt="o-",
            color=look[result.name].colour,
            linewidth=1.2,
            elinewidth=1,
            markersize=5,
        )
        errors.append(expected_calibration_error(same, probability))
        axes.set_title(f"{label(result.title)}\nECE {errors[-1]:.3f}", loc="left")
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="Stated probability")
        axes.set_ylabel("Share of the same place")
        axes.set_aspect("equal")
        axes.grid(visible=True)
    texts = ", ".join(f"{r.title} {e:.3f}" for (r, _), e in zip(stated, errors, strict=True))
    return Drawn(
        name="reliability",
        title="Reliability of the probabilities",
        alt=f"Reliability diagram: stated probability against share of pairs of the same place. "
        f"Calibration errors: {texts}.",
        caption=f"Up to {BINS} bins of equally many pairs. On the diagonal, as many pairs show the "
        "same place as was stated; above it more, below it fewer. Bars: 95 % intervals of the "
        "share (Wilson), as if pairs were independent.",
        figure=figure,
    )


def _interval(successes: float, pairs: float) -> tuple[float, float]:
    bounds = binomtest(round(successes), round(pairs)).proportion_ci(method="wilson")
    return bounds.low, bounds.high
