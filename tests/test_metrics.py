from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve

from placeproof.metrics import (
    average_precision,
    bootstrap_draws,
    bootstrap_interval,
    brier,
    calibration_bins,
    even_weights,
    expected_calibration_error,
    hit_rate,
    intersection_over_union,
    paired_difference,
    roc_auc,
    true_positive_rate,
)

# From the highest score down: same, other, same, same, other, other.
SAME = np.array([True, False, True, True, False, False])
SCORE = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.1])


@st.composite
def scored_pairs(draw: st.DrawFn) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Labels of both kinds and scores in [0, 1], many of them equal."""
    same = draw(st.lists(st.booleans(), min_size=2, max_size=40).filter(any))
    assume(not all(same))
    score = draw(arrays(np.int64, len(same), elements=st.integers(0, 20)))
    return np.array(same), score / 20


def test_a_case_worked_by_hand() -> None:
    # Of 9 pairs (same, other), the first same place beats 3 others, the second and third 2.
    assert roc_auc(SAME, SCORE) == pytest.approx(7 / 9)
    # Precision where each same place is found: 1/1, 2/3, 3/4.
    assert average_precision(SAME, SCORE) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert true_positive_rate(SAME, SCORE, 0.0) == pytest.approx(1 / 3)
    assert true_positive_rate(SAME, SCORE, 0.33) == pytest.approx(1 / 3)
    assert true_positive_rate(SAME, SCORE, 0.34) == 1.0
    squares = [0.1**2, 0.8**2, 0.3**2, 0.4**2, 0.3**2, 0.1**2]
    assert brier(SAME, SCORE) == pytest.approx(sum(squares) / 6)
    # Three bins of two pairs: means .85, .65, .2 and shares .5, 1, 0.
    assert expected_calibration_error(SAME, SCORE, bins=3) == pytest.approx((0.35 + 0.35 + 0.2) / 3)
    assert expected_calibration_error(SAME, SCORE, bins=1) == pytest.approx(3.4 / 6 - 0.5)


@given(scored_pairs())
def test_the_auc_is_the_share_of_pairs_in_order(
    pairs: tuple[NDArray[np.bool_], NDArray[np.float64]],
) -> None:
    same, score = pairs
    difference = score[same][:, None] - score[~same][None]
    assert roc_auc(same, score) == pytest.approx(((np.sign(difference) + 1) / 2).mean())
    assert roc_auc(~same, -score) == pytest.approx(roc_auc(same, score))
    assert roc_auc(same, -score) == pytest.approx(1 - roc_auc(same, score))


@given(
    scored_pairs(),
    st.sampled_from([np.exp, np.cbrt, lambda x: 1e-3 * x - 7, lambda x: x / (1.01 - x)]),
    st.floats(0, 1),
)
def test_ranks_are_all_that_counts_but_for_probabilities(
    pairs: tuple[NDArray[np.bool_], NDArray[np.float64]],
    rising: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    rate: float,
) -> None:
    same, score = pairs
    assert roc_auc(same, rising(score)) == pytest.approx(roc_auc(same, score))
    assert average_precision(same, rising(score)) == pytest.approx(average_precision(same, score))
    assert true_positive_rate(same, rising(score), rate) == true_positive_rate(same, score, rate)


@given(scored_pairs(), st.floats(0, 1))
def test_a_threshold_reaches_the_true_positive_rate(
    pairs: tuple[NDArray[np.bool_], NDArray[np.float64]], rate: float
) -> None:
    same, score = pairs
    rates = [
        (score[same] >= threshold).mean()
        for threshold in (*score, 2.0)
        if (score[~same] >= threshold).mean() <= rate
    ]
    assert true_positive_rate(same, score, rate) == pytest.approx(max(rates))


def test_thresholds_in_a_row_on_the_curve_count_too() -> None:
    """Each threshold adds one pair of either kind, so that the curve is straight."""
    score = np.arange(10.0).repeat(2)
    assert true_positive_rate(np.tile([True, False], 10), score, 0.3) == pytest.approx(0.3)


@given(scored_pairs(), st.data())
def test_a_weight_of_two_is_a_pair_twice(
    pairs: tuple[NDArray[np.bool_], NDArray[np.float64]], data: st.DataObject
) -> None:
    same, score = pairs
    times = data.draw(arrays(np.int64, len(same), elements=st.integers(1, 3)))
    for metric in (roc_auc, average_precision, brier):
        repeated = metric(np.repeat(same, times), np.repeat(score, times))
        assert metric(same, score, times.astype(float)) == pytest.approx(repeated)
    assert expected_calibration_error(same, score, 5, times.astype(float)) == pytest.approx(
        expected_calibration_error(np.repeat(same, times), np.repeat(score, times), 5)
    )


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 5)), min_size=1), st.integers(1, 20))
def test_probabilities_that_are_shares_have_no_calibration_error(
    places: list[tuple[int, int]], bins: int
) -> None:
    """For each of several probabilities k / 8, as many pairs in eight as it says."""
    same = np.concatenate([np.arange(8 * times) % 8 < k for k, times in places])
    probability = np.concatenate([np.full(8 * times, k / 8) for k, times in places])
    assert expected_calibration_error(same, probability, bins) == pytest.approx(0, abs=1e-12)


@given(scored_pairs(), st.integers(1, 20), st.randoms())
def test_the_calibration_error_does_not_depend_on_the_order(
    pairs: tuple[NDArray[np.bool_], NDArray[np.float64]], bins: int, random: object
) -> None:
    same, score = pairs
    order = np.arange(len(same))
    random.shuffle(order)  # type: ignore[attr-defined]
    error = expected_calibration_error(same, score, bins)
    assert expected_calibration_error(same[order], score[order], bins) == pytest.approx(error)
    assert abs(same.mean() - score.mean()) - 1e-12 <= error <= 1


def test_the_calibration_error_is_that_of_scikit_learns_curve() -> None:
    random = np.random.default_rng(0)
    probability = random.random(1500) ** 3
    same = random.random(1500) < probability**2
    shares, means = calibration_curve(same, probability, n_bins=15, strategy="quantile")
    expected = np.abs(shares - means).mean()  # all bins have 100 pairs
    assert expected > 0.05
    assert expected_calibration_error(same, probability) == pytest.approx(expected)


@given(scored_pairs(), st.integers(1, 20))
def test_bins_hold_every_pair_once(
    pairs: tuple[NDArray[np.bool_], NDArray[np.float64]], bins: int
) -> None:
    same, probability = pairs
    found = calibration_bins(same, probability, bins)
    assert 1 <= len(found.mass) <= bins
    assert found.mass.sum() == len(same)
    assert (found.mass * found.share).sum() == pytest.approx(same.sum())
    assert (found.mass * found.probability).sum() == pytest.approx(probability.sum())
    assert (np.diff(found.probability) > 0).all()


def test_a_case_of_bins_worked_by_hand() -> None:
    means, shares, mass = calibration_bins(SAME, SCORE, bins=3)
    assert means == pytest.approx([0.2, 0.65, 0.85])
    assert shares.tolist() == [0, 1, 0.5]
    assert mass.tolist() == [2, 2, 2]


@given(scored_pairs())
def test_even_weights_bring_even_odds(
    pairs: tuple[NDArray[np.bool_], NDArray[np.float64]],
) -> None:
    same, _ = pairs
    weights = even_weights(same)
    assert weights[same].sum() == pytest.approx(0.5)
    assert weights[~same].sum() == pytest.approx(0.5)
    assert brier(same, np.full(len(same), 0.75), weights) == pytest.approx((0.25**2 + 0.75**2) / 2)


@pytest.mark.parametrize("labels", [[True, True], [False, False]])
def test_one_kind_of_pairs_cannot_be_told_apart(labels: list[bool]) -> None:
    same, score = np.array(labels), np.array([0.2, 0.4])
    for metric in (
        roc_auc,
        average_precision,
        lambda same, score: true_positive_rate(same, score, 0.1),
        lambda same, _score: even_weights(same),
    ):
        with pytest.raises(ValueError, match=r"all 2 pairs show .*; it takes pairs of both kinds"):
            metric(same, score)
    assert brier(same, same.astype(float)) == expected_calibration_error(same, same * 1.0) == 0


def test_what_is_no_measure_is_refused() -> None:
    numbers = np.array([0.2, 0.4])
    both = np.array([True, False])
    with pytest.raises(ValueError, match="no pairs"):
        roc_auc(both[:0], numbers[:0])
    with pytest.raises(ValueError, match=r"2 labels and scores of the shape \(1,\)"):
        brier(both, numbers[:1])
    with pytest.raises(ValueError, match="not all scores are numbers"):
        average_precision(both, np.array([0.2, np.nan]))
    with pytest.raises(ValueError, match=r"not all probabilities are in \[0, 1\]"):
        expected_calibration_error(both, np.array([0.2, 1.1]))
    with pytest.raises(ValueError, match="not all weights are above 0"):
        brier(both, numbers, np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="bool"):
        roc_auc(both.astype(int), numbers)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0 bins"):
        expected_calibration_error(both, numbers, 0)
    with pytest.raises(ValueError, match=r"a rate of 1\.5"):
        true_positive_rate(both, numbers, 1.5)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Labels of 40 independent groups of 5 pairs with one mean each: by far fewer than 200."""
    random = np.random.default_rng(0)

    def mean(same: NDArray[np.bool_], _score: NDArray[np.float64]) -> float:
        return float(same.mean())

    inside, widths = 0, []
    for seed in range(60):
        share = random.beta(1, 1, 40).repeat(5)
        same = random.random(200) < share
        groups = [f"place {i // 5}" for i in range(200)]
        low, high = bootstrap_interval(mean, same, share, groups, resamples=200, seed=seed)
        inside += low <= 0.5 <= high
        widths.append(high - low)
    assert inside >= 51  # of 60; a right interval misses 3 on average
    alone = bootstrap_interval(mean, same, share, range(200), resamples=200)
    assert np.mean(widths) > 1.25 * (alone[1] - alone[0]), "pairs of a group are not independent"


def test_the_interval_of_a_mean_is_the_known_one() -> None:
    score = np.random.default_rng(0).normal(0, 1, 400)
    low, high = bootstrap_interval(
        lambda _same, score: float(score.mean()), score > 0, score, range(400), resamples=4000
    )
    half = 1.96 * score.std() / 20
    assert low == pytest.approx(score.mean() - half, abs=0.08 * half)
    assert high == pytest.approx(score.mean() + half, abs=0.08 * half)


def test_an_interval_is_drawn_over_whole_groups_of_both_kinds() -> None:
    seen = []

    def metric(same: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
        seen.append((same.tolist(), sorted(score.tolist())))
        return float(score.mean())

    same = np.array([True, False, False, True])
    score = np.array([1.0, 2.0, 3.0, 4.0])
    bounds = bootstrap_interval(metric, same, score, ["a", "b", "b", "a"], resamples=30, seed=3)
    assert {tuple(scores) for _, scores in seen} == {(1.0, 2.0, 3.0, 4.0)}, "only both kinds"
    assert bounds == (2.5, 2.5)
    assert len(seen) == 30
    drawn, again = (
        bootstrap_interval(roc_auc, SAME, SCORE, range(6), resamples=100, seed=1) for _ in range(2)
    )
    assert drawn == again
    assert drawn[0] < roc_auc(SAME, SCORE) <= drawn[1] == 1.0
    with pytest.raises(ValueError, match="at least two groups"):
        bootstrap_interval(roc_auc, SAME, SCORE, ["a"] * 6)
    with pytest.raises(ValueError, match="6 labels and 5 groups"):
        bootstrap_interval(roc_auc, SAME, SCORE, range(5))


def test_draws_are_of_whole_groups_and_of_the_seed() -> None:
    same = np.arange(60) % 2 == 0
    groups = [i // 3 for i in range(60)]
    draws, again, others = (bootstrap_draws(same, groups, 50, seed) for seed in (1, 1, 2))
    assert len(draws) == 50
    for drawn in draws:
        counts = np.bincount(drawn, minlength=60).reshape(20, 3)
        assert len(drawn) == 60
        assert (counts == counts[:, :1]).all()
    assert len({tuple(drawn) for drawn in draws}) == 50
    assert all((a == b).all() for a, b in zip(draws, again, strict=True))
    assert any((a != b).any() for a, b in zip(draws, others, strict=True))


def _sampled(
    score: NDArray[np.float64], same: NDArray[np.bool_], draws: list[NDArray[np.intp]]
) -> NDArray[np.float64]:
    return np.array([roc_auc(same[drawn], score[drawn]) for drawn in draws])


def test_a_paired_difference_is_that_of_the_measures() -> None:
    random = np.random.default_rng(1)
    same = np.arange(300) % 2 == 0
    shared = random.normal(size=300) + 1.5 * same
    scores = [shared + random.normal(0, noise, 300) for noise in (0.1, 1.0)]
    groups = [i // 2 for i in range(300)]
    draws = bootstrap_draws(same, groups, 300)
    samples = [_sampled(score, same, draws) for score in scores]
    value = roc_auc(same, scores[0]) - roc_auc(same, scores[1])
    found = paired_difference(value, *samples)
    assert found.value == value
    assert 0 < found.low < found.value < found.high
    assert found.p_value == pytest.approx(2 / 301), "the least that 300 draws can tell"
    back = paired_difference(-value, *samples[::-1])
    assert back.p_value == found.p_value
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))
    # What makes a draw easy makes it easy for both: apart, the two intervals would be wider.
    alone = [bootstrap_interval(roc_auc, same, score, groups, 300) for score in scores]
    apart = np.hypot(*(high - low for low, high in alone))
    assert found.high - found.low < 0.9 * apart
    none = paired_difference(0.0, samples[0], samples[0])
    assert (none.low, none.high, none.p_value) == (0, 0, 1)
    with pytest.raises(ValueError, match="300 and 299 measures"):
        paired_difference(value, samples[0], samples[1][1:])


def test_equal_methods_are_rarely_told_apart() -> None:
    """The p value of two methods of equal worth is below .2 in about a fifth of the trials."""
    same = np.arange(80) % 2 == 0
    groups = [i // 2 for i in range(80)]
    below, inside = 0, 0
    for seed in range(150):
        first, second = np.random.default_rng(seed).normal(size=(2, 40)).repeat(2, axis=1)
        draws = bootstrap_draws(same, groups, 200, seed)
        samples = [np.array([score[drawn].mean() for drawn in draws]) for score in (first, second)]
        found = paired_difference(first.mean() - second.mean(), *samples)
        below += found.p_value < 0.2
        inside += found.low <= 0 <= found.high
    assert 15 <= below <= 50  # 30 on average, give or take 5
    assert inside >= 130  # 142 on average, a little fewer with 40 groups


masks = arrays(np.bool_, (3, 4))


@given(masks, masks)
def test_overlaps_are_those_of_sets(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> None:
    sets = [set(zip(*np.nonzero(mask), strict=True)) for mask in (found, true)]
    union = sets[0] | sets[1]
    expected = len(sets[0] & sets[1]) / len(union) if union else 1.0
    assert intersection_over_union(found, true) == pytest.approx(expected)
    assert intersection_over_union(true, true) == 1.0


def test_masks_of_other_shapes_have_no_overlap() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\) and \(2, 1\)"):
        intersection_over_union(np.ones((2, 2), bool), np.ones((2, 1), bool))


def test_a_region_is_hit_from_half_an_overlap_on() -> None:
    assert hit_rate([0.5, 0.49, 1.0, 0.0]) == 0.5
    assert hit_rate(np.array([0.5, 0.49, 1.0, 0.0]), least=0.4) == 0.75
    with pytest.raises(ValueError, match="no regions"):
        hit_rate([])
