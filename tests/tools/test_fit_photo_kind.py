"""The steps of the fit, on vectors made by code."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fit_photo_kind import (
    AXES,
    KINDS,
    UNSEEN,
    Examples,
    Judged,
    Thresholds,
    fit,
    fit_and_measure,
    gaussian,
    judge,
    judge_by_others,
    naming_threshold,
    refused_unseen,
    shares,
    thresholds,
)
from kinds_of_pictures import SHOWS, tasks
from placeproof.errors import TrainingError
from placeproof.photo_kind import SCENE, HeadTensors, strangeness

CHANNELS = 12
EACH = 20  # examples of a kind


def examples(seed: int = 0) -> Examples:
    """What is shown decides on the mean of one channel of the first five; the rest is noise."""
    random = np.random.default_rng(seed)
    kinds = np.repeat(list(SHOWS), EACH)
    vectors = 0.1 * random.normal(size=(len(kinds), CHANNELS))
    vectors[np.arange(len(kinds)), [KINDS.index(SHOWS[kind]) for kind in kinds]] += 1.0
    groups = np.array([f"{kind} {number % 7}" for number, kind in enumerate(kinds)])
    return Examples(kinds, groups, vectors)


def test_scenes_come_first_as_the_card_wants() -> None:
    assert KINDS[0] == SCENE
    assert len(KINDS) == 5


def test_other_cameras_are_judged_but_not_learnt_from() -> None:
    known, theirs = examples(), np.isin(examples().kinds, UNSEEN)
    assert {SHOWS[kind] for kind in UNSEEN} == {SCENE}
    whole, part = fit(known), fit(known[~theirs])
    assert all(torch.equal(a, b) for a, b in zip(whole, part, strict=True))
    assert judge_by_others(known).probability[theirs, 0].min() > 0


def test_a_head_learns_what_is_shown() -> None:
    judged = judge(examples(1), fit(examples(0)))
    right = np.array(KINDS)[judged.probability.argmax(axis=1)] == examples(1).shown
    assert right.mean() > 0.99
    assert np.allclose(judged.probability.sum(axis=1), 1)


def test_what_no_example_shows_is_never_found() -> None:
    known = examples()
    room = known.shown == KINDS[1]
    judged = judge(known, fit(known[~room]))
    assert judged.probability[:, 1].max() < 1e-6


def test_the_gaussian_is_that_of_its_model() -> None:
    """The Mahalanobis distance by the covariance that the axes and the noise stand for."""
    random = np.random.default_rng(2)
    spread = np.r_[np.linspace(4, 2, AXES), np.full(20, 0.5)]
    vectors = random.normal(size=(4000, AXES + 20)) * spread + 3
    centre, axes, noise = gaussian(vectors)
    assert axes.shape == (AXES, AXES + 20)
    assert noise == pytest.approx(0.5, rel=0.05)
    other = random.normal(size=AXES + 20) * 3 + 3
    values, directions = np.linalg.eigh(np.cov(vectors.T, bias=True))
    values[:-AXES] = noise**2
    expected = np.sqrt((((other - centre) @ directions) ** 2 / values).mean())
    empty = torch.zeros(0)
    parts = (torch.from_numpy(np.asarray(part)) for part in (centre, axes, noise))
    tensors = HeadTensors(empty, empty, *parts)
    assert strangeness(torch.from_numpy(other), tensors) == pytest.approx(expected, rel=1e-6)
    usual = np.mean([strangeness(torch.from_numpy(v), tensors) for v in vectors[:200]])
    assert usual == pytest.approx(1, abs=0.05)


def test_a_picture_is_judged_by_heads_that_never_saw_its_place() -> None:
    """Places that contradict all others are misjudged: a head that knew them would be right."""
    known = examples()
    odd = known.kinds == "room"
    known.vectors[odd] = 0.0
    known.vectors[odd, 6 + np.arange(EACH) % 7 % 6] = 1.0  # every place its own channel
    found = judge_by_others(known)
    own = judge(known, fit(known))
    assert found.probability[odd, 1].mean() < own.probability[odd, 1].mean() - 0.1
    assert found.strangeness.min() > 0


def judged(scene: np.ndarray, strange: np.ndarray | None = None) -> Judged:
    probability = np.zeros((len(scene), len(KINDS)))
    probability[:, 0], probability[:, 1] = scene, 1 - scene
    return Judged(probability, np.ones(len(scene)) if strange is None else strange)


def test_of_every_kind_of_street_picture_one_in_a_hundred_may_fail() -> None:
    kinds = np.repeat(["photo", "street view", "room"], 200)
    known = Examples(kinds, kinds, np.zeros((600, 1)))
    scene = np.r_[np.linspace(0.5, 1, 200), np.linspace(0.3, 1, 200), np.zeros(200)]
    strange = np.r_[np.full(200, 1.0), np.full(199, 1.5), 1.9, np.full(200, 9.0)]
    limits = thresholds(known, judged(scene, strange))
    assert limits == Thresholds(sorted(scene[200:400])[2], 1.9)
    refused = judged(scene, strange).refused(limits)
    assert shares(known, refused) == {"street view": 0.01, "photo": 0.0, "room": 1.0}


def test_names_are_given_where_they_are_right() -> None:
    """Sure ones are right and unsure ones are wrong; what is judgeable has no name."""
    kinds = np.array(["room"] * 60 + ["photo"] * 20)
    known = Examples(kinds, kinds, np.zeros((80, 1)))
    found = judged(np.zeros(80))
    found.probability[30:60, 1:3] = (0.3, 0.7)  # it says the sky
    found.probability[:30, 1:3] = (0.9, 0.1)
    assert naming_threshold(known, found, 0.5) == pytest.approx(0.9)
    found.probability[:30, 1:3] = (0.1, 0.9)
    assert naming_threshold(known, found, 0.5) == 1.0


def test_unseen_labels_are_left_out_of_the_fit() -> None:
    """A kind that resembles another one is caught unseen; with nothing alike seen, it is not."""
    known = examples()
    limits = Thresholds(judgeable_from=0.5, strange_from=1e9)
    by_kind = refused_unseen(known, limits, known.kinds)
    by_shown = refused_unseen(known, limits, known.shown)
    assert by_kind["sky"] == 1.0
    assert by_shown["sky"] < 1.0
    assert set(by_kind) == {kind for kind in SHOWS if SHOWS[kind] != SCENE}


def test_the_whole_fit_keeps_to_its_false_rate() -> None:
    fitted = fit_and_measure(examples())
    of_streets = [
        fitted.metrics[f"{kind}, of a place never seen: share not judgeable"]
        for kind in SHOWS
        if SHOWS[kind] == SCENE
    ]
    assert max(of_streets) <= 0.01
    assert fitted.metrics["chat, of a place never seen: share not judgeable"] == 1.0
    assert "room, with nothing alike seen: share not judgeable" in fitted.metrics
    assert fitted.tensors.weight.shape == (5, CHANNELS)


def test_missing_lists_are_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"panoramas\.csv"):
        tasks(tmp_path, 0)
