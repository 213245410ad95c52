"""One place that words may mean, and when two of them are one."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from placeproof.location import METRES_PER_DEGREE, Location

Origin = Literal["coordinates", "map link", "plus code", "geohash", "place name"]

FINEST_M = 0.1  # more digits say nothing more: the ground itself moves by this much in years
SPOT_M = 200.0
_MOST_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place that words may mean.

    Attributes:
        location: The place, or the middle of it.
        label: What to show people: one printable line.
        origin: How the words name the place.
        precision_m: Metres around ``location`` that the words leave open: half a unit of a
            coordinate's last digit, half a code's cell, half a place's extent.
        words: What it was read from: one printable line.
        attribution: Whom to name wherever the candidate is shown, or None.
    """

    location: Location
    label: str
    origin: Origin
    precision_m: float
    words: str
    attribution: str | None = None

    def __post_init__(self) -> None:
        # Posts and servers may hold anything, also what moves a terminal's cursor.
        object.__setattr__(self, "label", one_line(self.label))
        object.__setattr__(self, "words", one_line(self.words))


@dataclass(frozen=True, slots=True)
class Finding:
    """What a part of a text, ``text[start:end]``, may mean; at least one candidate."""

    start: int
    end: int
    candidates: tuple[Candidate, ...]


def one_line(text: str) -> str:
    """The text as one printable line of at most 200 characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 1] + "…"


def half_cell_m(latitude: float, half_height: float, half_width: float) -> float:
    """Metres from the middle of a cell to its farther side.

    Args:
        latitude: Of the middle, in degrees.
        half_height: Half of what it covers from north to south, in degrees.
        half_width: Half of what it covers from east to west, in degrees.
    """
    east = half_width * math.cos(math.radians(latitude))
    return max(half_height * METRES_PER_DEGREE, east * METRES_PER_DEGREE, FINEST_M)


def same_place(a: Candidate, b: Candidate) -> bool:
    """Whether two candidates are one place, as far as they can be told apart.

    Spots are one if the coarser one's precision, up to 200 m, reaches the other. Larger areas
    are one only if each reaches the middle of the other: a street is not its city.
    """
    reach_m = statistics.median((a.precision_m, b.precision_m, SPOT_M))
    return a.location.distance_m(b.location) <= reach_m


def merge(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates in their order; one that an earlier one already is only adds its words."""
    kept: list[Candidate] = []
    for candidate in candidates:
        for index, other in enumerate(kept):
            if same_place(candidate, other):
                if candidate.words not in other.words:
                    kept[index] = replace(other, words=f"{other.words} · {candidate.words}")
                break
        else:
            kept.append(candidate)
    return kept


def with_words(candidates: Iterable[Candidate], words: str) -> list[Candidate]:
    """The candidates, as read from these words."""
    return [replace(candidate, words=words) for candidate in candidates]


def blank(text: str, findings: Iterable[Finding]) -> str:
    """The text with all findings overwritten, at its old length: nobody reads them again."""
    for finding in findings:
        gap = blanked(finding.end - finding.start)
        text = text[: finding.start] + gap + text[finding.end :]
    return text


def blanked(length: int) -> str:
    """So many characters that are neither spaces, letters, digits nor punctuation."""
    return "\ufffc" * length
