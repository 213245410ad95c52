"""Answers on disk: what a killed run leaves is read again, and nothing else."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from placeproof.evaluation.answer_file import AnswerFile, StoredAnswer, stored
from placeproof.evaluation.method import Answer
from placeproof.geometry import WrappedBox
from placeproof.results import Verdict

PLAIN = StoredAnswer(0.25, None, None, None, None, masks=False)
FULL = StoredAnswer(
    -3.5, 0.125, WrappedBox(100, 2, 10, 20), -170.5, Verdict.INCONSISTENT, masks=False
)


def test_answers_come_back(tmp_path: Path) -> None:
    file = AnswerFile(tmp_path, "m", "one", 5)
    file.add(3, FULL)
    file.add(0, PLAIN)
    assert AnswerFile(tmp_path, "m", "one", 5).answers == {0: PLAIN, 3: FULL}


def test_the_file_is_the_same_in_whatever_order_answers_came(tmp_path: Path) -> None:
    files = []
    for name, order in (("a", (0, 1)), ("b", (1, 0))):
        file = AnswerFile(tmp_path / name, "m", "one", 2)
        for pair in order:
            file.add(pair, (PLAIN, FULL)[pair])
        file.write()
        files.append(file.path.read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_half_a_line_is_dropped_and_the_rest_kept(tmp_path: Path, cut: int) -> None:
    file = AnswerFile(tmp_path, "m", "one", 5)
    file.add(0, PLAIN)
    file.add(1, FULL)
    file.path.write_bytes(file.path.read_bytes()[:-cut])
    again = AnswerFile(tmp_path, "m", "one", 5)
    assert again.answers.keys() >= {0}
    again.add(1, FULL)
    assert AnswerFile(tmp_path, "m", "one", 5).answers == {0: PLAIN, 1: FULL}


@pytest.mark.parametrize("verdict", [*Verdict, None])
def test_a_verdict_is_kept(tmp_path: Path, verdict: Verdict | None) -> None:
    said = stored(Answer(1.0, verdict=verdict), masks=False)
    AnswerFile(tmp_path, "m", "one", 5).add(0, said)
    again = AnswerFile(tmp_path, "m", "one", 5).answers[0]
    assert again == replace(PLAIN, score=1.0, verdict=verdict)
    assert again.verdict is verdict


def test_a_line_of_before_there_were_verdicts_is_dropped(tmp_path: Path) -> None:
    file = AnswerFile(tmp_path, "m", "one", 5)
    file.add(0, PLAIN)
    file.add(1, FULL)
    first, *lines = file.path.read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    del entries[1]["verdict"]
    file.path.write_text("\n".join([first, *map(json.dumps, entries), ""]))
    assert AnswerFile(tmp_path, "m", "one", 5).answers == {0: PLAIN}


def test_an_unknown_verdict_is_dropped(tmp_path: Path) -> None:
    file = AnswerFile(tmp_path, "m", "one", 5)
    file.add(1, FULL)
    file.path.write_text(file.path.read_text().replace('"inconsistent"', '"maybe"'))
    assert AnswerFile(tmp_path, "m", "one", 5).answers == {}


@pytest.mark.parametrize("line", [b"[1]", b'{"pair": 1}', b"\xff", b'{"pair": 1, "box": 3}'])
def test_a_damaged_line_is_dropped(tmp_path: Path, line: bytes) -> None:
    file = AnswerFile(tmp_path, "m", "one", 5)
    file.add(0, PLAIN)
    file.path.write_bytes(file.path.read_bytes() + line + b"\n")
    file.add(2, FULL)
    assert AnswerFile(tmp_path, "m", "one", 5).answers == {0: PLAIN, 2: FULL}


def test_answers_of_other_weights_are_dropped(tmp_path: Path) -> None:
    AnswerFile(tmp_path, "m", "one", 5).add(0, PLAIN)
    assert AnswerFile(tmp_path, "m", "two", 5).answers == {}


def test_masks_come_back_and_a_pair_without_its_masks_is_done_again(tmp_path: Path) -> None:
    file = AnswerFile(tmp_path, "m", "one", 5)
    random = np.random.default_rng(0)
    query, reference = random.random((3, 4), np.float32), random.random((5, 9), np.float32)
    said = Answer(1.0, query_mask=query, reference_mask=reference)
    file.add(2, stored(said, masks=file.masks.save(2, said)))
    again = AnswerFile(tmp_path, "m", "one", 5)
    masks = again.load_masks(2)
    assert masks is not None
    for found, true in zip(masks, (query, reference), strict=True):
        np.testing.assert_allclose(found, true, atol=0.5 / 255 + 1e-6)
    next((tmp_path / "masks" / "m").glob("*-query.png")).write_bytes(b"half")
    assert AnswerFile(tmp_path, "m", "one", 5).answers == {}


@pytest.mark.parametrize(
    "answer",
    [Answer(float("nan")), Answer(float("inf")), Answer(0.0, 1.5), Answer(0.0, yaw=float("nan"))],
)
def test_what_breaks_the_contract_is_not_kept(answer: Answer) -> None:
    with pytest.raises(ValueError):
        stored(answer, masks=False)
