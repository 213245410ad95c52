from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.errors import SuiteError
from placeproof.evaluation.negatives import (
    NegativeRule,
    Reference,
    deal,
    name_in,
    shuffled,
    with_negatives,
)
from placeproof.evaluation.suite import EvaluationPair
from placeproof.location import Location

FOLDER = Path("/set")
METRE = 1 / 111_195  # degrees of latitude


def names(count: int, prefix: str) -> list[str]:
    return [f"{prefix}{number}.jpg" for number in range(count)]


def positive(number: int, query: str = "", metres: float | None = None) -> EvaluationPair:
    """A pair of place ``number``; with ``metres``, the query lies that far north of 0, 0."""
    return EvaluationPair(
        query=FOLDER / (query or f"q{number}.jpg"),
        reference=FOLDER / f"r{number}.jpg",
        same=True,
        place=f"place {number}",
        panorama=True,
        query_location=None if metres is None else Location(metres * METRE, 0),
    )


def reference(number: int, metres: float | None = None) -> Reference:
    location = None if metres is None else Location(metres * METRE, 0)
    return Reference(FOLDER / f"r{number}.jpg", f"place {number}", True, location)


@given(st.integers(2, 30), st.integers(0, 40), st.integers(0, 99))
def test_all_references_are_used_equally_often(references: int, queries: int, seed: int) -> None:
    rule = NegativeRule(seed, 1, 0)
    dealt = deal(
        names(queries, "q"), [1] * queries, names(references, "r"), lambda _q, _r: True, rule
    )
    used = Counter(number for own in dealt for number in own)
    counts = [used[number] for number in range(references)]
    assert sum(counts) == queries
    assert max(counts) - min(counts) <= 1


@given(st.integers(3, 20), st.integers(1, 2), st.integers(0, 99))
def test_no_query_gets_its_own_place_or_a_reference_twice(
    count: int, per_positive: int, seed: int
) -> None:
    rule = NegativeRule(seed, per_positive, 0)
    pairs = with_negatives(
        [positive(number) for number in range(count)],
        [reference(number) for number in range(count)],
        rule,
        FOLDER,
    )
    negatives = [pair for pair in pairs if not pair.same]
    assert len(negatives) == count * per_positive
    assert len({(pair.query, pair.reference) for pair in pairs}) == len(pairs)
    for pair in negatives:
        assert pair.query.name[1:] != pair.reference.name[1:]
        assert pair.place == f"place {pair.query.stem[1:]}"
        assert pair.bearing is None
        assert pair.mask is None


def test_the_order_of_the_files_does_not_matter_and_the_seed_does() -> None:
    pairs = [positive(number) for number in range(9)]
    references = [reference(number) for number in range(9)]
    rule = NegativeRule(5, 2, 0)
    first = with_negatives(pairs, references, rule, FOLDER)
    again = with_negatives(pairs[::-1], references[::-1], rule, FOLDER)
    assert set(first) == set(again)
    assert set(first) != set(with_negatives(pairs, references, NegativeRule(6, 2, 0), FOLDER))


def test_a_set_may_be_moved() -> None:
    assert name_in(Path("/a/set"), Path("/a/set/q/1.jpg")) == "q/1.jpg"
    assert name_in(Path("/a/set"), Path("/a/other/1.jpg")) == "../other/1.jpg"


def test_draws_stay_what_they_are() -> None:
    """Published pairs must not change with a release. By ``sha256sum``, N of 0 to 7:

    printf '0\\nreference\\nrN.jpg' | sha256sum
    """
    assert shuffled(names(8, "r"), 0, "reference") == [6, 1, 4, 3, 5, 2, 7, 0]
    assert shuffled(names(8, "r"), 1, "reference") != shuffled(names(8, "r"), 0, "reference")


@pytest.mark.parametrize(("metres", "drawn"), [(99.0, "r3.jpg"), (101.0, "r2.jpg")])
def test_the_least_distance_holds_on_the_great_circle(metres: float, drawn: str) -> None:
    """One reference at that distance, and one of unknown position that is taken otherwise."""
    pairs = with_negatives(
        [positive(1, metres=0.0)],
        [reference(1), reference(2, metres)] + ([reference(3)] if metres < 100 else []),
        NegativeRule(0, 1, 100.0),
        FOLDER,
    )
    assert [pair.reference.name for pair in pairs] == ["r1.jpg", drawn]


def test_the_distance_counts_from_the_querys_own_reference_too() -> None:
    own = EvaluationPair(
        query=FOLDER / "q1.jpg",
        reference=FOLDER / "r1.jpg",
        same=True,
        place="place 1",
        panorama=True,
        reference_location=Location(0, 0),  # the query's own is unknown
    )
    with pytest.raises(SuiteError, match="there are 0 of 1"):
        with_negatives([own], [reference(2, 50.0)], NegativeRule(0, 1, 100.0), FOLDER)


def test_a_query_with_two_references_gets_two_others_right_after_its_own() -> None:
    own = [positive(1), positive(2, query="q1.jpg")]
    references = [reference(number) for number in range(1, 6)]
    pairs = with_negatives([*own, positive(3)], references, NegativeRule(0, 1, 0), FOLDER)
    assert [pair.same for pair in pairs] == [True, True, False, False, True, False]
    assert {pair.reference.name for pair in pairs[2:4]} <= {"r3.jpg", "r4.jpg", "r5.jpg"}


def test_too_few_references_are_an_error() -> None:
    pairs, references = [positive(1)], [reference(1), reference(2)]
    with pytest.raises(SuiteError, match=r"'q1.jpg' needs 2 .* there are 1 of 2: lower"):
        with_negatives(pairs, references, NegativeRule(0, 2, 0), FOLDER)


@pytest.mark.parametrize(("number", "metres"), [(0, 1.0), (1, -1.0), (1, float("nan"))])
def test_a_senseless_rule_is_an_error(number: int, metres: float) -> None:
    with pytest.raises(SuiteError):
        NegativeRule(0, number, metres)
