import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_mask import pixel_mask
from placeproof.location import Location
from placeproof.network.checkpoint import Operation
from placeproof.panoramas.source import PanoramaRecord
from placeproof.results import Comparison, PanoramaEvidence, Verdict
from placeproof.verdict import REFUTING_DISTANCE_M, decide, probability_text

OPERATION = Operation(
    panorama_width=1024,
    photo_side=320,
    temperature=1.0,
    consistent_from=0.8,
    inconsistent_to=0.2,
    least_variety=0.3,
    false_rate=0.05,
    miss_rate=0.08,
)
RECORD = PanoramaRecord("1" * 64, Location(0, 1), 0.0, None, "local", None, "1" * 64, 1024, 512)
VARIETY = 0.5  # of an ordinary photo


def evidence(distance: float, probability: float, bearing: float | None = None) -> PanoramaEvidence:
    mask = pixel_mask(np.zeros((2, 2), np.float32))
    comparison = Comparison(probability, mask, mask, None, None, ())
    return PanoramaEvidence(RECORD, distance, comparison, bearing)


def test_no_panorama_is_no_coverage_and_not_false() -> None:
    verdict, decisive, reasons = decide([], VARIETY, 50.0, OPERATION)
    assert verdict is Verdict.INCONCLUSIVE
    assert decisive is None
    assert "no coverage" in reasons[0].lower()
    assert "50 m" in reasons[0]


@pytest.mark.parametrize(
    ("distance", "probability", "expected"),
    [
        (5.0, 0.95, Verdict.CONSISTENT),
        (5.0, 0.8, Verdict.CONSISTENT),
        (5.0, 0.79, Verdict.INCONCLUSIVE),
        (5.0, 0.21, Verdict.INCONCLUSIVE),
        (5.0, 0.2, Verdict.INCONSISTENT),
        (REFUTING_DISTANCE_M, 0.05, Verdict.INCONSISTENT),
        (REFUTING_DISTANCE_M + 0.1, 0.05, Verdict.INCONCLUSIVE),
        (REFUTING_DISTANCE_M + 0.1, 0.95, Verdict.CONSISTENT),
    ],
)
def test_one_panorama(distance: float, probability: float, expected: Verdict) -> None:
    verdict, decisive, reasons = decide([evidence(distance, probability)], VARIETY, 50.0, OPERATION)
    assert verdict is expected
    assert decisive == 0
    assert reasons


def test_the_best_match_decides_wherever_it_stands() -> None:
    several = [evidence(5, 0.1), evidence(20, 0.9, bearing=247.0), evidence(40, 0.3)]
    verdict, decisive, reasons = decide(several, VARIETY, 50.0, OPERATION)
    assert (verdict, decisive) == (Verdict.CONSISTENT, 1)
    assert "20 m" in reasons[0]
    assert "247°" in reasons[1]


def test_of_equally_good_matches_the_nearest_decides() -> None:
    assert decide([evidence(5, 0.9), evidence(6, 0.9)], VARIETY, 50.0, OPERATION)[1] == 0


def test_one_undecided_panorama_is_enough_not_to_refute() -> None:
    several = [evidence(5, 0.01), evidence(40, 0.5)]
    assert decide(several, VARIETY, 50.0, OPERATION)[0] is Verdict.INCONCLUSIVE


def test_a_far_panorama_does_not_save_a_claim_that_a_near_one_refutes() -> None:
    several = [evidence(5, 0.01), evidence(40, 0.1)]
    assert decide(several, VARIETY, 50.0, OPERATION)[0] is Verdict.INCONSISTENT


def test_far_panoramas_say_that_they_are_too_far() -> None:
    verdict, _, reasons = decide([evidence(40, 0.01)], VARIETY, 50.0, OPERATION)
    assert verdict is Verdict.INCONCLUSIVE
    assert "40 m" in reasons[0]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), max_size=5).map(sorted),
    st.floats(0, 1),
)
def test_more_evidence_for_the_claim_never_makes_the_verdict_worse(
    pairs: list[tuple[float, float]], better: float
) -> None:
    order = [Verdict.INCONSISTENT, Verdict.INCONCLUSIVE, Verdict.CONSISTENT]
    before = [evidence(*pair) for pair in pairs]
    after = [evidence(d, max(p, better)) for d, p in pairs]
    old, new = (decide(some, VARIETY, 50.0, OPERATION)[0] for some in (before, after))
    assert order.index(new) >= order.index(old)


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.0, "below 0.01"),
        (0.00499, "below 0.01"),
        (0.005, "0.01"),
        (0.5, "0.50"),
        (0.9949, "0.99"),
        (0.995, "above 0.99"),
        (1.0, "above 0.99"),
    ],
)
def test_no_probability_looks_certain(probability: float, text: str) -> None:
    assert probability_text(probability) == text


@pytest.mark.parametrize("probability", [0.01, 0.5, 0.99])
def test_a_photo_that_shows_nothing_says_nothing(probability: float) -> None:
    verdict, decisive, reasons = decide([evidence(5, probability)], 0.29, 50.0, OPERATION)
    assert (verdict, decisive) == (Verdict.INCONCLUSIVE, 0)
    assert "shows too little" in reasons[0]
    assert "no coverage" in decide([], 0.0, 50.0, OPERATION)[2][0].lower()
