"""How well scores tell the same place from others, how true probabilities are, how masks overlap.

Everywhere ``same`` is (N,) bool, whether a pair shows the same place, and the scores are (N,)
float64. Pairs may be weighted: development pairs hold more of different places than of the same
one, and the weights bring both back to even odds.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

BINS = 15  # of the calibration error; the usual number (Guo et al., ICML 2017)
LEAST_OVERLAP = 0.5  # from which on a mask has found its region (PASCAL VOC's rule)

Labels = NDArray[np.bool_]
Scores = NDArray[np.float64]


class Bins(NamedTuple):
    """Pairs by their probabilities, those that hold no pair left out.

    Attributes:
        probability: (B,) mean probability of each bin's pairs, rising.
        share: (B,) share of them that do show the same place.
        mass: (B,) how many there are, or the sum of their weights.
    """

    probability: Scores
    share: Scores
    mass: Scores


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one measure is above another on the same pairs.

    Attributes:
        value: The difference; above 0 where the first is higher.
        low: Lower bound of its 95 % interval.
        high: Upper bound.
        p_value: Two-sided, of the difference being 0; no less than 2 / (resamples + 1).
    """

    value: float
    low: float
    high: float
    p_value: float


class Metric(Protocol):
    """A measure of scores."""

    def __call__(self, same: Labels, score: Scores, /) -> float:
        """The measure of all pairs."""
        ...


def roc_auc(same: Labels, score: Scores, weights: Scores | None = None) -> float:
    """The area under the ROC curve: how often a pair of one place scores above one of two places.

    Args:
        same: (N,) labels.
        score: (N,), higher where the same place is likelier; equal scores count one half.
        weights: (N,) above 0, or None where all pairs count the same.

    Returns:
        In [0, 1]; 0.5 for scores that say nothing.

    Raises:
        ValueError: If there are not both kinds of pairs, or an array is of another length or
            holds what is no number.
    """
    _check_both(same, score, weights)
    return float(roc_auc_score(same, score, sample_weight=weights))


def average_precision(same: Labels, score: Scores, weights: Scores | None = None) -> float:
    """The mean precision over all recalls, as a sum over thresholds and without interpolation.

    Arguments and errors are those of :func:`roc_auc`.

    Returns:
        In [0, 1]; for scores that say nothing, the share of pairs that show the same place.
    """
    _check_both(same, score, weights)
    return float(average_precision_score(same, score, sample_weight=weights))


def true_positive_rate(same: Labels, score: Scores, false_positive_rate: float) -> float:
    """The share of pairs of one place that a threshold finds which few others reach.

    It is the best share among the thresholds that at most ``false_positive_rate`` of the pairs of
    two places reach. Nothing is interpolated between thresholds, since nobody can set one there.

    Args:
        same: (N,) labels.
        score: (N,), higher where the same place is likelier.
        false_positive_rate: In [0, 1].

    Returns:
        In [0, 1].

    Raises:
        ValueError: As of :func:`roc_auc`, and if the rate is not in [0, 1].
    """
    _check_both(same, score, None)
    if not 0 <= false_positive_rate <= 1:
        raise ValueError(f"a rate of {false_positive_rate} is not in [0, 1]")
    false, true, _ = roc_curve(same, score, drop_intermediate=False)
    return float(true[false <= false_positive_rate].max())


def calibration_bins(
    same: Labels, probability: Scores, bins: int = BINS, weights: Scores | None = None
) -> Bins:
    """What share of the pairs of about one probability do show the same place.

    The bins hold equal numbers of pairs (equal mass). Most probabilities of a good network lie
    near 0 and 1, so that bins of equal width would leave the middle ones a handful of pairs
    each, whose shares are chance. Equal probabilities are never parted: they go to the bin that
    the middle of their mass lies in.

    Args:
        same: (N,) labels.
        probability: (N,) in [0, 1].
        bins: How many there are at most; with fewer different probabilities some stay empty.
        weights: (N,) above 0, or None where all pairs count the same.

    Raises:
        ValueError: If there are no bins or no pairs, an array is of another length, or a
            probability is not in [0, 1].
    """
    if bins < 1:
        raise ValueError(f"{bins} bins hold no pairs")
    _check_probabilities(same, probability, weights)
    weight = np.ones(len(same)) if weights is None else weights
    _, group = np.unique(probability, return_inverse=True)
    group_mass = np.bincount(group, weight)
    middle = (np.cumsum(group_mass) - group_mass / 2) / group_mass.sum()
    bin_of = np.minimum((middle * bins).astype(int), bins - 1)[group]
    mass: Scores = np.bincount(bin_of, weight).astype(float)
    filled = mass > 0
    probabilities = np.bincount(bin_of, weight * probability)[filled] / mass[filled]
    shares = np.bincount(bin_of, weight * same)[filled] / mass[filled]
    return Bins(probabilities, shares, mass[filled])


def expected_calibration_error(
    same: Labels, probability: Scores, bins: int = BINS, weights: Scores | None = None
) -> float:
    """How far probabilities are from the shares of pairs that do show the same place (ECE).

    Arguments and errors are those of :func:`calibration_bins`.

    Returns:
        In [0, 1]: the mean over pairs of their bin's difference between the mean probability and
        the share of pairs of one place.
    """
    found = calibration_bins(same, probability, bins, weights)
    return float(np.average(np.abs(found.share - found.probability), weights=found.mass))


def brier(same: Labels, probability: Scores, weights: Scores | None = None) -> float:
    """The mean squared difference between probabilities and labels (1: same place).

    Args:
        same: (N,) labels.
        probability: (N,) in [0, 1].
        weights: (N,) above 0, or None where all pairs count the same.

    Returns:
        In [0, 1]; 0.25 for a probability of 0.5 everywhere.

    Raises:
        ValueError: As of :func:`calibration_bins`.
    """
    _check_probabilities(same, probability, weights)
    return float(np.average((same - probability) ** 2, weights=weights))


def even_weights(same: Labels) -> Scores:
    """Weights (N,) by which both kinds of pairs count the same; they sum to 1.

    Raises:
        ValueError: If there are not both kinds.
    """
    _check_both(same, np.zeros(len(same)), None)
    weights: Scores = np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())
    return weights


def bootstrap_draws(
    same: Labels, groups: Sequence[Hashable], resamples: int = 1000, seed: int = 0
) -> list[NDArray[np.intp]]:
    """Which pairs are in each draw of groups of pairs, with replacement.

    Pairs of one place or of one photo are no independent evidence, so they are drawn together
    (cluster bootstrap). Where there are both kinds of pairs, a draw without both says nothing and
    is drawn again. Scores have no part in it: all methods can be measured on the same draws.

    Args:
        same: (N,) labels.
        groups: (N,) what each pair belongs to: a place, or a photo.
        resamples: How many times to draw.
        seed: Of the draws.

    Returns:
        ``resamples`` arrays of indices of pairs; their lengths differ where the groups' do.

    Raises:
        ValueError: If there are fewer than two groups, or another number of labels.
    """
    if len(same) != len(groups):
        raise ValueError(f"{len(same)} labels and {len(groups)} groups")
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    if len(numbers) < 2:
        raise ValueError("an interval needs pairs of at least two groups")
    number = np.array([numbers[group] for group in groups])
    members = [np.flatnonzero(number == n) for n in range(len(numbers))]
    kinds = len(np.unique(same))
    random = np.random.default_rng(seed)
    draws: list[NDArray[np.intp]] = []
    while len(draws) < resamples:
        drawn = np.concatenate([members[n] for n in random.integers(0, len(members), len(members))])
        if len(np.unique(same[drawn])) == kinds:
            draws.append(drawn)
    return draws


def percentile_interval(samples: Scores) -> tuple[float, float]:
    """Lower and upper bound of the 95 % interval of a measure, from its values (B,) on B draws."""
    low, high = np.quantile(samples, (0.025, 0.975))
    return float(low), float(high)


def bootstrap_interval(
    metric: Metric,
    same: Labels,
    score: Scores,
    groups: Sequence[Hashable],
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % interval of a measure, by drawing groups of pairs with replacement.

    Args:
        metric: What to measure.
        same: (N,) labels.
        score: (N,) scores.
        groups: (N,) what each pair belongs to: a place, or a photo.
        resamples: How many times to draw.
        seed: Of the draws.

    Returns:
        The lower and the upper bound.

    Raises:
        ValueError: As of :func:`bootstrap_draws`, and if there is another number of scores.
    """
    if len(same) != len(score):
        raise ValueError(f"{len(same)} labels and {len(score)} scores")
    draws = bootstrap_draws(same, groups, resamples, seed)
    return percentile_interval(np.array([metric(same[drawn], score[drawn]) for drawn in draws]))


def paired_difference(value: float, first: Scores, second: Scores) -> Difference:
    """By how much a measure of one method is above that of another (paired bootstrap).

    Both are measured on the same draws. What makes a draw easy makes it easy for both, so that
    the interval is narrower than those of the two measures suggest.

    Args:
        value: The difference on all pairs.
        first: (B,) the first method's measure on each draw.
        second: (B,) the second's, on the same draws.

    Raises:
        ValueError: If there are not as many of both.
    """
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} and {len(second)} measures are not of the same draws")
    differences = first - second
    # One is added to both counts, so that no finite number of draws makes a p value of 0.
    rarer = min(int((differences <= 0).sum()), int((differences >= 0).sum())) + 1
    low, high = percentile_interval(differences)
    return Difference(value, low, high, min(1.0, 2 * rarer / (len(differences) + 1)))


def intersection_over_union(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """How well a found region covers the true one (Jaccard index).

    Args:
        found: Bool, any shape.
        true: Bool, the same shape.

    Returns:
        In [0, 1]; 1 where both are empty.

    Raises:
        ValueError: If the shapes differ.
    """
    if found.shape != true.shape:
        raise ValueError(f"masks of the shapes {found.shape} and {true.shape} do not overlap")
    union = int((found | true).sum())
    return float((found & true).sum() / union) if union else 1.0


def hit_rate(overlaps: Sequence[float] | Scores, least: float = LEAST_OVERLAP) -> float:
    """The share of regions that were found: those that overlap by at least ``least``.

    Args:
        overlaps: (N,) what :func:`intersection_over_union` says of each.
        least: In (0, 1].

    Raises:
        ValueError: If there are none.
    """
    if len(overlaps) == 0:
        raise ValueError("there are no regions to find")
    return float((np.asarray(overlaps) >= least).mean())


def _check(same: Labels, score: Scores, weights: Scores | None) -> None:
    if same.dtype != np.bool_:
        raise ValueError(f"labels are bool, not {same.dtype}")
    if same.ndim != 1 or len(same) == 0:
        raise ValueError("there are no pairs to measure")
    for name, values in (("scores", score), ("weights", weights)):
        if values is None:
            continue
        if values.shape != same.shape:
            raise ValueError(f"{len(same)} labels and {name} of the shape {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"not all {name} are numbers")
    if weights is not None and not (weights > 0).all():
        raise ValueError("not all weights are above 0")


def _check_both(same: Labels, score: Scores, weights: Scores | None) -> None:
    _check(same, score, weights)
    if same.all() or not same.any():
        only = "the same place" if same.all() else "different places"
        raise ValueError(f"all {len(same)} pairs show {only}; it takes pairs of both kinds")


def _check_probabilities(same: Labels, probability: Scores, weights: Scores | None) -> None:
    _check(same, probability, weights)
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("not all probabilities are in [0, 1]")
