from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit

from placeproof.network.checkpoint import Operation
from placeproof.training.calibration import calibrate, fit_shift, fit_temperature, rate_bound

SETTINGS = {"panorama_width": 1664, "photo_side": 384, "least_variety": 0.3}


@dataclass(frozen=True)
class Pairs:
    logits: NDArray[np.float64]
    same: NDArray[np.bool_]
    photos: Sequence[int]
    near: NDArray[np.bool_]

    def calibrate(self, false_rate: float = 0.02, miss_rate: float = 0.06) -> Operation:
        return calibrate(
            self.logits,
            self.same,
            self.photos,
            self.near,
            **SETTINGS,  # type: ignore[arg-type]
            false_rate=false_rate,
            miss_rate=miss_rate,
        )

    def probabilities(self, operation: Operation) -> NDArray[np.float64]:
        """As the network's user gets them, in single precision."""
        logits: Any = self.logits / operation.temperature
        found: NDArray[np.float64] = expit(logits).astype(np.float32).astype(np.float64)
        return found


def normal_pairs(photos: int, apart: float, temperature: float = 1.0, seed: int = 0) -> Pairs:
    """A near pair, another true one and four false ones of each photo.

    Logits of two normal distributions, +-apart with a variance of 2 apart, are calibrated.
    """
    random = np.random.default_rng(seed)
    same = np.tile([True, True, False, False, False, False], photos)
    near = np.tile([True, False, False, False, False, False], photos)
    logits = np.where(same, apart, -apart) + random.normal(0, (2 * apart) ** 0.5, len(same))
    return Pairs(logits * temperature, same, np.arange(photos).repeat(6).tolist(), near)


@st.composite
def any_pairs(draw: st.DrawFn) -> Pairs:
    """Few or many, equal or extreme, told apart or the wrong way round."""
    number = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e4, 1e4))
    rows = draw(st.lists(st.tuples(number, st.booleans(), st.booleans()), max_size=60))
    rows += [(draw(number), True, True), (draw(number), False, False)]
    logits, same, near = (np.array(column) for column in zip(*rows, strict=True))
    photos = draw(st.lists(st.integers(0, 9), min_size=len(rows), max_size=len(rows)))
    return Pairs(logits, same, photos, near & same)


@given(any_pairs(), st.floats(0, 0.5), st.floats(0, 0.5))
def test_thresholds_keep_their_rates_whatever_the_network_says(
    pairs: Pairs, false_rate: float, miss_rate: float
) -> None:
    operation = pairs.calibrate(false_rate, miss_rate)
    assert 0 <= operation.inconsistent_to <= 0.5 <= operation.consistent_from <= 1
    assert 0 < operation.temperature < 1e7
    probabilities = pairs.probabilities(operation)
    photos = np.array(pairs.photos)
    reached = photos[~pairs.same & (probabilities >= operation.consistent_from)]
    compared = len(np.unique(photos[~pairs.same]))
    assert len(np.unique(reached)) <= false_rate * compared + 1e-6
    missed = probabilities[pairs.near] <= operation.inconsistent_to
    assert missed.sum() <= miss_rate * pairs.near.sum() + 1e-6


@given(any_pairs(), st.floats(0, 0.5), st.floats(0, 0.5))
def test_higher_rates_leave_less_undecided(pairs: Pairs, low: float, high: float) -> None:
    low, high = sorted((low, high))
    strict, lenient = pairs.calibrate(low, low), pairs.calibrate(high, high)
    if strict.temperature == lenient.temperature:
        assert lenient.consistent_from <= strict.consistent_from
        assert lenient.inconsistent_to >= strict.inconsistent_to
    assert lenient.temperature <= strict.temperature


def test_thresholds_are_as_low_and_high_as_their_rates_allow() -> None:
    pairs = normal_pairs(400, apart=2.0)
    operation = pairs.calibrate(false_rate=0.05, miss_rate=0.04)
    probabilities = pairs.probabilities(operation)
    likest = probabilities[~pairs.same].reshape(400, 4).max(axis=1)
    assert (likest >= operation.consistent_from).sum() == 20
    assert (probabilities[pairs.near] <= operation.inconsistent_to).sum() == 16
    assert 0.5 < operation.consistent_from < 0.99
    assert 0.01 < operation.inconsistent_to < 0.5
    assert (operation.panorama_width, operation.photo_side) == (1664, 384)
    assert (operation.false_rate, operation.miss_rate) == (0.05, 0.04)
    assert operation.least_variety == 0.3


@pytest.mark.parametrize("temperature", [0.1, 1.0, 30.0])
def test_the_temperature_is_found(temperature: float) -> None:
    pairs = normal_pairs(2000, apart=1.5, temperature=temperature)
    assert fit_temperature(pairs.logits, pairs.same) == pytest.approx(temperature, rel=0.05)
    # Both kinds count the same: with a quarter of the false pairs it is the same.
    fewer = pairs.same | (np.arange(len(pairs.same)) % 6 == 2)
    found = fit_temperature(pairs.logits[fewer], pairs.same[fewer])
    assert found == pytest.approx(temperature, rel=0.05)


@given(any_pairs(), st.sampled_from([0.25, 64.0]))
def test_logits_in_another_unit_give_the_same_probabilities(pairs: Pairs, unit: float) -> None:
    scaled = Pairs(pairs.logits * unit, pairs.same, pairs.photos, pairs.near)
    if np.abs(pairs.logits).max() > 1e-5:
        expected = pairs.calibrate().temperature * unit
        assert scaled.calibrate().temperature == pytest.approx(expected)


@pytest.mark.parametrize("logit", [0.0, -4.0, 300.0])
def test_a_network_that_says_always_the_same_says_nothing(logit: float) -> None:
    pairs = normal_pairs(20, 1.0)
    pairs = Pairs(np.full(len(pairs.same), logit), pairs.same, pairs.photos, pairs.near)
    operation = pairs.calibrate()
    (probability,) = set(pairs.probabilities(operation))
    assert probability == pytest.approx(0.5, abs=0.01)
    assert operation.inconsistent_to < probability < operation.consistent_from


@pytest.mark.parametrize("photos", [1, 100])
def test_pairs_told_apart_without_error_are_not_certain(photos: int) -> None:
    pairs = normal_pairs(photos, 1.0)
    pairs = Pairs(np.where(pairs.same, 1.0, -1.0), pairs.same, pairs.photos, pairs.near)
    probabilities = pairs.probabilities(pairs.calibrate())
    # With n pairs of a kind, Platt's (n + 1) / (n + 2), here with n = 2 and 4 for each photo.
    expected = np.mean([(2 * photos + 1) / (2 * photos + 2), (4 * photos + 1) / (4 * photos + 2)])
    assert probabilities[pairs.same] == pytest.approx(expected, abs=1e-3)
    assert probabilities[~pairs.same] == pytest.approx(1 - expected, abs=1e-3)


def test_a_network_that_is_wrong_throughout_is_not_believed() -> None:
    right = normal_pairs(50, 2.0)
    wrong = Pairs(-right.logits, right.same, right.photos, right.near)
    operation = wrong.calibrate()
    assert wrong.probabilities(operation) == pytest.approx(0.5, abs=0.005)


def test_a_threshold_never_lies_on_the_other_side_of_even_odds() -> None:
    pairs = normal_pairs(10, 1.0)
    logits = np.where(pairs.same, 2.0, -2.0)
    logits[2] = -1.9  # that one photo may reach
    logits[0] = 1.9  # that one photo may miss
    pairs = Pairs(logits, pairs.same, pairs.photos, pairs.near)
    operation = pairs.calibrate(false_rate=0.1, miss_rate=0.1)
    assert (operation.inconsistent_to, operation.consistent_from) == (0.5, 0.5)


@pytest.mark.parametrize("logit", [300.0, -300.0])
def test_an_error_that_must_not_count_is_not_taken_for_certain(logit: float) -> None:
    """One of 4000 false pairs, or of 1000 near ones, is far off: the fit hardly sees it."""
    usual = normal_pairs(1000, 1.0)
    logits = np.where(usual.same, 1.0, -1.0)
    logits[2 if logit > 0 else 0] = logit
    pairs = Pairs(logits, usual.same, usual.photos, usual.near)
    assert fit_temperature(pairs.logits, pairs.same) < 10.0
    operation = pairs.calibrate(false_rate=0.0, miss_rate=0.0)
    assert operation.temperature == pytest.approx(20.0)
    probabilities = pairs.probabilities(operation)
    assert probabilities[~pairs.same].max() < operation.consistent_from <= 1
    assert probabilities[pairs.near].min() > operation.inconsistent_to >= 0


@pytest.mark.parametrize("shift", [-3.0, 0.0, 2.0])
def test_the_point_of_even_odds_is_found(shift: float) -> None:
    pairs = normal_pairs(2000, 1.5, temperature=2.0)
    found = fit_shift(pairs.logits - shift, pairs.same)
    assert found == pytest.approx(shift, abs=0.15)
    shifted = pairs.logits - shift + found
    assert fit_temperature(shifted, pairs.same) == pytest.approx(2.0, rel=0.05)


@given(any_pairs())
def test_a_shift_never_makes_it_worse(pairs: Pairs) -> None:
    shift = fit_shift(pairs.logits, pairs.same)
    assert -pairs.logits.max() <= shift <= -pairs.logits.min()
    assert Pairs(pairs.logits + shift, pairs.same, pairs.photos, pairs.near).calibrate()


def test_at_most_the_allowed_share_reaches_the_bound() -> None:
    values = np.arange(200.0)
    assert rate_bound(values, 0.02, 1e3) == 195.5
    assert rate_bound(values, 0.0, 201.0) == 200.0
    assert rate_bound(np.arange(100.0), 0.29, 1e3) == 70.5
    tied = np.array([1.0] * 90 + [2.0] * 10)  # more than allowed are equal: none of them may
    assert (tied >= rate_bound(tied, 0.05, 3.0)).sum() == 0
    assert (tied >= rate_bound(tied, 0.10, 3.0)).sum() == 10


def test_what_cannot_be_calibrated_is_refused() -> None:
    pairs = normal_pairs(3, 1.0)

    def refused(match: str, **changes: object) -> None:
        with pytest.raises(ValueError, match=match):
            Pairs(**{**vars(pairs), **changes}).calibrate()

    none, every = np.zeros(18, bool), np.ones(18, bool)
    refused("no near pairs", near=none)
    refused("a near pair shows different places", near=every)
    refused("all 18 pairs show the same place", same=every)
    refused("not all logits are numbers", logits=np.where(pairs.near, np.nan, 0.0))
    refused("18 logits, 18 labels, 17 photos and 18", photos=list(range(17)))
    with pytest.raises(ValueError, match=r"an error rate of 1\.0"):
        pairs.calibrate(false_rate=1.0)
