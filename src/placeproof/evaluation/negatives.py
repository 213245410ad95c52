"""Pairs of different places, drawn by one seeded rule for all test sets (section 5.1).

The rule: the references lie on a pile, in an order that the seed and their names give. Query
after query, in an order of the same kind, takes from the top the first reference that shows
another place; then it goes under the pile. So every reference is used about equally often, and no
query gets one twice. The orders are those of SHA-256 hashes, so the same names and the same seed
give the same pairs on every machine and with every version of every library.

Another place is one with another name that is also far enough away, on the great circle, from
where the query and its own references were taken, as far as positions are known.
"""

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from placeproof.errors import SuiteError
from placeproof.evaluation.suite import EvaluationPair
from placeproof.location import Location

MILE_M = 1609.344  # the paper's least distance of a negative pair: "1+ miles away" (section 5.1)


@dataclass(frozen=True, slots=True)
class NegativeRule:
    """How pairs of different places are drawn.

    Attributes:
        seed: Of the draws.
        per_positive: How many pairs of different places there are for each of the same place, 1
            or more; all have the query of that pair.
        least_distance_m: How far a reference must be from the query, metres, where both
            positions are known.

    Raises:
        SuiteError: If there would be none, or the distance is no length.
    """

    seed: int
    per_positive: int
    least_distance_m: float

    def __post_init__(self) -> None:
        if self.per_positive < 1:
            raise SuiteError(f"{self.per_positive} pairs of different places measure nothing")
        if not (math.isfinite(self.least_distance_m) and self.least_distance_m >= 0):
            raise SuiteError(f"{self.least_distance_m} m is no least distance")

    def __str__(self) -> str:
        pairs = "pair" if self.per_positive == 1 else "pairs"
        return (
            f"For each of them {self.per_positive} {pairs} of different places, drawn evenly from "
            f"the references (seed {self.seed}): of another place, and at least "
            f"{self.least_distance_m:.0f} m away where positions are known."
        )


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference that may be drawn.

    Attributes:
        path: Absolute path.
        place: What it shows, by a name.
        panorama: Whether it is equirectangular.
        location: Where it was taken, if that is known.
    """

    path: Path
    place: str
    panorama: bool
    location: Location | None = None


def with_negatives(
    positives: Sequence[EvaluationPair],
    references: Sequence[Reference],
    rule: NegativeRule,
    folder: Path,
) -> tuple[EvaluationPair, ...]:
    """Adds pairs of different places: after the pairs of each query, those drawn for it.

    Args:
        positives: Pairs of the same place.
        references: All that may be drawn, each once.
        rule: How they are drawn.
        folder: Absolute path of the test set's folder: names are relative to it, so that a set
            may be moved.

    Raises:
        SuiteError: If too few references show another place than one of the queries.
    """
    by_query: dict[Path, list[EvaluationPair]] = {}
    for pair in positives:
        by_query.setdefault(pair.query, []).append(pair)
    queries = list(by_query)
    places = [{pair.place for pair in own} for own in by_query.values()]
    taken_at = [
        {place for pair in own for place in (pair.query_location, pair.reference_location) if place}
        for own in by_query.values()
    ]

    def elsewhere(query: int, reference: int) -> bool:
        other = references[reference]
        if other.place in places[query]:
            return False
        where = other.location
        return where is None or all(
            own.distance_m(where) >= rule.least_distance_m for own in taken_at[query]
        )

    drawn = deal(
        [name_in(folder, query) for query in queries],
        [len(own) for own in by_query.values()],
        [name_in(folder, reference.path) for reference in references],
        elsewhere,
        rule,
    )
    pairs: list[EvaluationPair] = []
    for own, numbers in zip(by_query.values(), drawn, strict=True):
        pairs += own
        pairs += (negative(own[0], references[number]) for number in numbers)
    return tuple(pairs)


def negative(own: EvaluationPair, reference: Reference) -> EvaluationPair:
    """The query of a pair with a reference of another place."""
    return EvaluationPair(
        query=own.query,
        reference=reference.path,
        same=False,
        place=own.place,
        panorama=reference.panorama,
        query_location=own.query_location,
        reference_location=reference.location,
    )


def deal(
    queries: Sequence[str],
    positives: Sequence[int],
    references: Sequence[str],
    elsewhere: Callable[[int, int], bool],
    rule: NegativeRule,
) -> list[list[int]]:
    """Deals out references by the rule above.

    Args:
        queries: Their names, each once.
        positives: How many pairs of the same place each of them has.
        references: Their names, each once.
        elsewhere: Whether a query (its number) and a reference (its number) surely show
            different places.
        rule: Seed and number; the distance is for the message only.

    Returns:
        For each query the numbers of its references.

    Raises:
        SuiteError: If there are too few for a query.
    """
    pile = shuffled(references, rule.seed, "reference")
    dealt: list[list[int]] = [[] for _ in queries]
    for query in shuffled(queries, rule.seed, "query"):
        wanted = rule.per_positive * positives[query]
        depths: list[int] = []
        for depth, reference in enumerate(pile):
            if elsewhere(query, reference):
                depths.append(depth)
                if len(depths) == wanted:
                    break
        if len(depths) < wanted:
            raise SuiteError(
                f"query {queries[query]!r} needs {wanted} references of another place, at least "
                f"{rule.least_distance_m:.0f} m away; there are {len(depths)} of "
                f"{len(references)}: lower the distance or the number"
            )
        dealt[query] = [pile[depth] for depth in depths]
        for depth in reversed(depths):
            del pile[depth]
        pile += dealt[query]
    return dealt


def shuffled(names: Sequence[str], seed: int, role: str) -> list[int]:
    """The numbers of the names in an order that looks random: that of hashes of seed and name."""
    return sorted(
        range(len(names)),
        key=lambda i: hashlib.sha256(f"{seed}\n{role}\n{names[i]}".encode()).digest(),
    )


def name_in(folder: Path, path: Path) -> str:
    """A file's path relative to a folder, with slashes on every system."""
    return Path(os.path.relpath(path, folder)).as_posix()
