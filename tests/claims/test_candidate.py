import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.claims.candidate import Candidate, Finding, blank, merge, one_line, same_place
from placeproof.location import Location


def candidate(north_m: float, precision_m: float, words: str = "x") -> Candidate:
    location = Location(north_m / 111_195.08, 0)
    return Candidate(location, words, "place name", precision_m, words)


@pytest.mark.parametrize(
    ("apart_m", "precisions_m", "one"),
    [
        (5, (8, 0.1), True),  # a rounded pair and an exact one
        (9, (8, 0.1), False),
        (80, (90, 5), True),  # a building and a point on it
        (199, (5000, 5), True),
        (201, (5000, 5), False),  # a street of a town is not the town
        (400, (5000, 8000), True),  # a town as an area and as a point
        (5100, (5000, 8000), False),
        (100_000, (8000, 5000), False),  # two towns
    ],
)
def test_what_is_one_place(apart_m: float, precisions_m: tuple[float, float], one: bool) -> None:
    a, b = candidate(0, precisions_m[0]), candidate(apart_m, precisions_m[1])
    assert same_place(a, b) == same_place(b, a) == one
    assert len(merge([a, b])) == 2 - one


def test_merging_keeps_the_order_the_first_and_all_words() -> None:
    first, second, again = candidate(0, 1, "a"), candidate(5000, 1, "b"), candidate(0.9, 1, "c")
    assert merge([first, second, again, again]) == [
        Candidate(first.location, "a", "place name", 1, "a · c"),
        second,
    ]


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.1, 1e5)), max_size=8))
def test_what_is_left_is_apart(places: list[tuple[float, float]]) -> None:
    candidates = [candidate(*place) for place in places]
    kept = merge(candidates)
    assert not any(same_place(a, b) for i, a in enumerate(kept) for b in kept[:i])
    assert all(any(same_place(c, k) for k in kept) for c in candidates)


@given(st.text())
def test_labels_and_words_are_one_printable_line(text: str) -> None:
    made = Candidate(Location(0, 0), text, "geohash", 1, text)
    assert made.words == made.label == one_line(text)
    assert made.label.isprintable()
    assert len(made.label) <= 200


def test_overwritten_findings_leave_the_rest_in_place() -> None:
    found = (candidate(0, 1),)
    text = blank("one two three", [Finding(4, 7, found), Finding(0, 3, found)])
    assert text == "\ufffc\ufffc\ufffc \ufffc\ufffc\ufffc three"
