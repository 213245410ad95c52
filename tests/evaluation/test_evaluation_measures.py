import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluated import (
    COST,
    HEIGHT,
    WIDTH,
    answer,
    make_suite,
    method,
    rectangle,
    scored,
    with_mask,
    with_pair,
)
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from placeproof.errors import EvaluationError, NotAnImageError, StorageError
from placeproof.evaluation.measures import Measures, read_measures, write_measures
from placeproof.evaluation.measuring import measure
from placeproof.evaluation.ranking import ranking_samples
from placeproof.evaluation.regions import TrueRegion, box_overlap, resized
from placeproof.evaluation.scored import Cost, MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.geometry import WrappedBox, mask_box
from placeproof.metrics import (
    average_precision,
    bootstrap_draws,
    bootstrap_interval,
    brier,
    expected_calibration_error,
    roc_auc,
    true_positive_rate,
)
from placeproof.results import Verdict

RESAMPLES = 40


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return make_suite(tmp_path)


def measured(suite: Suite, *results: MethodResult) -> Measures:
    return measure(suite, results, resamples=RESAMPLES)


def labels(suite: Suite) -> NDArray[np.bool_]:
    return np.array([pair.same for pair in suite.pairs])


def test_each_measure_is_the_known_one_with_its_interval_over_places(suite: Suite) -> None:
    random = np.random.default_rng(3)
    same, places = labels(suite), [pair.place for pair in suite.pairs]
    probability = np.clip(random.normal(0.3 + 0.4 * same, 0.3), 0, 1)
    result = method("a", [answer(2 * p - 7, probability=p) for p in probability], cost=COST)
    found = measured(suite, result)
    (only,) = found.methods
    score = result.scores()
    for name, metric, values in (
        ("auc", roc_auc, score),
        ("average_precision", average_precision, score),
        ("found_at_1_percent", lambda s, v: true_positive_rate(s, v, 0.01), score),
        ("found_at_01_percent", lambda s, v: true_positive_rate(s, v, 0.001), score),
        ("ece", expected_calibration_error, probability),
        ("brier", brier, probability),
    ):
        estimate = getattr(only, name)
        assert estimate.value == pytest.approx(metric(same, values)), name
        interval = bootstrap_interval(metric, same, values, places, RESAMPLES)
        assert (estimate.low, estimate.high) == pytest.approx(interval), name
    assert 0.5 < only.auc.value < 1, "the case is neither trivial nor hopeless"
    assert only.against_best is None
    assert (only.masks, only.boxes, only.bearings) == (None, None, None)
    assert only.cost == COST
    assert (only.name, only.title, only.source) == ("a", "A", "source of a")
    assert (found.pairs, found.same, found.different, found.places) == (16, 8, 8, 8)
    assert found.fingerprint == suite.fingerprint()


def test_methods_stand_by_auc_each_against_the_best_on_the_same_draws(suite: Suite) -> None:
    results = [
        scored(suite, name, worth, seed)
        for seed, (name, worth) in enumerate((("weak", 0.2), ("strong", 3.0), ("middle", 1.5)))
    ]
    found = measured(suite, *results)
    assert [m.name for m in found.methods] == ["strong", "middle", "weak"]
    best, middle, weak = found.methods
    assert best.against_best is None
    same = labels(suite)
    draws = bootstrap_draws(same, [pair.place for pair in suite.pairs], RESAMPLES)
    by_name = {result.name: result.scores() for result in results}
    for other in (middle, weak):
        assert other.against_best is not None
        assert other.against_best.value == pytest.approx(other.auc.value - best.auc.value)
        differences = [
            roc_auc(same[d], by_name[other.name][d]) - roc_auc(same[d], by_name["strong"][d])
            for d in draws
        ]
        low, high = np.quantile(differences, (0.025, 0.975))
        assert (other.against_best.low, other.against_best.high) == pytest.approx((low, high))
    # Of equals the first is the best, and the other is no different.
    equal = measured(suite, results[1], replace(results[1], name="twin"))
    assert [m.name for m in equal.methods] == ["strong", "twin"]
    assert equal.methods[1].against_best is not None
    assert equal.methods[1].against_best.p_value == 1


def test_a_method_without_probability_of_every_pair_has_no_calibration(suite: Suite) -> None:
    answers = [answer(float(pair.same), probability=0.5) for pair in suite.pairs]
    answers[3] = answer(0.0)
    (only,) = measured(suite, method("a", answers)).methods
    assert only.ece is None
    assert only.brier is None


def test_of_a_single_place_there_are_no_intervals(suite: Suite) -> None:
    one = replace(suite, pairs=tuple(replace(pair, place="here") for pair in suite.pairs))
    found = measured(one, scored(one, "a", 1), scored(one, "b", 2, 1))
    assert found.places == 1
    for m in found.methods:
        assert (m.auc.low, m.auc.high, m.against_best) == (None, None, None)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 400))
def test_ranking_on_all_draws_at_once_is_that_of_each_draw(
    seed: int, values: int, pairs: int
) -> None:
    random = np.random.default_rng(seed)
    same = random.random(pairs) < 0.4
    same[:2] = True, False
    score = random.integers(0, values, pairs) + 0.5 * random.integers(0, 2, pairs) * same
    groups = [number // 3 for number in range(pairs)] if pairs > 3 else [0, 1, 2][:pairs]
    draws = bootstrap_draws(same, groups, 3, seed)
    found = ranking_samples(same, score, draws)
    for number, drawn in enumerate(draws):
        s, v = same[drawn], score[drawn]
        assert found.auc[number] == pytest.approx(roc_auc(s, v))
        assert found.average_precision[number] == pytest.approx(average_precision(s, v))
        assert found.found_at_1_percent[number] == pytest.approx(true_positive_rate(s, v, 0.01))
        assert found.found_at_01_percent[number] == pytest.approx(true_positive_rate(s, v, 0.001))


def test_ranking_does_not_depend_on_how_many_draws_are_measured_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    same, score = np.arange(40) % 2 == 0, random.normal(size=40)
    draws = bootstrap_draws(same, range(40), 7)
    together = ranking_samples(same, score, draws)
    monkeypatch.setattr("placeproof.evaluation.ranking._AT_ONCE", 80)
    for whole, apart in zip(together, ranking_samples(same, score, draws), strict=True):
        assert whole.tolist() == apart.tolist()


# Localization


def test_masks_and_boxes_are_compared_with_the_true_region(suite: Suite, tmp_path: Path) -> None:
    """Pair 0 found exactly, pair 2 by a half, pair 4 not at all; pair 1 is of other places."""
    for pair in (0, 1, 2, 4):
        suite = with_mask(suite, pair, rectangle(32, 16, 32, 16), tmp_path)
    coarse = np.zeros((HEIGHT // 4, WIDTH // 4), np.float32)
    half = coarse.copy()
    coarse[4:8, 8:16], half[4:8, 8:12] = 1.0, 1.0
    answers = [answer(float(pair.same)) for pair in suite.pairs]
    answers[0] = answer(1.0, box=WrappedBox(8, 4, 8, 4))
    answers[2] = answer(1.0, box=WrappedBox(8, 4, 4, 4))
    (only,) = measured(suite, method("a", answers, {0: coarse, 1: coarse, 2: half})).methods
    assert only.boxes is not None
    assert only.boxes.pairs == 3
    assert only.boxes.iou.value == pytest.approx((1 + 0.5 + 0) / 3)
    assert only.boxes.hits.value == pytest.approx(2 / 3)
    assert only.masks is not None
    assert only.masks.pairs == 3
    # At 0.5 a mask that is enlarged bilinearly keeps its edges and loses no more than corners.
    assert only.masks.iou.value == pytest.approx((1 + 0.5 + 0) / 3, abs=0.05)
    assert only.bearings is None


def test_a_box_without_masks_counts_in_pixels_of_the_reference(
    suite: Suite, tmp_path: Path
) -> None:
    true = rectangle(120, 16, 16, 16)[::2, ::2]  # the true mask on a coarser grid of its own
    suite = with_mask(suite, 0, true, tmp_path)
    answers = [answer(float(pair.same)) for pair in suite.pairs]
    answers[0] = answer(1.0, box=WrappedBox(120, 16, 16, 16))
    (only,) = measured(suite, method("a", answers)).methods
    assert only.masks is None
    assert only.boxes is not None
    assert only.boxes.iou.value == pytest.approx(1)
    assert (only.boxes.iou.low, only.boxes.pairs) == (None, 1), "one place has no interval"


def test_where_no_truth_is_known_nothing_is_said(suite: Suite, tmp_path: Path) -> None:
    suite = with_mask(suite, 0, np.zeros((HEIGHT, WIDTH), bool), tmp_path)  # nothing to find
    suite = with_mask(suite, 1, rectangle(0, 0, 9, 9), tmp_path)  # different places
    box = {"box": WrappedBox(0, 0, 1, 1), "yaw": 3.0}
    answers = [answer(float(pair.same), **box) for pair in suite.pairs]
    (only,) = measured(suite, method("a", answers, {0: np.ones((4, 8), np.float32)})).methods
    assert (only.masks, only.boxes, only.bearings) == (None, None, None)


def test_a_true_mask_that_is_no_picture_is_an_error(suite: Suite, tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    path.write_bytes(b"no picture")
    with pytest.raises(NotAnImageError, match=r"mask\.png"):
        measured(with_pair(suite, 0, mask=path), scored(suite, "a", 1))


boxes = st.tuples(st.integers(0, 15), st.integers(0, 7), st.integers(1, 16), st.integers(1, 8)).map(
    lambda b: WrappedBox(b[0], b[1], b[2], min(b[3], 8 - b[1]))
)


def _cells(box: WrappedBox) -> NDArray[np.bool_]:
    mask = np.zeros((8, 16), bool)
    mask[box.top : box.top + box.height, np.arange(box.left, box.left + box.width) % 16] = True
    return mask


@given(boxes, boxes, st.integers(1, 3), st.integers(1, 3))
def test_the_overlap_of_boxes_is_that_of_their_cells_on_any_grid(
    found: WrappedBox, true: WrappedBox, across: int, down: int
) -> None:
    cells, true_cells = _cells(found), _cells(true)
    region = TrueRegion(true_cells, true, wraps=True)
    expected = (cells & true_cells).sum() / (cells | true_cells).sum()
    scaled = WrappedBox(
        found.left * across, found.top * down, found.width * across, found.height * down
    )
    assert box_overlap(scaled, (16 * across, 8 * down), region) == pytest.approx(expected)


@given(st.integers(0, 1000), st.integers(0, 7))
def test_a_mask_is_enlarged_across_the_seam(seed: int, turn: int) -> None:
    mask = np.random.default_rng(seed).random((4, 8)).astype(np.float32)
    grown = resized(mask, (32, 16), wraps=True)
    turned = resized(np.roll(mask, turn, axis=1), (32, 16), wraps=True)
    assert grown.shape == (16, 32)
    assert np.roll(grown, 4 * turn, axis=1) == pytest.approx(turned, abs=1e-5)
    assert grown.min() >= mask.min() - 1e-6
    assert grown.max() <= mask.max() + 1e-6


def test_without_a_seam_the_edges_do_not_mix() -> None:
    mask = np.zeros((4, 8), np.float32)
    mask[:, 0] = 1
    assert resized(mask, (32, 16), wraps=False)[:, -1].max() == 0
    assert resized(mask, (32, 16), wraps=True)[:, -1].min() > 0.3


def test_the_true_box_is_that_of_the_true_mask_across_the_seam(
    suite: Suite, tmp_path: Path
) -> None:
    suite = with_mask(suite, 0, rectangle(112, 20, 40, 20), tmp_path)
    mask = rectangle(112, 20, 40, 20).astype(np.float32)
    box = mask_box(mask > 0, wraps=True)
    answers = [answer(float(pair.same)) for pair in suite.pairs]
    answers[0] = answer(1.0, box=box)
    (only,) = measured(suite, method("a", answers, {0: mask})).methods
    assert only.masks is not None
    assert only.boxes is not None
    assert only.masks.iou.value == only.boxes.iou.value == 1


def test_bearings_are_compared_around_the_circle(suite: Suite) -> None:
    """Errors of 20, 2, 90 and unknown, and a fifth pair whose truth is not known."""
    true = {0: 170.0, 2: -179.0, 4: 0.0, 6: 10.0}
    given_yaws = {0: -170.0, 2: 179.0, 4: 90.0, 8: 5.0, 1: 5.0}
    for pair, bearing in true.items():
        suite = with_pair(suite, pair, bearing=bearing)
    answers = [
        answer(float(pair.same), yaw=given_yaws.get(number))
        for number, pair in enumerate(suite.pairs)
    ]
    (only,) = measured(suite, method("a", answers)).methods
    found = only.bearings
    assert found is not None
    assert (found.pairs, found.answered) == (4, 3)
    assert found.median_error is not None
    assert found.median_error.value == pytest.approx(20)
    assert found.within.value == pytest.approx(2 / 4), "no direction is no close one"
    assert found.within.low is not None
    assert found.within.high is not None
    assert found.within.low < 0.5 < found.within.high
    # One that gives directions elsewhere only has none of these.
    answers = [replace(a, yaw=None if n in true else 1.0) for n, a in enumerate(answers)]
    (only,) = measured(suite, method("a", answers)).methods
    assert only.bearings is not None
    assert (only.bearings.answered, only.bearings.median_error) == (0, None)


# Verdicts

YES, NO, OPEN = Verdict.CONSISTENT, Verdict.INCONSISTENT, Verdict.INCONCLUSIVE
SAME_SAID = (YES, YES, YES, YES, YES, OPEN, OPEN, NO)  # of the pairs of one place
DIFFERENT_SAID = (NO, NO, NO, OPEN, OPEN, OPEN, YES, YES)


def concluding(suite: Suite, same: Sequence[Verdict], different: Sequence[Verdict]) -> MethodResult:
    """A method with these verdicts of its pairs of one place, and of the others, in order."""
    said = iter(same), iter(different)
    answers = [answer(float(p.same), verdict=next(said[0 if p.same else 1])) for p in suite.pairs]
    return method("concluding", answers)


def test_verdicts_are_counted_by_what_is_true(suite: Suite) -> None:
    found = measured(suite, concluding(suite, SAME_SAID, DIFFERENT_SAID)).methods[0].verdicts
    assert found is not None
    assert found.same_consistent.value == pytest.approx(5 / 8)
    assert found.same_inconsistent.value == pytest.approx(1 / 8)
    assert found.different_consistent.value == pytest.approx(2 / 8)
    assert found.different_inconsistent.value == pytest.approx(3 / 8)
    assert found.coverage.value == pytest.approx(11 / 16)
    assert found.error is not None
    assert found.error.value == pytest.approx((1 + 2) / 11)
    for estimate in (found.same_consistent, found.coverage, found.error):
        assert estimate.low is not None
        assert estimate.high is not None
        assert 0 <= estimate.low < estimate.value < estimate.high <= 1


def test_nothing_concluded_is_nothing_wrong(suite: Suite) -> None:
    found = measured(suite, concluding(suite, [OPEN] * 8, [OPEN] * 8)).methods[0].verdicts
    assert found is not None
    assert (found.coverage.value, found.error) == (0, None)


def test_verdicts_that_are_all_right_have_no_errors(suite: Suite) -> None:
    found = measured(suite, concluding(suite, [YES] * 8, [NO] * 8)).methods[0].verdicts
    assert found is not None
    assert found.error is not None
    assert (found.coverage.value, found.error.value, found.error.high) == (1, 0, 0)


def test_a_method_that_does_not_conclude_on_every_pair_has_no_verdicts(suite: Suite) -> None:
    result = concluding(suite, SAME_SAID, DIFFERENT_SAID)
    answers = list(result.answers)
    answers[3] = replace(answers[3], verdict=None)
    assert measured(suite, replace(result, answers=tuple(answers))).methods[0].verdicts is None
    assert measured(suite, scored(suite, "a", 1)).methods[0].verdicts is None


# What cannot be measured


def test_results_that_do_not_fit_are_refused(suite: Suite) -> None:
    result = scored(suite, "a", 1)
    with pytest.raises(EvaluationError, match="no method"):
        measured(suite)
    with pytest.raises(EvaluationError, match="twice"):
        measured(suite, result, result)
    with pytest.raises(EvaluationError, match="a has answered 15 of 16 pairs"):
        measured(suite, replace(result, answers=result.answers[1:]))


# The file


@pytest.fixture
def full(suite: Suite, tmp_path: Path) -> Measures:
    """Measures with and without every part."""
    suite = with_pair(with_mask(suite, 0, rectangle(1, 2, 30, 30), tmp_path), 0, bearing=5.0)
    box = WrappedBox(0, 0, 2, 2)
    said = {"probability": 0.5, "box": box, "yaw": 1.0, "verdict": OPEN}
    answers = [answer(float(p.same), **said) for p in suite.pairs]
    rich = method(
        "rich", answers, {0: np.ones((4, 8), np.float32)}, cost=COST, title="<b>\ud800\x1b|"
    )
    unknown_memory = Cost(0.1, 0.2, 0.3, 0.3, None, 1, 2)
    return measured(suite, rich, scored(suite, "plain", 1, cost=unknown_memory))


def test_what_is_written_is_read_back(full: Measures, tmp_path: Path) -> None:
    path = tmp_path / "measures.json"
    write_measures(full, path)
    path.read_text(encoding="utf-8")
    assert read_measures(path) == full
    assert full.methods[0].masks is not None
    assert full.methods[0].verdicts is not None
    assert full.methods[1].masks is None


def test_the_same_results_give_the_same_file(suite: Suite, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_measures(measured(suite, scored(suite, "a", 1)), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def _without(entry: dict[str, Any]) -> None:
    del entry["methods"][0]["auc"]


def _text_for_number(entry: dict[str, Any]) -> None:
    entry["methods"][0]["auc"]["value"] = "0.9"


def _number_for_text(entry: dict[str, Any]) -> None:
    entry["suite"] = 3


def _true_for_count(entry: dict[str, Any]) -> None:
    entry["pairs"] = True


def _more(entry: dict[str, Any]) -> None:
    entry["methods"][0]["more"] = 1


def _other_format(entry: dict[str, Any]) -> None:
    entry["format"] = "placeproof-measures/9"


@pytest.mark.parametrize(
    "damage", [_without, _text_for_number, _number_for_text, _true_for_count, _more, _other_format]
)
def test_a_file_that_holds_anything_else_is_refused(
    full: Measures, tmp_path: Path, damage: Any
) -> None:
    path = tmp_path / "measures.json"
    write_measures(full, path)
    entry = json.loads(path.read_bytes())
    damage(entry)
    path.write_text(json.dumps(entry))
    with pytest.raises(EvaluationError, match=r"measures\.json"):
        read_measures(path)


def test_files_that_are_no_json_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "measures.json"
    with pytest.raises(StorageError, match="cannot read"):
        read_measures(path)
    for content in (b"", b"[1]", b"\xff", b'{"format": 1}'):
        path.write_bytes(content)
        with pytest.raises(EvaluationError, match=r"measures\.json"):
            read_measures(path)
