"""Two runs on the same pairs: what has become of each method."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from placeproof.errors import EvaluationError
from placeproof.evaluation.measuring import RESAMPLES, SEED, check_results
from placeproof.evaluation.ranking import ranking_samples
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.metrics import (
    Difference,
    average_precision,
    bootstrap_draws,
    paired_difference,
    roc_auc,
)


@dataclass(frozen=True, slots=True)
class Change:
    """A method in this run and in an earlier one.

    Attributes:
        name: What users call it.
        title: What figures call it.
        auc: This run's AUC.
        earlier_auc: That of the earlier run.
        auc_difference: The first less the second.
        average_precision_difference: The same of average precision.
        equal: Whether all scores are the same numbers.
        earlier_weights: The earlier run's weights, where they are others.
    """

    name: str
    title: str
    auc: float
    earlier_auc: float
    auc_difference: Difference
    average_precision_difference: Difference
    equal: bool
    earlier_weights: str | None


@dataclass(frozen=True, slots=True)
class RunComparison:
    """This run against an earlier one.

    Attributes:
        earlier: What to call the earlier run: its folder.
        changes: Of every method in both, in this run's order.
        added: Titles of the methods in this run alone.
        dropped: Titles of those in the earlier one alone.
    """

    earlier: str
    changes: tuple[Change, ...]
    added: tuple[str, ...]
    dropped: tuple[str, ...]


def compare_runs(
    suite: Suite,
    results: Sequence[MethodResult],
    earlier: str,
    earlier_fingerprint: str,
    earlier_results: Sequence[MethodResult],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> RunComparison:
    """Compares this run's scores with an earlier run's, method by method and pair by pair.

    Args:
        suite: The pairs.
        results: This run's methods.
        earlier: What to call the earlier run.
        earlier_fingerprint: Of the earlier run's pairs.
        earlier_results: The earlier run's methods.
        resamples: Draws of the bootstrap, over places.
        seed: Of the draws.

    Raises:
        EvaluationError: If the earlier run was on other pairs, is not complete, or has no method
            of this run, or if all pairs are of one place.
    """
    if earlier_fingerprint != suite.fingerprint():
        raise EvaluationError(f"'{earlier}' was run on other pairs; it cannot be compared")
    check_results(suite, results)
    check_results(suite, earlier_results)
    before = {result.name: result for result in earlier_results}
    both = [result for result in results if result.name in before]
    if not both:
        raise EvaluationError(f"'{earlier}' has no method of this run to compare with")
    places = [pair.place for pair in suite.pairs]
    if len(set(places)) < 2:
        raise EvaluationError("all pairs are of one place; a comparison takes at least two")
    same = np.array([pair.same for pair in suite.pairs])
    draws = bootstrap_draws(same, places, resamples, seed)
    changes = []
    for now in both:
        then = before[now.name]
        scores = now.scores(), then.scores()
        samples = [ranking_samples(same, score, draws) for score in scores]
        auc, earlier_auc = (roc_auc(same, score) for score in scores)
        precision, earlier_precision = (average_precision(same, score) for score in scores)
        changes.append(
            Change(
                name=now.name,
                title=now.title,
                auc=auc,
                earlier_auc=earlier_auc,
                auc_difference=paired_difference(
                    auc - earlier_auc, *(sampled.auc for sampled in samples)
                ),
                average_precision_difference=paired_difference(
                    precision - earlier_precision,
                    *(sampled.average_precision for sampled in samples),
                ),
                equal=bool(np.array_equal(*scores)),
                earlier_weights=None if now.weights == then.weights else then.weights,
            )
        )
    names = {result.name for result in results}
    return RunComparison(
        earlier=earlier,
        changes=tuple(changes),
        added=tuple(result.title for result in results if result.name not in before),
        dropped=tuple(result.title for result in earlier_results if result.name not in names),
    )
