import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_model import made_model
from pixel_mask import pixel_mask
from placeproof.location import Location
from placeproof.panoramas.source import PanoramaRecord
from placeproof.results import Caution, CautionKind, Comparison, PanoramaEvidence, Verdict
from placeproof.verdict import (
    REFUTING_DISTANCE_M,
    Situation,
    decide,
    decisive_panorama,
    probability_text,
)

MODEL = made_model()
RECORD = PanoramaRecord("1" * 64, Location(0, 1), 0.0, None, "local", None, "1" * 64, 1024, 512)


def log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def evidence(
    distance: float,
    odds: float = 0.0,
    bearing: float | None = None,
    others: tuple[float, ...] = (),
    shows: bool = True,
) -> PanoramaEvidence:
    mask = pixel_mask(np.zeros((2, 2), np.float32))
    comparison = Comparison(0.0, 0.5, mask, mask, None, None, (), ())
    return PanoramaEvidence(RECORD, distance, comparison, None, odds, bearing, shows, others)


def case(probability: float, *panoramas: PanoramaEvidence, **more: object) -> Situation:
    settings = {"prior": 0.5, "radius_m": 50.0, **more}
    return Situation(panoramas or (evidence(5.0),), log_odds(probability), **settings)  # type: ignore[arg-type]


def test_no_panorama_is_no_coverage_and_not_false() -> None:
    verdict, reasons = decide(Situation((), 0.0, 0.5, 50.0), MODEL)
    assert verdict is Verdict.INCONCLUSIVE
    assert "no coverage" in reasons[0].lower()
    assert "50 m" in reasons[0]


@pytest.mark.parametrize(
    ("distance", "probability", "expected"),
    [
        (5.0, 0.95, Verdict.CONSISTENT),
        (5.0, 0.801, Verdict.CONSISTENT),
        (5.0, 0.79, Verdict.INCONCLUSIVE),
        (5.0, 0.21, Verdict.INCONCLUSIVE),
        (5.0, 0.199, Verdict.INCONSISTENT),
        (REFUTING_DISTANCE_M, 0.05, Verdict.INCONSISTENT),
        (REFUTING_DISTANCE_M + 0.1, 0.05, Verdict.INCONCLUSIVE),
        (REFUTING_DISTANCE_M + 0.1, 0.95, Verdict.CONSISTENT),
    ],
)
def test_one_panorama(distance: float, probability: float, expected: Verdict) -> None:
    verdict, reasons = decide(case(probability, evidence(distance)), MODEL)
    assert verdict is expected
    assert reasons


def test_the_panorama_that_speaks_most_for_the_claim_is_described() -> None:
    several = (evidence(5, -3.0), evidence(20, 4.0, bearing=247.0), evidence(40, 1.0))
    assert decisive_panorama(several) == 1
    verdict, reasons = decide(case(0.95, *several), MODEL)
    assert verdict is Verdict.CONSISTENT
    assert "20 m" in reasons[0]
    assert "247°" in reasons[1]


def test_of_equally_good_panoramas_the_nearest_decides() -> None:
    assert decisive_panorama([evidence(5, 2.0), evidence(6, 2.0)]) == 0
    assert decisive_panorama([]) is None


def test_both_bearings_of_a_symmetric_street_are_said() -> None:
    _, reasons = decide(case(0.95, evidence(5, 2.0, bearing=10.0, others=(190.0,))), MODEL)
    assert "10°" in reasons[1]
    assert "190°" in reasons[2]


def test_a_far_panorama_does_not_save_a_claim_that_a_near_one_refutes() -> None:
    assert decide(case(0.01, evidence(5), evidence(40)), MODEL)[0] is Verdict.INCONSISTENT


def test_far_panoramas_say_that_they_are_too_far() -> None:
    verdict, reasons = decide(case(0.01, evidence(40)), MODEL)
    assert verdict is Verdict.INCONCLUSIVE
    assert "40 m" in reasons[0]


def test_a_panorama_that_shows_nothing_there_refutes_nothing() -> None:
    blank = evidence(5, shows=False)
    verdict, reasons = decide(case(0.01, blank), MODEL)
    assert verdict is Verdict.INCONCLUSIVE
    assert "blank or covered" in reasons[0]
    assert decide(case(0.01, blank, evidence(24)), MODEL)[0] is Verdict.INCONSISTENT
    assert decide(case(0.01, blank, evidence(26)), MODEL)[0] is Verdict.INCONCLUSIVE


def test_a_photo_that_cannot_be_judged_is_never_refuted_but_may_be_confirmed() -> None:
    verdict, reasons = decide(case(0.01, unjudgeable="It shows a room."), MODEL)
    assert (verdict, reasons) == (Verdict.INCONCLUSIVE, ("It shows a room.",))
    assert decide(case(0.95, unjudgeable="It shows a room."), MODEL)[0] is Verdict.CONSISTENT


@pytest.mark.parametrize("kind", list(CautionKind))
def test_what_bars_a_match_bars_it(kind: CautionKind) -> None:
    verdict, reasons = decide(case(0.99, cautions=(Caution(kind, "Beware."),)), MODEL)
    if kind is CautionKind.COPY:  # it was taken there, though not by this photographer
        assert verdict is Verdict.CONSISTENT
    else:
        assert verdict is Verdict.INCONCLUSIVE
        assert "Beware." in reasons


def test_a_mirrored_photo_is_not_refuted() -> None:
    caution = Caution(CautionKind.MIRRORED, "It matches mirrored.")
    verdict, reasons = decide(case(0.01, cautions=(caution,)), MODEL)
    assert (verdict, reasons) == (Verdict.INCONCLUSIVE, ("It matches mirrored.",))


def test_a_prior_can_take_a_verdict_away() -> None:
    assert decide(case(0.95, prior=0.01), MODEL)[0] is Verdict.INCONCLUSIVE
    assert decide(case(0.05, prior=0.99), MODEL)[0] is Verdict.INCONCLUSIVE


ORDER = [Verdict.INCONSISTENT, Verdict.INCONCLUSIVE, Verdict.CONSISTENT]
probabilities = st.floats(0.001, 0.999)


@given(probabilities, probabilities)
def test_no_prior_makes_a_verdict(probability: float, prior: float) -> None:
    even = decide(case(probability), MODEL)[0]
    other = decide(case(probability, prior=prior), MODEL)[0]
    assert other in (even, Verdict.INCONCLUSIVE)


@given(probabilities, probabilities, st.floats(0, 100))
def test_more_evidence_for_the_claim_never_makes_the_verdict_worse(
    one: float, other: float, distance: float
) -> None:
    low, high = sorted((one, other))
    verdicts = [decide(case(p, evidence(distance)), MODEL)[0] for p in (low, high)]
    assert ORDER.index(verdicts[0]) <= ORDER.index(verdicts[1])


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
