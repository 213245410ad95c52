import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_mask import pixel_mask
from placeproof.evidence import first_evidence, second_evidence
from placeproof.fusion import claim_evidence, load_model
from placeproof.geometry import View
from placeproof.grounds import LEAST, contradicts, grounds_of, supports
from placeproof.location import Location
from placeproof.panoramas.source import PanoramaRecord
from placeproof.results import Comparison, PanoramaEvidence, SecondLook

RECORD = PanoramaRecord("1" * 64, Location(0, 1), 0.0, None, "local", None, "1" * 64, 1024, 512)
COMPARISON = Comparison(
    1.0,
    0.5,
    pixel_mask(np.full((2, 2), 0.25, np.float32)),
    pixel_mask(np.full((2, 2), 0.75, np.float32)),
    None,
    None,
    (),
    (),
)
LOOK = SecondLook(
    "none", (), np.zeros((42, 2), np.float32), np.zeros((42, 3)), 9.0, 0.5,
    View(0, 0, 0, 60, 40, 30), "rotation", None, (),
)  # fmt: skip
FIRST = PanoramaEvidence(RECORD, 5.0, COMPARISON, None, 1.0, None)
SECOND = PanoramaEvidence(RECORD, 5.0, COMPARISON, LOOK, 1.0, None)
NAMES = sorted(
    {*second_evidence(COMPARISON, LOOK), *claim_evidence([0.0], [True])} - {"best panorama"}
)


def test_the_strongest_comes_first_and_what_weighs_nothing_is_left_out() -> None:
    weights = {"patches": -0.5, "points": 2.0, "panoramas": LEAST / 2, "spread": 1.0}
    found = grounds_of(weights, SECOND, 1)
    assert [ground.log_odds for ground in found] == [2.0, 1.0, -0.5]
    assert found[0].text.startswith("42 points")
    assert "50%" in found[1].text
    assert "do not show the same place" in found[2].text
    assert grounds_of({}, SECOND, 1) == ()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("best", [FIRST, SECOND])
def test_every_number_has_a_sentence_for_and_another_against(
    name: str, best: PanoramaEvidence
) -> None:
    texts = [grounds_of({name: weight}, best, 3)[0].text for weight in (1.0, -1.0)]
    assert texts[0] != texts[1]
    for text in texts:
        assert text.isprintable()
        assert text[0].isupper() or text[0].isdigit()
        assert text.endswith(".")


def test_the_model_that_ships_has_a_sentence_for_all_that_it_weighs() -> None:
    model = load_model()
    assert {*model.first.weights} <= {*first_evidence(COMPARISON)} <= {*NAMES}
    assert {*model.second.weights} <= {*NAMES}
    assert {*model.claim.weights} - {"best panorama"} <= {*NAMES}


def test_without_a_second_look_there_are_no_points() -> None:
    assert "Only 0 points" in grounds_of({"points": -1.0}, FIRST, 1)[0].text


@given(st.dictionaries(st.sampled_from(NAMES), st.floats(-9, 9), max_size=8))
def test_each_ground_is_for_or_against(weights: dict[str, float]) -> None:
    found = grounds_of(weights, SECOND, 2)
    sizes = [abs(ground.log_odds) for ground in found]
    assert sizes == sorted(sizes, reverse=True)
    assert len(found) == sum(abs(weight) >= LEAST for weight in weights.values())
    assert sorted(supports(found) + contradicts(found), key=found.index) == list(found)
    assert all(ground.log_odds > 0 for ground in supports(found))
    assert all(ground.log_odds < 0 for ground in contradicts(found))
