"""Measures methods on a suite (paper, section 5.3), each number with its bootstrap interval.

All intervals draw places with replacement, since pairs of one place are no independent evidence,
and all methods are measured on the same draws.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from placeproof.errors import EvaluationError
from placeproof.evaluation.localizing import Truth, bearing_errors, box_overlaps, mask_overlaps
from placeproof.evaluation.measures import (
    BearingMeasures,
    Estimate,
    Measures,
    MethodMeasures,
    OverlapMeasures,
    VerdictMeasures,
)
from placeproof.evaluation.ranking import ranking_samples
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.metrics import (
    LEAST_OVERLAP,
    Labels,
    Metric,
    Scores,
    average_precision,
    bootstrap_draws,
    brier,
    expected_calibration_error,
    paired_difference,
    percentile_interval,
    roc_auc,
    true_positive_rate,
)
from placeproof.results import Verdict

RESAMPLES = 1000
SEED = 0
CLOSE = 30.0  # degrees, to within which a direction counts as found


def measure(
    suite: Suite, results: Sequence[MethodResult], resamples: int = RESAMPLES, seed: int = SEED
) -> Measures:
    """Measures every method.

    Args:
        suite: The pairs.
        results: What each method says of them.
        resamples: Draws of the bootstrap.
        seed: Of the draws.

    Raises:
        EvaluationError: If there is no method, one is there twice, or one has not answered each
            pair.
        PlaceproofError: If a true mask cannot be read.
    """
    check_results(suite, results)
    same = np.array([pair.same for pair in suite.pairs])
    pairs = _Pairs(same, [pair.place for pair in suite.pairs], resamples, seed)
    samples = [ranking_samples(same, result.scores(), pairs.draws) for result in results]
    aucs = [roc_auc(same, result.scores()) for result in results]
    order = sorted(range(len(results)), key=lambda number: -aucs[number])
    best = order[0]
    truth = Truth(suite)
    methods = []
    for number in order:
        result, sampled = results[number], samples[number]
        score, stated = result.scores(), result.probabilities()
        difference = None
        if number != best and pairs.draws:
            value = aucs[number] - aucs[best]
            difference = paired_difference(value, sampled.auc, samples[best].auc)
        methods.append(
            MethodMeasures(
                name=result.name,
                title=result.title,
                source=result.source,
                weights=result.weights,
                auc=_estimate(aucs[number], sampled.auc),
                average_precision=_estimate(
                    average_precision(same, score), sampled.average_precision
                ),
                found_at_1_percent=_estimate(
                    true_positive_rate(same, score, 0.01), sampled.found_at_1_percent
                ),
                found_at_01_percent=_estimate(
                    true_positive_rate(same, score, 0.001), sampled.found_at_01_percent
                ),
                ece=None if stated is None else pairs.estimate(expected_calibration_error, stated),
                brier=None if stated is None else pairs.estimate(brier, stated),
                verdicts=_verdicts(pairs, result.verdicts()),
                against_best=difference,
                masks=_overlaps(pairs, mask_overlaps(result, truth)),
                boxes=_overlaps(pairs, box_overlaps(result, truth)),
                bearings=_bearings(pairs, bearing_errors(suite, result)),
                cost=result.cost,
            )
        )
    return Measures(
        suite=suite.name,
        about=suite.about,
        fingerprint=suite.fingerprint(),
        pairs=len(suite.pairs),
        same=int(same.sum()),
        places=len(set(pairs.places)),
        resamples=resamples,
        seed=seed,
        methods=tuple(methods),
    )


def check_results(suite: Suite, results: Sequence[MethodResult]) -> None:
    """Makes sure that there are methods, each once, and that each has answered every pair.

    Raises:
        EvaluationError: If that is not so.
    """
    if not results:
        raise EvaluationError("there is no method to measure")
    if len({result.name for result in results}) < len(results):
        raise EvaluationError("a method is there twice; a run has each once")
    for result in results:
        if len(result.answers) != len(suite.pairs):
            raise EvaluationError(
                f"{result.name} has answered {len(result.answers)} of {len(suite.pairs)} pairs"
            )


class _Pairs:
    """A suite's pairs, or some of them, and the draws of the bootstrap; none of a single place."""

    def __init__(self, same: Labels, places: Sequence[str], resamples: int, seed: int) -> None:
        self.same = same
        self.places = places
        self._settings = resamples, seed
        self.draws = bootstrap_draws(same, places, *self._settings) if len(set(places)) > 1 else []

    def estimate(self, metric: Metric, score: Scores) -> Estimate:
        samples = [metric(self.same[drawn], score[drawn]) for drawn in self.draws]
        return _estimate(metric(self.same, score), np.array(samples))

    def some(self, pairs: NDArray[np.intp]) -> "_Pairs":
        """The same for some of the pairs."""
        return _Pairs(self.same[pairs], [self.places[pair] for pair in pairs], *self._settings)


def _estimate(value: float, samples: Scores) -> Estimate:
    low, high = percentile_interval(samples) if len(samples) else (None, None)
    return Estimate(value, low, high)


def _mean(_same: Labels, values: Scores) -> float:
    return float(values.mean())


def _median(_same: Labels, values: Scores) -> float:
    return float(np.median(values))


def _verdicts(pairs: _Pairs, verdicts: Sequence[Verdict] | None) -> VerdictMeasures | None:
    if verdicts is None:
        return None
    consistent = np.array([verdict is Verdict.CONSISTENT for verdict in verdicts])
    inconsistent = np.array([verdict is Verdict.INCONSISTENT for verdict in verdicts])
    concluded = consistent | inconsistent
    wrong = np.where(pairs.same, inconsistent, consistent).astype(float)
    same, different = (pairs.some(np.flatnonzero(chosen)) for chosen in (pairs.same, ~pairs.same))
    error = None
    if concluded.any():
        error = pairs.some(np.flatnonzero(concluded)).estimate(_mean, wrong[concluded])
    return VerdictMeasures(
        same_consistent=same.estimate(_mean, consistent[pairs.same].astype(float)),
        same_inconsistent=same.estimate(_mean, inconsistent[pairs.same].astype(float)),
        different_consistent=different.estimate(_mean, consistent[~pairs.same].astype(float)),
        different_inconsistent=different.estimate(_mean, inconsistent[~pairs.same].astype(float)),
        coverage=pairs.estimate(_mean, concluded.astype(float)),
        error=error,
    )


def _overlaps(all_pairs: _Pairs, overlaps: dict[int, float] | None) -> OverlapMeasures | None:
    if not overlaps:
        return None
    values = np.array(list(overlaps.values()))
    known = all_pairs.some(np.array(list(overlaps)))
    hits = (values >= LEAST_OVERLAP).astype(float)
    return OverlapMeasures(len(values), known.estimate(_mean, values), known.estimate(_mean, hits))


def _bearings(all_pairs: _Pairs, errors: dict[int, float] | None) -> BearingMeasures | None:
    if not errors:
        return None
    pairs, values = np.array(list(errors)), np.array(list(errors.values()))
    given = np.isfinite(values)
    close = (values <= CLOSE).astype(float)
    median = all_pairs.some(pairs[given]).estimate(_median, values[given]) if given.any() else None
    within = all_pairs.some(pairs).estimate(_mean, close)
    return BearingMeasures(len(values), int(given.sum()), median, within)
