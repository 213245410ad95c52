"""One method's answers on disk: a line as soon as a pair is answered, masks as pictures beside it.

``answers/METHOD.jsonl`` begins with a line that says of which method and suite the answers are;
every other line is one pair's. What a killed run wrote half is dropped, and the rest is kept.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placeproof.errors import StorageError
from placeproof.evaluation.mask_folder import MaskFolder, MaskPair
from placeproof.evaluation.method import Answer
from placeproof.files import write_atomically
from placeproof.geometry import WrappedBox
from placeproof.results import Verdict

ANSWERS = "answers"
MASKS = "masks"


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What is kept of an answer; its masks stay on disk.

    Attributes:
        score: Higher where the same place is likelier.
        probability: Of the same place, if the method states one.
        box: See :class:`~placeproof.evaluation.method.Answer`.
        yaw: Degrees right of the panorama's centre column, if known.
        verdict: What the method concludes, if it may also conclude nothing.
        masks: Whether there are masks.
    """

    score: float
    probability: float | None
    box: WrappedBox | None
    yaw: float | None
    verdict: Verdict | None
    masks: bool


class AnswerFile:
    """The answers of one method in a run's folder.

    Args:
        run: The run's folder.
        method: The method's name, also of its files.
        identity: What the answers depend on beside the pairs. Answers of another identity, of
            other weights for instance, are dropped.
        count: How many pairs there are.

    Attributes:
        answers: By the pairs' places in the suite.
        masks: Where its masks are.

    Raises:
        StorageError: If the files cannot be read or written.
    """

    def __init__(self, run: Path, method: str, identity: str, count: int) -> None:
        self.path = run / ANSWERS / f"{method}.jsonl"
        self.masks = MaskFolder(run / MASKS / method)
        self._header = {"method": method, "identity": identity}
        self.answers: dict[int, StoredAnswer] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.masks.folder.mkdir(parents=True, exist_ok=True)
            header, answers = read_answers(self.path)
        except OSError as error:
            raise StorageError(f"cannot use '{self.path}': {error.strerror}") from error
        if header == self._header:
            self.answers = {
                pair: answer
                for pair, answer in answers.items()
                if pair < count and (not answer.masks or self.masks.sound(pair))
            }
        self.write()

    def add(self, pair: int, answer: StoredAnswer) -> None:
        """Keeps a pair's answer.

        Raises:
            StorageError: If it cannot be written.
        """
        self.answers[pair] = answer
        try:
            with self.path.open("ab") as file:
                file.write(_line(_entry(pair, answer)))
        except OSError as error:
            raise StorageError(f"cannot write '{self.path}': {error.strerror}") from error

    def write(self) -> None:
        """Writes all answers anew, in the order of their pairs.

        Raises:
            StorageError: If that fails.
        """
        lines: list[dict[str, Any]] = [self._header]
        lines += [_entry(pair, answer) for pair, answer in sorted(self.answers.items())]
        write_atomically(self.path, b"".join(map(_line, lines)))

    def load_masks(self, pair: int) -> MaskPair | None:
        """M_Q and M_R of a pair; None where there are none."""
        return self.masks.load(pair) if self.answers[pair].masks else None


def read_answers(path: Path) -> tuple[dict[str, Any], dict[int, StoredAnswer]]:
    """The first line of an answer file, and the answers by their pairs' places in the suite.

    Both are empty where there is no file. Damaged lines are left out.

    Raises:
        OSError: If it cannot be read.
    """
    if not path.exists():
        return {}, {}
    first, *rest = path.read_bytes().split(b"\n")
    answers = dict(found for found in map(_parse, rest) if found is not None)
    return _object(first), answers


def stored(answer: Answer, *, masks: bool) -> StoredAnswer:
    """What is kept of an answer.

    Raises:
        ValueError: If it breaks the contract: a score or yaw that is no number, or a probability
            that is none.
    """
    if not math.isfinite(answer.score):
        raise ValueError(f"a score of {answer.score}")
    if answer.probability is not None and not 0 <= answer.probability <= 1:
        raise ValueError(f"a probability of {answer.probability}")
    if answer.yaw is not None and not math.isfinite(answer.yaw):
        raise ValueError(f"a yaw of {answer.yaw}")
    return StoredAnswer(
        answer.score, answer.probability, answer.box, answer.yaw, answer.verdict, masks
    )


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, allow_nan=False).encode() + b"\n"


def _entry(pair: int, answer: StoredAnswer) -> dict[str, Any]:
    box = answer.box
    return {
        "pair": pair,
        "score": answer.score,
        "probability": answer.probability,
        "box": None if box is None else [box.left, box.top, box.width, box.height],
        "yaw": answer.yaw,
        "verdict": answer.verdict,
        "masks": answer.masks,
    }


def _object(line: bytes) -> dict[str, Any]:
    """The object in a line; empty where there is none, as where a killed run wrote half of it."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _parse(line: bytes) -> tuple[int, StoredAnswer] | None:
    """A pair's place in the suite and its answer; None of a line that is damaged."""
    entry = _object(line)
    try:
        box = None if entry["box"] is None else WrappedBox(*entry["box"])
        verdict = None if entry["verdict"] is None else Verdict(entry["verdict"])
        return entry["pair"], StoredAnswer(
            entry["score"], entry["probability"], box, entry["yaw"], verdict, entry["masks"]
        )
    except (KeyError, TypeError, ValueError):
        return None
