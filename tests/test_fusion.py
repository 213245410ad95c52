import dataclasses
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_model import made_model
from placeproof.errors import WeightsError
from placeproof.fusion import (
    Logistic,
    claim_evidence,
    load_model,
    model_document,
    probability,
)

PART = Logistic(-1.0, {"points": 2.0, "spread": -0.5}, {"points": 0.5, "spread": 0.0})
MODEL = made_model()
odds = st.floats(-20, 20)


def test_log_odds_are_a_weighted_sum() -> None:
    assert PART.log_odds({"points": 1.5, "spread": 2.0, "unused": 9.0}) == pytest.approx(1.0)
    with pytest.raises(KeyError):
        PART.log_odds({"points": 1.0})


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_contributions_are_what_differs_from_the_neutral(points: float, spread: float) -> None:
    evidence = {"points": points, "spread": spread}
    total = sum(PART.contributions(evidence).values())
    assert total == pytest.approx(PART.log_odds(evidence) - PART.log_odds(PART.neutral))


def test_a_model_comes_back_from_its_file_with_the_hash_of_it(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(model_document(MODEL)))
    read = load_model(path)
    assert len(read.sha256) == 64
    assert dataclasses.replace(read, sha256="") == MODEL


@pytest.mark.parametrize(
    "change",
    [
        {"format": "placeproof-verdict/0"},
        {"first": None},
        {"first": {"intercept": 0.0}},
        {"second": {"intercept": 0.0, "weights": {"points": 1.0}, "neutral": {"points": 1.0}}},
        {"consistent_from": 0.1},
        {"unknown": 1},
    ],
)
def test_what_is_no_model_is_one_line(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(model_document(MODEL) | change))
    with pytest.raises(WeightsError, match="no model of verdicts") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_a_missing_or_damaged_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot read"):
        load_model(tmp_path / "nothing.json")
    (tmp_path / "half.json").write_text('{"format": "placeproof-verdict/2", "first"')
    with pytest.raises(WeightsError):
        load_model(tmp_path / "half.json")


def test_the_model_that_ships_is_sound_and_weighs_as_one_expects() -> None:
    model = load_model()
    assert model.first.weights["patches"] > 0
    assert model.second.weights["points"] > 0
    assert model.claim.weights["best panorama"] > 0
    assert model.second_look_from < 0
    assert 0 < model.inconsistent_to < 0.5 < model.consistent_from < 1


@given(odds, st.floats(0.001, 0.999))
def test_a_prior_is_a_factor_on_the_odds(evidence: float, prior: float) -> None:
    found = probability(evidence, prior)
    expected = prior / (1 - prior) * math.exp(evidence)
    assert found / (1 - found) == pytest.approx(expected, rel=1e-3) or found > 0.999999
    assert probability(evidence) == pytest.approx(1 / (1 + math.exp(-evidence)))


@pytest.mark.parametrize(("evidence", "expected"), [(-1e6, 0.0), (1e6, 1.0)])
def test_extreme_evidence_is_no_overflow(evidence: float, expected: float) -> None:
    assert probability(evidence) == expected


def test_one_panorama_has_no_others() -> None:
    assert claim_evidence([1.5], [True]) == {
        "best panorama": 1.5,
        "panoramas": 0.0,
        "other panoramas": 0.0,
    }


@given(st.lists(st.tuples(odds, st.booleans()), min_size=1, max_size=8))
def test_several_panoramas(panoramas: list[tuple[float, bool]]) -> None:
    found = claim_evidence([o for o, _ in panoramas], [a for _, a in panoramas])
    assert found["best panorama"] == max(o for o, _ in panoramas)
    assert 0 <= found["panoramas"] <= math.log(min(len(panoramas), 4))
    assert -1 <= found["other panoramas"] <= 1


@given(st.lists(st.floats(-20, 0), min_size=1, max_size=8))
def test_many_panoramas_that_show_nothing_say_no_more_than_the_best_of_them(
    panoramas: list[float],
) -> None:
    every = claim_evidence(panoramas, [True] * len(panoramas))
    assert every == claim_evidence([max(panoramas)], [True])


def test_where_one_matches_clearly_their_number_counts_in_full() -> None:
    found = claim_evidence([20.0, -20.0, -20.0], [True, False, False])
    assert found["panoramas"] == pytest.approx(math.log(3))
    assert found["other panoramas"] == pytest.approx(-1)
    assert claim_evidence([20.0, *[-3.0] * 9], [True] * 10)["panoramas"] == pytest.approx(
        math.log(4)
    )


def test_others_support_only_where_they_see_the_same_direction() -> None:
    agree = claim_evidence([4.0, 3.0], [True, True])["other panoramas"]
    disagree = claim_evidence([4.0, 3.0], [True, False])["other panoramas"]
    against = claim_evidence([4.0, -3.0], [True, False])["other panoramas"]
    assert against < disagree == 0 < agree
