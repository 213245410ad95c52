"""The measures of ranking on all draws of a bootstrap at once.

They are those of :mod:`placeproof.metrics`, which are measured one draw at a time: with a thousand
draws and a dozen methods, minutes instead of seconds.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from placeproof.metrics import Labels, Scores

_AT_ONCE = 2_000_000  # numbers in an array: 16 MB


class Ranking(NamedTuple):
    """Measures of B draws, (B,) float64 each.

    Attributes:
        auc: Area under the ROC curve.
        average_precision: Average precision.
        found_at_1_percent: True positive rate at 1 % false positives.
        found_at_01_percent: The same at 0.1 %.
    """

    auc: Scores
    average_precision: Scores
    found_at_1_percent: Scores
    found_at_01_percent: Scores


def ranking_samples(same: Labels, score: Scores, draws: Sequence[NDArray[np.intp]]) -> Ranking:
    """Measures scores on every draw.

    Args:
        same: (N,) labels.
        score: (N,) scores.
        draws: What :func:`placeproof.metrics.bootstrap_draws` gives for labels of both kinds;
            there may be none.
    """
    order = np.argsort(-score)
    last = np.append(np.diff(score[order]) != 0, True)  # of equal scores: a threshold each
    chunk = max(1, _AT_ONCE // len(same))
    nothing = np.empty(0)
    parts = [Ranking(nothing, nothing, nothing, nothing)]
    for start in range(0, len(draws), chunk):
        counts = np.stack(
            [np.bincount(d, minlength=len(same)) for d in draws[start : start + chunk]]
        )[:, order]
        true = np.cumsum(counts * same[order], axis=1)[:, last]
        false = np.cumsum(counts * ~same[order], axis=1)[:, last]
        parts.append(_measures(true, false))
    return Ranking(*map(np.concatenate, zip(*parts, strict=True)))


def _measures(true: NDArray[np.int64], false: NDArray[np.int64]) -> Ranking:
    """From how many pairs of either kind, (B, T), reach each of T falling thresholds."""
    start = np.zeros((len(true), 1), dtype=int)
    more_true, more_false = np.diff(true, prepend=start), np.diff(false, prepend=start)
    all_true, all_false = true[:, -1:], false[:, -1:]
    found, wrong = true / all_true, false / all_false
    precision = true / np.maximum(true + false, 1)
    return Ranking(
        auc=(more_false * (true - more_true / 2)).sum(axis=1) / (all_true * all_false)[:, 0],
        average_precision=(more_true * precision).sum(axis=1) / all_true[:, 0],
        found_at_1_percent=np.where(wrong <= 0.01, found, 0).max(axis=1),
        found_at_01_percent=np.where(wrong <= 0.001, found, 0).max(axis=1),
    )
