import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.errors import NetworkError
from placeproof.location import Location
from placeproof.panoramas.providers.fields import (
    UnusableError,
    delivered_size,
    heading,
    identifier,
    member,
    members,
    number,
    place,
    point,
    text,
    time_of_ms,
)
from placeproof.panoramas.providers.google_tiles import level_of
from placeproof.panoramas.providers.mapillary_photo import FIELDS, read_photo
from placeproof.panoramas.providers.panoramax_items import is_panorama, read_record

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def objects(names: tuple[str, ...]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.sampled_from(names), anything)


panoramax_items = objects(("id", "geometry", "properties", "assets", "providers")) | st.builds(
    lambda properties, geometry: {"id": "a", "properties": properties, "geometry": geometry},
    objects(("license", "view:azimuth", "datetime", "pers:interior_orientation")),
    objects(("type", "coordinates")),
)


@given(panoramax_items)
def test_no_item_of_panoramax_breaks_anything(item: dict[str, object]) -> None:
    assert is_panorama(item) in (True, False)
    try:
        read_record(item, "http://x")
    except UnusableError as problem:
        assert str(problem)


@given(objects(tuple(FIELDS.split(","))))
def test_no_image_of_mapillary_breaks_anything(item: dict[str, object]) -> None:
    try:
        read_photo(item)
    except UnusableError as problem:
        assert str(problem)


@given(objects(("imageWidth", "imageHeight", "tileWidth", "tileHeight")))
def test_no_metadata_of_google_breaks_anything(item: dict[str, object]) -> None:
    try:
        level_of(item)
    except UnusableError as problem:
        assert str(problem)


def test_members() -> None:
    answer = {"a": [{"b": 1}, 2]}
    assert member(answer, "a", 0, "b") == 1
    assert member(answer, "a", 2) is None
    assert member(answer, "a", "b") is None
    assert member(answer, 0) is None
    assert members(answer, "a", "X") == [{"b": 1}, 2]
    with pytest.raises(NetworkError, match=r"X answers something else .* no 'b'"):
        members(answer, "b", "X")


@pytest.mark.parametrize("value", [True, "1", None, math.nan, math.inf, 10**400])
def test_what_is_no_number(value: object) -> None:
    assert number(value) is None


def test_texts_are_one_short_line() -> None:
    assert text(" a\n\tb\x1b[31m ") == "a b [31m"
    assert text("x" * 999) == "x" * 200
    assert text("\n") is None
    assert text(3) is None


@pytest.mark.parametrize("value", ["", "a/b", "a?b", "../x", "é", "x" * 129, 12, None, True])
def test_what_is_no_identifier(value: object) -> None:
    with pytest.raises(UnusableError):
        identifier(value)


def test_places() -> None:
    assert place(1, 2.5) == Location(1, 2.5)
    assert point({"type": "Point", "coordinates": [2.5, 1, 99]}) == Location(1, 2.5)
    for wrong in (None, {"type": "Point"}, {"type": "Line", "coordinates": [1, 2]}):
        with pytest.raises(UnusableError, match="no position"):
            point(wrong)
    with pytest.raises(UnusableError, match="latitude 91"):
        place(91, 0)


@given(anything)
def test_headings_are_bearings(value: object) -> None:
    bearing = heading(value)
    assert bearing is None or 0 <= bearing < 360


def test_times() -> None:
    assert time_of_ms(1714554000000) == "2024-05-01T09:00:00+00:00"
    assert time_of_ms(1e30) is None
    assert time_of_ms("1714554000000") is None


def test_sizes() -> None:
    assert delivered_size(5760, 2880) == (2048, 1024)
    assert delivered_size(1001, 500) == (1000, 500)
    for width, height, why in [
        (5760, 2000, "no full panorama"),
        (400, 200, "only 400 pixels"),
        (None, 200, "not said"),
        (0, 0, "not said"),
    ]:
        with pytest.raises(UnusableError, match=why):
            delivered_size(width, height)
