import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from placeproof.second_look.chance import chance_of, log_surprise


def test_what_fixes_a_geometry_is_no_surprise() -> None:
    assert log_surprise(6, 50, 6, 0.01) == 0
    assert log_surprise(3, 50, 6, 0.01) == 0


def test_all_of_ten_points() -> None:
    """2 kinds, 8 sizes, one choice of ten, 45 pairs of them; the other eight are luck."""
    expected = 2 * 8 * 1 * 45 * 0.01**8
    assert log_surprise(10, 10, 2, 0.01) == pytest.approx(-math.log10(expected))


@given(st.integers(8, 60), st.sampled_from([2, 6]), st.floats(0.001, 0.5))
def test_never_less_alarms_than_the_binomial_tail(matches: int, free: int, chance: float) -> None:
    """Even of one fixed geometry, so many wrong matches may agree; of many geometries, more."""
    for explained in range(free + 1, matches + 1):
        tail = binom.sf(explained - free - 1, matches - free, chance)
        if tail > 1e-12:
            assert 10 ** -log_surprise(explained, matches, free, chance) > tail


@given(st.integers(0, 40), st.sampled_from([2, 6]), st.floats(0.01, 0.3))
def test_the_rarer_the_more_surprising(explained: int, free: int, chance: float) -> None:
    surprise = log_surprise(explained, 40, free, chance)
    assert log_surprise(explained, 40, free, chance / 2) >= surprise
    assert explained <= free or log_surprise(explained, 30 + explained, free, chance) >= (
        log_surprise(explained, 60 + explained, free, chance)
    )


def test_the_chance_is_that_of_wrong_matches() -> None:
    explains = np.zeros((10, 10), dtype=bool)
    explains[np.diag_indices(10)] = True
    assert chance_of(explains) == pytest.approx(1 / 91)  # one more than was seen, never 0
    explains[0, 1:] = True
    assert chance_of(explains) == pytest.approx(10 / 91)
    assert chance_of(np.ones((10, 10), dtype=bool)) == 1
