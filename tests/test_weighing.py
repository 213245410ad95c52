import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_model import made_model
from pixel_mask import pixel_mask
from placeproof.evidence import first_evidence, second_evidence
from placeproof.fusion import Logistic
from placeproof.geometry import View
from placeproof.location import Location
from placeproof.panoramas.source import PanoramaRecord
from placeproof.results import Comparison, PanoramaEvidence, SecondLook
from placeproof.weighing import log_odds_of, most_likely, needs_a_second_look, weigh

FIRST = Logistic(-0.5, {"patches": 1.5}, {"patches": 0.5})
SECOND = Logistic(-1.0, {"patches": 0.5, "points": 2.0}, {"patches": 0.5, "points": 1.0})
CLAIM = Logistic(
    0.25,
    {"best panorama": 0.8, "panoramas": -0.7, "other panoramas": 1.5},
    {"best panorama": 1.0, "panoramas": 0.4, "other panoramas": 0.1},
)
MODEL = made_model(FIRST, SECOND, CLAIM)
RECORD = PanoramaRecord("1" * 64, Location(0, 1), 0.0, None, "local", None, "1" * 64, 1024, 512)
MASK = np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)


def comparison(logit: float) -> Comparison:
    return Comparison(logit, 0.5, pixel_mask(MASK), pixel_mask(MASK), None, None, (10.0,), ())


def look(surprise: float) -> SecondLook:
    camera = View(10.0, 0, 0, 60, 40, 30)
    points = np.zeros((9, 2), np.float32)
    return SecondLook(
        "none", (camera,), points, np.zeros((9, 3)), surprise, 0.5, camera, "rotation", None, ()
    )


def seen(
    logit: float, bearing: float | None = None, again: SecondLook | None = None
) -> PanoramaEvidence:
    found = comparison(logit)
    return PanoramaEvidence(RECORD, 5.0, found, again, log_odds_of(found, again, MODEL), bearing)


def test_without_a_second_look_the_first_part_speaks_and_with_one_the_second() -> None:
    found, again = comparison(2.0), look(surprise=math.e - 1)
    assert log_odds_of(found, None, MODEL) == pytest.approx(-0.5 + 1.5 * 2.0)
    assert log_odds_of(found, again, MODEL) == pytest.approx(-1.0 + 0.5 * 2.0 + 2.0 * 1.0)
    assert log_odds_of(found, None, MODEL) == FIRST.log_odds(first_evidence(found))
    assert log_odds_of(found, again, MODEL) == SECOND.log_odds(second_evidence(found, again))


def test_the_panorama_that_speaks_most_for_the_claim_is_the_best() -> None:
    panoramas = [seen(-1.0), seen(3.0), seen(1.0)]
    weighed = weigh(panoramas, MODEL)
    assert weighed.evidence == tuple(panoramas)
    assert weighed.best is panoramas[1]
    best, others = panoramas[1].log_odds, [panoramas[0].log_odds, panoramas[2].log_odds]
    matched = math.tanh(best / 2)
    support = sum(math.tanh(odds / 2) for odds in others) / 2
    expected = 0.25 + 0.8 * best + matched * (-0.7 * math.log(3) + 1.5 * support)
    assert weighed.log_odds == pytest.approx(expected)
    assert weighed.probability == pytest.approx(1 / (1 + math.exp(-expected)))


def test_a_second_look_at_a_panorama_counts_in_place_of_its_first() -> None:
    once = weigh([seen(1.0)], MODEL)
    found = weigh([seen(1.0, again=look(50.0))], MODEL)
    nothing = weigh([seen(1.0, again=look(0.0))], MODEL)
    assert nothing.log_odds < once.log_odds < found.log_odds


def test_panoramas_that_disagree_on_where_the_camera_looked_do_not_support_each_other() -> None:
    agree, unknown, disagree = (
        weigh([seen(3.0, 90.0), seen(2.5, bearing)], MODEL).log_odds
        for bearing in (100.0, None, 270.0)
    )
    assert disagree < agree == unknown
    # Bearings of 355 and 15 degrees are 20 degrees apart.
    assert weigh([seen(3.0, 355.0), seen(2.5, 15.0)], MODEL).log_odds == agree
    # One that speaks against the claim does so wherever it sees the camera looking.
    against = [weigh([seen(3.0, 90.0), seen(-3.0, b)], MODEL).log_odds for b in (100.0, 270.0)]
    assert against[0] == against[1] < disagree


@given(
    st.lists(st.floats(-8, 8), min_size=1, max_size=4),
    st.sampled_from([None, 0.0, 5.0, 80.0]),
)
def test_grounds_make_up_how_far_the_claim_is_from_neutral(
    logits: list[float], surprise: float | None
) -> None:
    """But for those that are not worth a sentence, less than 0.1 each."""
    again = None if surprise is None else look(surprise)
    weighed = weigh([seen(logit, again=again) for logit in logits], MODEL)
    part = FIRST if again is None else SECOND
    neutral = CLAIM.neutral | {"best panorama": part.log_odds(part.neutral)}
    told = sum(ground.log_odds for ground in weighed.grounds)
    untold = 0.1 * (len(part.weights) + 2 - len(weighed.grounds))
    assert abs(weighed.log_odds - CLAIM.log_odds(neutral) - told) <= untold + 1e-9


def test_grounds_say_what_the_looks_found() -> None:
    grounds = weigh([seen(0.5, again=look(80.0))], MODEL).grounds
    (points,) = (ground for ground in grounds if "9 points" in ground.text)
    assert points.log_odds == pytest.approx(0.8 * 2.0 * (math.log1p(80.0) - 1.0))


@pytest.mark.parametrize(
    ("logits", "expected"), [([-1.0], False), ([-0.3], True), ([9.0], True), ([-0.3, -7.0], True)]
)
def test_all_but_a_clear_mismatch_is_looked_at_again(logits: list[float], expected: bool) -> None:
    """However many other panoramas match nothing, a second look at one may find the place."""
    assert needs_a_second_look(weigh([seen(logit) for logit in logits], MODEL), MODEL) is expected


def test_the_likeliest_panoramas_are_looked_at_again() -> None:
    assert most_likely([-3.0, 2.0, 0.5, 1.0]) == [1, 3]
    assert most_likely([-3.0]) == [0]
