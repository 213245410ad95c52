from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluated import answer, make_suite, method, scored

from placeproof.errors import EvaluationError
from placeproof.evaluation.compare import RunComparison, compare_runs
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.metrics import average_precision, bootstrap_draws, roc_auc


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return make_suite(tmp_path)


def compared(suite: Suite, now: list[MethodResult], then: list[MethodResult]) -> RunComparison:
    return compare_runs(suite, now, "runs/old", suite.fingerprint(), then, resamples=60)


def test_each_method_is_compared_with_itself_pair_by_pair(suite: Suite) -> None:
    now, then = scored(suite, "a", 3.0, seed=1), scored(suite, "a", 0.3, seed=2)
    found = compared(suite, [now], [then])
    (change,) = found.changes
    same, places = np.array([p.same for p in suite.pairs]), [p.place for p in suite.pairs]
    assert change.auc == pytest.approx(roc_auc(same, now.scores()))
    assert change.earlier_auc == pytest.approx(roc_auc(same, then.scores()))
    assert change.auc > change.earlier_auc
    draws = bootstrap_draws(same, places, 60)
    for metric, difference in (
        (roc_auc, change.auc_difference),
        (average_precision, change.average_precision_difference),
    ):
        value = metric(same, now.scores()) - metric(same, then.scores())
        assert difference.value == pytest.approx(value)
        samples = [
            metric(same[d], now.scores()[d]) - metric(same[d], then.scores()[d]) for d in draws
        ]
        low, high = np.quantile(samples, (0.025, 0.975))
        assert (difference.low, difference.high) == pytest.approx((low, high))
    assert not change.equal
    assert change.earlier_weights is None
    assert found.earlier == "runs/old"


def test_the_same_scores_are_no_change(suite: Suite) -> None:
    result = scored(suite, "a", 1.0)
    (change,) = compared(suite, [result], [replace(result, weights="others")]).changes
    assert change.equal
    assert (change.auc_difference.value, change.auc_difference.p_value) == (0, 1)
    assert change.earlier_weights == "others"
    rising = method("a", [answer(a.score * 2 + 1) for a in result.answers])
    (change,) = compared(suite, [result], [rising]).changes
    assert not change.equal, "the same order is not the same numbers"
    assert change.auc_difference.p_value == 1


def test_methods_of_one_run_alone_are_named(suite: Suite) -> None:
    a, b, c = (scored(suite, name, 1.0, seed) for seed, name in enumerate("abc"))
    found = compared(suite, [b, a], [a, c])
    assert [change.name for change in found.changes] == ["a"]
    assert (found.added, found.dropped) == (("B",), ("C",))


def test_runs_that_cannot_be_compared(suite: Suite) -> None:
    a, b = (scored(suite, name, 1.0) for name in "ab")
    with pytest.raises(EvaluationError, match="'runs/old' was run on other pairs"):
        compare_runs(suite, [a], "runs/old", "another", [a])
    with pytest.raises(EvaluationError, match="'runs/old' has no method of this run"):
        compared(suite, [a], [b])
    with pytest.raises(EvaluationError, match="a has answered 1 of 16 pairs"):
        compared(suite, [a], [replace(a, answers=a.answers[:1])])
    one = replace(suite, pairs=tuple(replace(pair, place="here") for pair in suite.pairs))
    with pytest.raises(EvaluationError, match="one place"):
        compared(one, [a], [a])
