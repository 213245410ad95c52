import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import fit_verdict as tool
from fit_verdict import (
    CANDIDATES,
    COPIES,
    LOOK_ALIKES,
    NEAR,
    PHOTOS,
    RANDOM,
    REAL,
    Claim,
    Question,
    Seen,
    claims_of,
    draw_questions,
    fit,
    fit_parts,
    held_out,
    main,
    measures_of,
    near_panoramas,
    threshold_above,
    threshold_below,
    weights_of,
)
from made_place import blocks, crop
from placeproof.fusion import Evidence, claim_evidence, load_model
from placeproof.location import Location
from placeproof.matchers.contract import LocalFeatures, LocalMatches, Matcher
from placeproof.training.manifest import Row, write_manifest

METRE = 1 / 111_195  # degrees of latitude
Flags = NDArray[np.bool_]


def row(
    query: str | None,
    panorama: str,
    place: str,
    metres: float | None = None,
    *,
    mask: bool = False,
) -> Row:
    """A photo so far from its panorama; None: at an unknown place."""
    here = None if metres is None else Location(50.0, 7.0)
    there = None if metres is None else Location(50.0 + metres * METRE, 7.0)
    return Row(
        None if query is None else Path(f"/{query}.jpg"),
        here,
        Path(f"/{panorama}.jpg"),
        there,
        place,
        "development",
        Path("/mask.png") if mask else None,
    )


def names(paths: Sequence[Path]) -> list[str]:
    return [path.stem for path in paths]


# Which panoramas are near


def test_panoramas_near_a_photo_are_those_that_it_was_not_cut_out_of() -> None:
    rows = [
        row("q1", "p1", "a", 0.0),
        row("q1", "p2", "a", 8.0),
        row("q1", "p3", "a", 12.0),
        row("q2", "p1", "a", 5.0),
        row(None, "p4", "a", 3.0),
    ]
    near = near_panoramas(rows)
    assert {photo.stem: names(panoramas) for photo, panoramas in near.items()} == {
        "q1": ["p2", "p3"],
        "q2": ["p1"],
    }


def test_of_an_unknown_position_a_mask_tells_a_copy() -> None:
    rows = [row("q1", "p1", "a", mask=True), row("q1", "p2", "a"), row("q2", "p2", "a")]
    near = near_panoramas(rows)
    assert {photo.stem: names(panoramas) for photo, panoramas in near.items()} == {
        "q1": ["p2"],
        "q2": ["p2"],
    }


def test_a_place_with_copies_only_gives_a_few_of_them() -> None:
    alone = [row(f"q{n}", "p", "alone", 0.0) for n in range(COPIES + 3)]
    others = [row("r1", "s1", "pair", 0.0), row("r2", "s1", "pair", 9.0)]
    near = near_panoramas([*alone, *others])
    assert sorted(names(list(near))) == [*(f"q{n}" for n in range(COPIES)), "r2"]


# What is asked


def made_rows(seed: int) -> list[Row]:
    """Up to six places, some of them rendered, with up to five panoramas and twenty photos each."""
    draw = random.Random(seed)
    rows = []
    for number in range(draw.randint(1, 6)):
        place = f"{draw.choice(('street', 'real'))}-{number}"
        panoramas = [f"{place}-p{n}" for n in range(draw.randint(1, 5))]
        rows += [row(None, panorama, place, 0.0) for panorama in panoramas]
        for photo in range(draw.randint(0, 20)):
            rows += [
                row(f"{place}-q{photo}", panorama, place, draw.choice((0.0, 7.0)))
                for panorama in draw.sample(panoramas, draw.randint(0, len(panoramas)))
            ]
    return rows


@given(st.integers(0, 10_000), st.integers(0, 3))
def test_questions(made: int, seed: int) -> None:
    rows = made_rows(made)
    questions = draw_questions(rows, seed)
    assert questions == draw_questions(rows, seed)
    photos = [question.photo for question in questions]
    assert len(set(photos)) == len(photos)
    near = near_panoramas(rows)
    for question in questions:
        place, kind = question.place, question.place.split("-")[0]
        assert question.photo.stem.startswith(f"{place}-q")
        assert {*question.near} <= {*near[question.photo]}
        assert len(question.near) == min(NEAR, len(near[question.photo]))
        assert len(question.elsewhere) <= CANDIDATES
        assert len({*question.elsewhere}) == len(question.elsewhere)
        for panorama in question.elsewhere:
            assert not panorama.stem.startswith(f"{place}-"), "never of the photo's own place"
            assert panorama.stem.startswith(f"{kind}-"), "rendered ones with rendered ones"
    for place in {question.place for question in questions}:
        asked = [question for question in questions if question.place == place]
        known = [photo for photo in near if photo.stem.startswith(f"{place}-q")]
        assert len(asked) == min(PHOTOS, len(known))


class KnowsLookAlikes:
    def look_alikes(self, _photo: Path, panoramas: Sequence[Path]) -> tuple[Path, ...]:
        return tuple(sorted(panoramas)[:LOOK_ALIKES])


@pytest.mark.parametrize(
    ("near", "elsewhere", "true", "alike", "others"),
    [
        (1, 9, [1], [1, 1], [1, 1]),
        (2, 9, [1, 2], [1, 1, 2], [1, 1, 2]),
        (3, 9, [1, 3], [1, 1, 3], [1, 1, 3]),
        (1, 4, [1], [1, 1], [1]),
        (1, 1, [1], [1], []),
        (2, 0, [1, 2], [], []),
    ],
)
def test_claims_are_made_of_one_panorama_and_of_several(
    near: int, elsewhere: int, true: list[int], alike: list[int], others: list[int]
) -> None:
    question = Question(
        Path("q"),
        "a",
        tuple(Path(f"near-{n}") for n in range(near)),
        tuple(Path(f"far-{n}") for n in range(elsewhere)),
    )
    claims = claims_of(question, KnowsLookAlikes())  # type: ignore[arg-type]
    assert [len(claim.panoramas) for claim in claims if claim.true] == true
    assert [len(claim.panoramas) for claim in claims if claim.alike] == alike
    false = [claim for claim in claims if not claim.true and not claim.alike]
    assert [len(claim.panoramas) for claim in false] == others
    similar = {Path(f"far-{n}") for n in range(LOOK_ALIKES)}
    for claim in claims:
        assert (claim.photo, claim.place) == (question.photo, "a")
        assert not (claim.true and claim.alike)
        assert {*claim.panoramas} <= {*(question.near if claim.true else question.elsewhere)}
        assert ({*claim.panoramas} <= similar) == claim.alike
    assert LOOK_ALIKES == RANDOM == NEAR == 3


# Thresholds

scores = st.lists(st.floats(-50, 50), min_size=1, max_size=60).map(np.array)
rates = st.sampled_from((0.0, 0.01, 0.02, 0.05, 0.25, 0.5, 0.9))


@given(scores, rates)
def test_the_threshold_above_is_the_lowest_that_few_enough_reach(
    values: NDArray[np.float64], rate: float
) -> None:
    found = threshold_above(values, rate)
    assert (values >= found).mean() <= rate
    assert (values >= np.nextafter(found, -np.inf)).mean() > rate


@given(scores, rates)
def test_the_threshold_below_is_the_highest_that_few_enough_stay_at(
    values: NDArray[np.float64], rate: float
) -> None:
    found = threshold_below(values, rate)
    assert (values <= found).mean() <= rate
    assert (values <= np.nextafter(found, np.inf)).mean() > rate


# Fitting


def claim(true: bool, place: str, panoramas: int = 1, photo: int = 0) -> Claim:
    files = tuple(Path(f"{place}-{true}-{n}") for n in range(panoramas))
    return Claim(Path(f"{place}-{photo}"), files, true, not true, place)


def seen(true: bool, noise: np.random.Generator) -> Seen:
    first = {"patches": float(noise.normal(1.5 if true else -1.0, 1.0))}
    points = float(noise.normal(4.0 if true else 1.5, 0.8))
    useless = float(noise.normal())
    return Seen(first, {**first, "points": points, "useless": useless, "constant": 3.0})


LOOK_FROM = -2.0


def made_up(places: int = 12) -> tuple[list[Claim], list[list[Seen]]]:
    """Claims of one panorama and of several, three times as many false ones as true ones."""
    noise = np.random.default_rng(0)
    claims = [
        claim(true, f"real-{place}", panoramas, photo)
        for place in range(places)
        for photo in range(8)
        for true, panoramas in ((True, 1), (True, 3), *((False, 1),) * 3, *((False, 3),) * 3)
    ]
    return claims, [[seen(claim.true, noise) for _ in claim.panoramas] for claim in claims]


def test_what_speaks_for_a_claim_gets_a_weight_above_0() -> None:
    noise = np.random.default_rng(1)
    true = np.arange(400) % 4 == 0
    numbers: list[Evidence] = [
        {
            "for": float(noise.normal(2.0 * label)),
            "against": float(noise.normal(-2.0 * label)),
            "nothing": float(noise.normal()),
            "constant": 7.0,
        }
        for label in true
    ]
    model = fit(numbers, [claim(bool(label), "real-1") for label in true])
    assert model.weights["for"] > 0.5
    assert model.weights["against"] < -0.5
    assert abs(model.weights["nothing"]) < 0.4
    assert model.neutral["for"] == pytest.approx(1.0, abs=0.2), "half-way"
    # True and false claims weigh the same, so at the neutral point neither is likelier.
    assert model.log_odds(model.neutral) == pytest.approx(0, abs=0.3)


def test_units_do_not_matter() -> None:
    noise = np.random.default_rng(2)
    claims = [claim(n % 2 == 0, "real-1") for n in range(200)]
    values = [float(noise.normal(claim.true)) for claim in claims]
    metres, millimetres = (
        fit([{"length": value * unit} for value in values], claims) for unit in (1.0, 1000.0)
    )
    assert metres.weights["length"] == pytest.approx(1000 * millimetres.weights["length"], rel=1e-3)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_true_and_false_claims_weigh_the_same_and_real_ones_more(
    real: int, real_false: int, rendered: int, rendered_false: int
) -> None:
    claims = [
        *[claim(True, "real-1")] * real,
        *[claim(False, "real-1")] * real_false,
        *[claim(True, "real-1", 3)] * real_false,
        *[claim(False, "real-1", 3)] * rendered,
        *[claim(True, "street-1")] * rendered,
        *[claim(False, "street-1")] * rendered_false,
    ]
    weights = weights_of(claims)
    total = weights.sum()
    kinds = np.array([(claim.rendered, claim.true) for claim in claims])
    for is_rendered, share in ((False, REAL), (True, 1 - REAL)):
        for true in (False, True):
            chosen = (kinds == (is_rendered, true)).all(axis=1)
            assert weights[chosen].sum() / total == pytest.approx(share / 2)
    several = np.array([len(claim.panoramas) > 1 for claim in claims])
    assert weights[several & kinds[:, 1]].sum() == pytest.approx(
        weights[several & ~kinds[:, 1]].sum()
    )


def test_all_three_parts_weigh_as_one_expects() -> None:
    claims, all_seen = made_up()
    parts = fit_parts(claims, all_seen, np.arange(len(claims)), LOOK_FROM)
    assert parts.first.log_odds({"patches": 1.25}) == 1.25, "the network's own word"
    assert parts.second.weights["points"] > 0
    assert abs(parts.second.weights["useless"]) < 0.3
    assert parts.claim.weights["best panorama"] > 0
    assert parts.claim.weights["other panoramas"] > 0


def test_only_the_likeliest_panoramas_are_seen_as_after_a_second_look() -> None:
    claims, all_seen = made_up(places=5)
    parts = fit_parts(claims, all_seen, np.arange(len(claims)), LOOK_FROM)
    noise = np.random.default_rng(3)
    three = [replace(seen(True, noise), first={"patches": value}) for value in (0.5, 2.0, 1.0)]
    after = [parts.second.log_odds(one.second) for one in three]
    expected = claim_evidence([0.5, after[1], after[2]], [True] * 3)
    assert parts.together(three, LOOK_FROM) == expected
    assert parts.together(three, 2.0) == claim_evidence([0.5, 2.0, 1.0], [True] * 3)


def test_what_is_said_of_a_place_comes_from_other_places() -> None:
    """Where a place's claims are all mislabelled, only the others' say changes."""
    claims, all_seen = made_up(places=5)
    true = np.array([claim.true for claim in claims])
    log_odds = held_out(claims, all_seen, LOOK_FROM)
    assert log_odds[true].mean() > log_odds[~true].mean()
    odd = [replace(c, true=not c.true) if c.place == "real-0" else c for c in claims]
    own = np.array([claim.place == "real-0" for claim in claims])
    changed = held_out(odd, all_seen, LOOK_FROM)
    np.testing.assert_array_equal(changed[own], log_odds[own])
    assert not np.allclose(changed[~own], log_odds[~own])


def test_measures_weigh_true_and_false_claims_the_same() -> None:
    true = np.array([True, False, False, False])
    once = measures_of(true[:2], np.array([2.0, -1.0]))
    often = measures_of(true, np.array([2.0, -1.0, -1.0, -1.0]))
    assert once == often
    assert "AUC 1.0000" in once


# The whole tool


class Nothing(Matcher):
    """Finds no keypoints: the second look has nothing to add."""

    name, source, features_key = "nothing", "this test", "nothing/1"

    def extract(self, pixels: NDArray[np.uint8]) -> LocalFeatures:
        none = np.empty((0, 2), np.float32)
        return LocalFeatures(none, none[:, 0], none, pixels.shape[1], pixels.shape[0])

    def match(self, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:
        assert len(first.keypoints) == len(second.keypoints) == 0
        return LocalMatches(np.empty((0, 2), np.int64), np.empty(0, np.float32))


@pytest.fixture
def made(tmp_path: Path, checkpoint_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments of the tool: eight places, of which the network was trained on one."""
    monkeypatch.setattr(tool, "make_matcher", lambda _name: Nothing())
    rows = []
    for number, place in enumerate([*(f"real-{n}" for n in range(6)), "street-1", "street-2"]):
        panorama, photo = tmp_path / f"p{number}.png", tmp_path / f"q{number}.png"
        pixels = blocks(number)
        Image.fromarray(pixels).save(panorama)
        Image.fromarray(crop(pixels, 22.5 * number)).save(photo)
        here = Location(50.0 + number, 7.0)
        near = Location(50.0 + number + 5 * METRE, 7.0)
        rows.append(Row(photo, here, panorama, near, place, "development", None))
    write_manifest(tmp_path / "fit.csv", rows)
    write_manifest(tmp_path / "trained.csv", [replace(rows[0], split="train"), rows[1]])
    return [
        "fit_verdict.py",
        str(tmp_path / "fit.csv"),
        *("--trained-on", str(tmp_path / "trained.csv")),
        *("--weights", str(checkpoint_path)),
        *("--matcher", "nothing"),
        *("--features", str(tmp_path / "features")),
        *("--output", str(tmp_path / "verdict.json")),
        *("--about", "blocks"),
    ]


def test_the_whole_tool(
    made: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", made)
    assert main() == 0
    # Of each real place one true claim, two of the look-alikes, and one of what is left; there is
    # only one other street.
    said = capsys.readouterr().out
    assert "real: 20 claims of 5 places, 5 true" in said
    assert "rendered: 4 claims of 2 places, 2 true" in said
    model = load_model(tmp_path / "verdict.json")
    assert (model.matcher, model.fitted_on) == ("nothing", "blocks")
    assert model.first.weights["patches"] > 0
    assert model.inconsistent_to <= 0.5 <= model.consistent_from
    assert len(list((tmp_path / "features").rglob("p*"))) == 0, "nothing is copied"
    document = json.loads((tmp_path / "verdict.json").read_text())
    # Again, with features kept: the same to the last digit.
    assert main() == 0
    assert json.loads((tmp_path / "verdict.json").read_text()) == document


def test_what_goes_wrong_is_one_line(
    made: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made[made.index("--weights") + 1] = "/nowhere/weights.safetensors"
    monkeypatch.setattr("sys.argv", made)
    assert main() != 0
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
