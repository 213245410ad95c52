import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.claims.place_names import find_names, phrase_end


@pytest.mark.parametrize(
    ("text", "spellings"),
    [
        ("We stood at the Eiffel Tower today", [("Eiffel Tower",)]),
        ("Sunset in Springfield, Illinois!", [("Springfield, Illinois",)]),
        ("coffee in paris with friends", [("paris",)]),
        ("at piazza navona yesterday", [("piazza navona", "piazza")]),
        ("lunch in old town square", [("old town square", "old town", "old")]),
        ("fire near 10 Downing Street now", [("10 Downing Street",)]),
        ("saw Place de la Concorde again", [("Place de la Concorde",)]),
        ("off to St. Louis, Missouri.", [("St. Louis, Missouri",)]),
        ("Visiting Tower Bridge", [("Visiting Tower Bridge", "Tower Bridge")]),
        ("this is Éire, not Ångström", [("Éire",), ("Ångström",)]),
        ("so nice #EiffelTower #new_york", [("Eiffel Tower",), ("new york",)]),
        ("#東京タワー", [("東京タワー",)]),
        ("Paris", []),  # the first word of a sentence may be any
        ("Yesterday was great. Then home.", []),
        ("See you on Monday in May", []),
        ("in the morning, at a café, in my bed, at 10", []),
        ("I am here. #2024 #a", []),
        ("", []),
    ],
)
def test_names(text: str, spellings: list[tuple[str, ...]]) -> None:
    assert [name.spellings for name in find_names(text)] == spellings


def test_what_is_between_commas_may_be_names_of_their_own() -> None:
    (name,) = find_names("from Oslo, Rome, Bonn")
    assert name.spellings == ("Oslo, Rome, Bonn",)
    assert name.parts == ("Oslo", "Rome", "Bonn")


def test_names_behind_prepositions_come_first_and_nothing_twice() -> None:
    text = "we left Rome for #Oslo, lunch in Bonn, then Rome and bonn"
    assert [name.spellings[0] for name in find_names(text)] == ["Bonn", "Oslo", "Rome"]


@given(st.text(alphabet="Aab Éß1.,#_'\n-inatr", max_size=60))
def test_names_are_where_they_are_said_to_be(text: str) -> None:
    for name in find_names(text):
        assert 0 <= name.start < name.end <= len(text)
        assert all(spelling.strip() for spelling in (*name.spellings, *name.parts))
    for start in range(len(text) + 1):
        assert start <= phrase_end(text, start) <= len(text)
