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

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import StorageError
from placeproof.evaluation.method import Answer
from placeproof.files import write_atomically
from placeproof.geometry import WrappedBox

ANSWERS = "answers"
MASKS = "masks"
MaskPair = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What is kept of an answer; its masks stay on disk.

    Attributes:
        score: Higher where the same place is likelier.
        probability: Of the same place, if the method states one.
        box: See :class:`~placeproof.evaluation.method.Answer`.
        yaw: Degrees right of the panorama's centre column, if known.
        masks: Whether there are masks.
    """

    score: float
    probability: float | None
    box: WrappedBox | None
    yaw: float | None
    masks: bool


class AnswerFile:
    """The answers of one method in a run's folder.

    Args:
        run: The run's folder.
        method: The method's name, also of its files.
        identity: What the answers depend on beside the pairs. Answers of another identity, of
            other weights for instance, are dropped.
        count: How many pairs there are.

    Raises:
        StorageError: If the files cannot be read or written.
    """

    def __init__(self, run: Path, method: str, identity: str, count: int) -> None:
        self.path = run / ANSWERS / f"{method}.jsonl"
        self._masks = run / MASKS / method
        self._header = {"method": method, "identity": identity}
        self.answers: dict[int, StoredAnswer] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._masks.mkdir(parents=True, exist_ok=True)
            header, answers = read_answers(self.path)
        except OSError as error:
            raise StorageError(f"cannot use '{self.path}': {error.strerror}") from error
        if header == self._header:
            self.answers = {
                pair: answer
                for pair, answer in answers.items()
                if pair < count and (not answer.masks or all(map(_sound, self._mask_files(pair))))
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

    def save_masks(self, pair: int, answer: Answer) -> bool:
        """Writes a pair's masks, if there are both, and says whether there are."""
        if answer.query_mask is None or answer.reference_mask is None:
            return False
        for path, mask in zip(
            self._mask_files(pair), (answer.query_mask, answer.reference_mask), strict=True
        ):
            data = Image.fromarray(np.rint(mask * 255).astype(np.uint8))
            try:
                data.save(path, "PNG")
            except OSError as error:
                raise StorageError(f"cannot write '{path}': {error.strerror}") from error
        return True

    def masks(self, pair: int) -> MaskPair | None:
        """M_Q and M_R of a pair in [0, 1], to within 1/510; None where there are none."""
        answer = self.answers.get(pair)
        if answer is None or not answer.masks:
            return None
        query, reference = (
            np.asarray(Image.open(path), np.float32) / np.float32(255)
            for path in self._mask_files(pair)
        )
        return query, reference

    def _mask_files(self, pair: int) -> tuple[Path, Path]:
        return self._masks / f"{pair:05}-query.png", self._masks / f"{pair:05}-reference.png"


def read_answers(path: Path) -> tuple[dict[str, Any], dict[int, StoredAnswer]]:
    """The first line of an answer file, and the answers by their pairs' places in the suite.

    Both are empty where there is no file. Half lines are left out.

    Raises:
        OSError: If it cannot be read.
    """
    if not path.exists():
        return {}, {}
    lines = path.read_bytes().split(b"\n")
    entries = [entry for entry in map(_parse, lines) if entry is not None]
    if not entries:
        return {}, {}
    return entries[0], dict(map(_answer, entries[1:]))


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
    return StoredAnswer(answer.score, answer.probability, answer.box, answer.yaw, masks)


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
        "masks": answer.masks,
    }


def _answer(entry: Mapping[str, Any]) -> tuple[int, StoredAnswer]:
    box = None if entry["box"] is None else WrappedBox(*entry["box"])
    return entry["pair"], StoredAnswer(
        entry["score"], entry["probability"], box, entry["yaw"], entry["masks"]
    )


def _parse(line: bytes) -> dict[str, Any] | None:
    """A whole line's object; what a killed run wrote half is none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _read_mask(path: Path) -> NDArray[np.float32]:
    with Image.open(path) as image:
        return np.asarray(image, np.float32) / np.float32(255)


def _sound(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
    except OSError:
        return False
    return True
