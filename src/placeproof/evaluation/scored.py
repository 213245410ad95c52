"""What one method says of every pair of a suite, and what a pair costs it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from placeproof.evaluation.answer_file import StoredAnswer
from placeproof.evaluation.mask_folder import MaskPair
from placeproof.metrics import Scores
from placeproof.results import Verdict


@dataclass(frozen=True, slots=True)
class Cost:
    """What a pair costs: medians over a few pairs, in a process that does nothing else.

    Attributes:
        query_seconds: For the query's features.
        reference_seconds: For the reference's features.
        compare_seconds: For the comparison.
        again_seconds: For the same comparison once more, with what the method keeps of references.
        peak_memory_bytes: The most memory that the process had, libraries and weights included;
            None where the system does not say.
        threads: In which it computed.
        pairs: How many were measured.
    """

    query_seconds: float
    reference_seconds: float
    compare_seconds: float
    again_seconds: float
    peak_memory_bytes: int | None
    threads: int
    pairs: int

    @property
    def cold_seconds(self) -> float:
        """For a pair of which nothing is kept."""
        return self.query_seconds + self.reference_seconds + self.compare_seconds

    @property
    def cached_seconds(self) -> float:
        """For a new query and a reference whose features are kept, as those of a library are."""
        return self.query_seconds + self.again_seconds


@dataclass(frozen=True, slots=True, eq=False)
class MethodResult:
    """A method, and its answers to all pairs of a suite.

    Attributes:
        name: What users call it.
        title: What figures call it.
        source: Whose method it is.
        weights: Which weights it ran with; if not those that were published, this says so.
        answers: One for each pair, in the suite's order.
        masks: Reads M_Q and M_R of a pair, (h, w) and (H, W) float32 in [0, 1], by the pair's
            place in the suite; None where the method gave none.
        cost: What a pair costs, if that was measured.
    """

    name: str
    title: str
    source: str
    weights: str
    answers: tuple[StoredAnswer, ...]
    masks: Callable[[int], MaskPair | None]
    cost: Cost | None

    def scores(self) -> Scores:
        """(N,) float64, higher where the same place is likelier."""
        return np.array([answer.score for answer in self.answers], dtype=np.float64)

    def probabilities(self) -> Scores | None:
        """(N,) float64 in [0, 1]; None unless the method states one of every pair."""
        stated = [a.probability for a in self.answers if a.probability is not None]
        complete = len(stated) == len(self.answers)
        return np.array(stated, dtype=np.float64) if complete else None

    def verdicts(self) -> list[Verdict] | None:
        """What it concludes of each pair; None unless it does so of every one."""
        given = [answer.verdict for answer in self.answers if answer.verdict is not None]
        return given if len(given) == len(self.answers) else None

    def has_masks(self) -> bool:
        """Whether it gave masks of any pair."""
        return any(answer.masks for answer in self.answers)

    def has_boxes(self) -> bool:
        """Whether it gave a box in any pair's reference."""
        return any(answer.box is not None for answer in self.answers)
