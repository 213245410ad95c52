from dataclasses import replace

import numpy as np
import pytest

from placeproof.training.scores import LOOK_ALIKES, Scores


def scores() -> Scores:
    return Scores(
        logits=np.array([2.0, -1.0, 0.5, 1.0, -3.0, 0.0, 0.1]),
        cosines=np.array([0.9, 0.8, 0.1, 0.2, 0.7, 0.15, 0.6]),
        same=np.array([True, False, False, False, False, True, False]),
        near=np.array([True, False, False, False, False, False, False]),
        photos=np.array([0, 0, 0, 0, 0, 1, 1]),
        mask_loss=0.25,
        overlap=0.5,
        correspondence_loss=2.0,
    )


def test_look_alikes_are_the_likest_of_each_photo() -> None:
    assert LOOK_ALIKES == 3
    expected = [True, True, True, True, False, True, True]
    assert scores().look_alikes().tolist() == expected


def test_measures_of_an_epoch() -> None:
    others = {"correspondence loss": 2.0, "mask loss": 0.25, "mask IoU": 0.5}
    # 2.0 is above all five others, 0.0 above two; with parallax there is only 2.0.
    assert scores().summary() == {"AUC": 7 / 10, "AUC of the hardest": 1.0, **others}
    # Without parallax anywhere, the hardest are the look-alikes: -3.0 is none of them.
    flat = replace(scores(), near=np.zeros(7, bool))
    assert flat.summary() == {"AUC": 7 / 10, "AUC of the hardest": 5 / 8, **others}
    nothing = np.zeros(0)
    unknown = replace(scores(), logits=nothing, cosines=nothing, same=nothing > 0, photos=nothing)
    assert unknown.summary() == others


def test_measures_of_the_card() -> None:
    card = scores().card(1.0)
    assert card["all: AUC"] == pytest.approx(7 / 10)
    assert card["look-alikes: AUC"] == pytest.approx(5 / 8)
    assert card["parallax and look-alikes: AUC"] == 1
    assert card["all: true positives at 1 % false positives"] == 0.5
    # Probabilities are of logits over the temperature; both kinds of pairs weigh the same.
    for temperature in (1.0, 3.0):
        squares = (
            [(np.exp(-x / temperature) / (1 + np.exp(-x / temperature))) ** 2 for x in (2.0, 0.0)],
            [(1 / (1 + np.exp(-x / temperature))) ** 2 for x in (-1.0, 0.5, 1.0, 0.1)],
        )
        expected = (np.mean(squares[0]) + np.mean(squares[1])) / 2
        assert scores().card(temperature)["look-alikes: Brier"] == pytest.approx(expected)
    # What looks alike to the cosine is what has a large cosine: 0.8, 0.7 and 0.2, and 0.6.
    assert card["all, by mean cosine: AUC"] == pytest.approx(6 / 10)
    assert card["look-alikes, by mean cosine: AUC"] == pytest.approx(4 / 8)
    assert card["parallax and look-alikes, by mean cosine: AUC"] == 1
    assert card["all, by mean cosine: true positives at 1 % false positives"] == 0.5
    flat = replace(scores(), near=np.zeros(7, bool)).card(1.0)
    assert not [name for name in flat if "parallax" in name]
