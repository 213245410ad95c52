import pygeohash
import pytest
from geocoder_server import FakeGeocoders, fake_geocoders_fixture  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st
from openlocationcode import openlocationcode

from placeproof.claims.codes import find_codes, read_geohash, read_plus_code, with_plus
from placeproof.errors import LocationError
from placeproof.location import Location

PARIS = {"lat": "48.8566", "lon": "2.3522", "display_name": "Paris, France"}
TEXAS = {"lat": "33.6609", "lon": "-95.5555", "display_name": "Paris, Texas"}

latitudes = st.floats(-89.999, 89.999)
longitudes = st.floats(-180, 179.999)


@given(latitudes, longitudes, st.sampled_from([4, 6, 8, 10, 11, 12, 15]), st.booleans())
def test_plus_code_round_trip(latitude: float, longitude: float, length: int, low: bool) -> None:
    code = openlocationcode.encode(latitude, longitude, length)
    (candidate,) = read_plus_code(f" {code.lower() if low else code}\n", None)
    assert candidate.label == code
    assert candidate.origin == "plus code"
    reach = 2**0.5 * candidate.precision_m + 0.01  # a corner is farther than a side
    assert candidate.location.distance_m(Location(latitude, longitude)) <= reach
    again = openlocationcode.encode(
        candidate.location.latitude, candidate.location.longitude, min(length, 12)
    )
    assert again == code[: len(again)]


@given(latitudes, longitudes, st.integers(1, 12))
def test_geohash_round_trip(latitude: float, longitude: float, length: int) -> None:
    code = pygeohash.encode(latitude, longitude, length)
    (candidate,) = read_geohash(f"geohash: {code}")
    assert candidate.label == code
    assert candidate.origin == "geohash"
    assert abs(candidate.location.latitude - latitude) <= 180 / 2 ** (5 * length // 2)
    reach = 2**0.5 * candidate.precision_m + 0.01
    # On wide cells, a side that is nearer to the equator is longer than the middle.
    if length >= 4:
        assert candidate.location.distance_m(Location(latitude, longitude)) <= 1.1 * reach
    again = pygeohash.encode(candidate.location.latitude, candidate.location.longitude, length)
    assert again == code


@pytest.mark.parametrize(
    ("code", "metres"), [("8FW4V75V+8Q", 6.95), ("8FW4V700+", 2780), ("8FW4V75V+8QG", 1.39)]
)
def test_precision_of_plus_codes(code: str, metres: float) -> None:
    assert read_plus_code(code, None)[0].precision_m == pytest.approx(metres, rel=0.01)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("u09tunquc", True),
        ("U09TUNQUC", True),
        ("u09tU", False),
        ("u09t", False),  # too short to be meant
        ("Geohash u09t", True),
        ("geohash=U09T", True),
        ("denver", False),  # all its letters could be a geohash's
        ("75015", False),
        ("u09tunquca", False),
        ("u09tunquc and more", False),
        ("u09tunqucu09tunquc", False),
        ("", False),
    ],
)
def test_what_is_a_geohash(text: str, is_one: bool) -> None:
    assert bool(read_geohash(text)) == is_one


@pytest.mark.parametrize(
    "text",
    ["", "+", "C+", "8FW4V75V", "8FW4V75V+8", "8FA4V75V+8Q", "XXW4V75V+8Q", "8FW4+8Q+", "1+1"],
)
def test_what_is_no_plus_code(text: str) -> None:
    assert read_plus_code(text, None) == []


# Short plus codes


def test_a_short_code_is_near_every_place_of_that_name(fake: FakeGeocoders) -> None:
    fake.places["Paris"] = [PARIS, TEXAS]
    france, texas = read_plus_code("v75v+8q, Paris", fake.geocoder())
    assert france.location.distance_m(Location(48.8583125, 2.2944375)) < 0.01
    assert france.label == "8FW4V75V+8Q, near Paris, France"
    assert texas.location.distance_m(Location(33.6609, -95.5555)) < 80_000
    assert texas.label.endswith("V75V+8Q, near Paris, Texas")
    assert france.origin == "plus code"
    assert "OpenStreetMap" in (france.attribution or "")


def test_a_short_code_alone_says_what_is_missing(fake: FakeGeocoders) -> None:
    with pytest.raises(LocationError, match="write its place behind it"):
        read_plus_code("V75V+8Q", fake.geocoder())
    with pytest.raises(LocationError, match="has to be looked up"):
        read_plus_code("V75V+8Q Paris", None)
    assert read_plus_code("V75V+8Q Nowhere", fake.geocoder()) == []


@given(latitudes, longitudes, st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_a_shortened_code_is_found_again(
    latitude: float, longitude: float, north: float, east: float
) -> None:
    class Near:
        def find(self, _name: str) -> list[object]:
            from placeproof.claims.candidate import Candidate

            at = Location(
                min(max(latitude + north, -90), 90), min(max(longitude + east, -180), 180)
            )
            return [Candidate(at, "there", "place name", 1000, "there")]

    code = openlocationcode.encode(latitude, longitude)
    (candidate,) = read_plus_code(f"{code[4:]} there", Near())  # type: ignore[arg-type]
    assert candidate.label.startswith(code)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("8FW4V75V 8Q", "8FW4V75V+8Q"),
        ("V75V 8Q Paris", "V75V+8Q Paris"),
        ("V75V+8Q Paris", "V75V+8Q Paris"),
        ("Main Street 8", "Main Street 8"),
    ],
)
def test_a_plus_that_a_link_lost(text: str, meant: str) -> None:
    assert with_plus(text) == meant


# Inside of a text


def test_codes_inside_a_text_are_found_where_they_are(fake: FakeGeocoders) -> None:
    fake.places["Paris, France"] = [PARIS]
    text = "At 8FW4V75V+8Q. Also V75V+8Q Paris, France with u09tunquc and geohash ezs42, 1+1"
    found = find_codes(text, fake.geocoder())
    assert [text[f.start : f.end] for f in found] == [
        "8FW4V75V+8Q",
        "V75V+8Q Paris, France",
        "u09tunquc",
        "geohash ezs42",
    ]
    assert [f.candidates[0].words for f in found] == [text[f.start : f.end] for f in found]


def test_short_codes_need_a_geocoder_and_a_place() -> None:
    assert find_codes("V75V+8Q Paris", None) == []


@pytest.mark.parametrize(
    "text",
    ["commit 0123bcdef", "in 1080p and 2024er", "mail u09tunquc@example.com", "x_u09tunquc", "b2b"],
)
def test_other_words_are_no_codes(text: str) -> None:
    assert find_codes(text, None) == []


@given(st.text(alphabet="8FW4V75+QG20u9tnq geohash,", max_size=50))
def test_any_text_is_read_or_refused(text: str) -> None:
    for finding in find_codes(text, None):
        assert finding.candidates
    read_geohash(text)
    try:
        read_plus_code(text, None)
    except LocationError as error:
        assert "short plus code" in str(error)
