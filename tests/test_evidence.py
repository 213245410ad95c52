import numpy as np
import pytest

from pixel_mask import pixel_mask
from placeproof.evidence import AGREEMENT, PATCHES, first_evidence, second_evidence, yaws_agree
from placeproof.geometry import View
from placeproof.results import Comparison, SecondLook

MASK = np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)


def comparison(logit: float = 1.0) -> Comparison:
    return Comparison(logit, 0.5, pixel_mask(MASK), pixel_mask(1 - MASK), None, None, (10.0,), ())


def look(surprise: float) -> SecondLook:
    camera = View(30.0, 0, 0, 60, 40, 30)
    return SecondLook(
        "none", (), np.zeros((5, 2), np.float32), np.zeros((5, 3)), surprise, 0.25,
        camera, "rotation", None, (),
    )  # fmt: skip


def test_the_first_look_is_the_networks_log_odds_within_limits() -> None:
    assert first_evidence(comparison(1.25)) == {PATCHES: 1.25}
    assert first_evidence(comparison(50.0)) == {PATCHES: 5.0}
    assert first_evidence(comparison(-50.0)) == {PATCHES: -5.0}


def test_the_second_look_adds_to_it() -> None:
    found = second_evidence(comparison(), look(4.0))
    assert found == {PATCHES: 1.0, "points": pytest.approx(np.log(5.0)), "spread": 0.25}
    assert second_evidence(comparison(), look(0.0))["points"] == 0.0


def test_yaws_agree_across_the_seam() -> None:
    assert yaws_agree(179.0, -179.0)
    assert not yaws_agree(0.0, 180.0)
    assert yaws_agree(10.0, 10.0 + AGREEMENT)
    assert not yaws_agree(10.0, 11.0 + AGREEMENT)
