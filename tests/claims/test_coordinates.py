import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.claims.coordinates import find_coordinates, read_coordinates
from placeproof.errors import LocationError
from placeproof.location import Location

TOWER = Location(48.8584, 2.2945)
latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
digits = st.integers(0, 9)


def only(text: str) -> Location:
    (candidate,) = read_coordinates(text)
    assert candidate.origin == "coordinates"
    assert candidate.words == " ".join(text.split())
    return candidate.location


def assert_near(location: Location, latitude: float, longitude: float, step: float) -> None:
    """Within half a step of the last digit that was written, in degrees."""
    slack = 0.5001 * step + 1e-12
    assert abs(location.latitude - latitude) <= slack
    assert abs(location.longitude - longitude) <= slack


# Round trips: what is written in any notation, in any hemisphere, is read again


@given(latitudes, longitudes, digits, st.sampled_from([",", ", ", " ", "; ", " / ", "\t"]))
def test_decimal_round_trip(latitude: float, longitude: float, places: int, gap: str) -> None:
    text = f"{latitude:.{places}f}{gap}{longitude:.{places}f}"
    assert_near(only(text), latitude, longitude, 10.0**-places)


@given(latitudes, longitudes, st.integers(1, 9), st.sampled_from([" ", "; ", ", "]))
def test_decimal_comma_round_trip(latitude: float, longitude: float, places: int, gap: str) -> None:
    text = f"{latitude:.{places}f}{gap}{longitude:.{places}f}".replace(".", ",")
    assert_near(only(text), latitude, longitude, 10.0**-places)


def letters(latitude: float, longitude: float) -> tuple[str, str]:
    return "NS"[math.copysign(1, latitude) < 0], "EW"[math.copysign(1, longitude) < 0]


@given(latitudes, longitudes, digits, st.booleans(), st.booleans(), st.sampled_from(["", "°"]))
def test_letters_round_trip(
    latitude: float, longitude: float, places: int, before: bool, swapped: bool, mark: str
) -> None:
    parts = [
        f"{letter} {abs(value):.{places}f}{mark}"
        if before
        else f"{abs(value):.{places}f}{mark} {letter}"
        for letter, value in zip(letters(latitude, longitude), (latitude, longitude), strict=True)
    ]
    text = ", ".join(reversed(parts) if swapped else parts)
    assert_near(only(text), latitude, longitude, 10.0**-places)


def sexagesimal(value: float, places: int) -> tuple[int, int, float]:
    """Degrees, minutes and rounded seconds of the size of an angle."""
    units = round(abs(value) * 3600 * 10**places)
    minutes, seconds = divmod(units, 60 * 10**places)
    return *divmod(minutes, 60), seconds / 10**places


SECONDS = {
    "signs": "{}°{:02d}'{:.{p}f}\"{}",
    "typographic": "{}° {}′ {:.{p}f}″ {}",
    "two strokes": "{}° {}' {:.{p}f}'' {}",
    "letters": "{}d {}m {:.{p}f}s {}",
    "plain": "{} {} {:.{p}f} {}",
    "colons": "{}:{:02d}:{:.{p}f}{}",
    "hyphens": "{}-{:02d}-{:.{p}f}{}",
}


@given(latitudes, longitudes, st.integers(0, 4), st.sampled_from(sorted(SECONDS)), st.booleans())
def test_degrees_minutes_seconds_round_trip(
    latitude: float, longitude: float, places: int, spelling: str, comma: bool
) -> None:
    text = (", " if comma else " ").join(
        SECONDS[spelling].format(*sexagesimal(value, places), letter, p=places)
        for letter, value in zip(letters(latitude, longitude), (latitude, longitude), strict=True)
    )
    assert_near(only(text), latitude, longitude, 10.0**-places / 3600)


MINUTES = {
    "signs": "{1}°{2:.{p}f}'{0}",
    "geocache": "{0} {1}° {2:.{p}f}",
    "plain": "{0} {1} {2:.{p}f}",
    "ship": "{1}-{2:.{p}f}{0}",
}


@given(latitudes, longitudes, st.integers(1, 5), st.sampled_from(sorted(MINUTES)))
def test_degrees_and_minutes_round_trip(
    latitude: float, longitude: float, places: int, spelling: str
) -> None:
    parts = []
    for letter, value in zip(letters(latitude, longitude), (latitude, longitude), strict=True):
        degrees, minutes = divmod(round(abs(value) * 60 * 10**places), 60 * 10**places)
        parts.append(MINUTES[spelling].format(letter, degrees, minutes / 10**places, p=places))
    assert_near(only(" ".join(parts)), latitude, longitude, 10.0**-places / 60)


@given(latitudes, longitudes, st.integers(0, 3))
def test_signed_degrees_minutes_seconds_round_trip(
    latitude: float, longitude: float, places: int
) -> None:
    text = " ".join(
        "-" * (value < 0) + "{}°{}'{:.{p}f}\"".format(*sexagesimal(value, places), p=places)
        for value in (latitude, longitude)
    )
    assert_near(only(text), latitude, longitude, 10.0**-places / 3600)


@given(latitudes, longitudes, st.integers(1, 8))
def test_iso_6709_round_trip(latitude: float, longitude: float, places: int) -> None:
    text = f"{latitude:+.{places}f}{longitude:+.{places}f}/"
    assert_near(only(text), latitude, longitude, 10.0**-places)


@given(latitudes, longitudes, digits)
def test_precision_covers_what_rounding_took(
    latitude: float, longitude: float, places: int
) -> None:
    text = f"{latitude:.{places}f},{longitude:.{places}f}"
    (candidate,) = read_coordinates(text)
    true = Location(latitude, longitude)
    # Half a cell's height and half its width, and so up to the diagonal of both.
    assert candidate.location.distance_m(true) <= 1.5 * candidate.precision_m


# Single spellings


@pytest.mark.parametrize(
    "text",
    [
        "48.8584,2.2945",
        " (48.8584, 2.2945) ",
        "[48.8584; 2.2945]",
        "+48.8584 +2.2945",
        "48.8584/2.2945",
        "lat: 48.8584, lon: 2.2945",
        "Latitude=48.8584 Longitude=2.2945",
        "lon=2.2945&lat=48.8584",
        '{"lat": 48.8584, "lng": 2.2945}',
        "Lat/Lon: 48.8584, 2.2945",
        "GPS 48.8584 2.2945",
        "Latitude: 48.8584° N, Longitude: 2.2945° E",
        "N48.8584E2.2945",
        "48.8584N2.2945E",
        "48.8584 North, 2.2945 East",
        "48.8584n 2.2945e",
        "2.2945 E, 48.8584 N",
        "48.8584 degrees N 2.2945 deg E",
        "48.8584º N 2.2945˚ E",
        "N 48° 51.504 E 002° 17.670",
        "48 51 30.24 2 17 40.2",
    ],
)
def test_spellings_of_one_place(text: str) -> None:
    assert_near(only(text), TOWER.latitude, TOWER.longitude, 1e-9)


def test_minus_in_unicode_and_zero_degrees_keep_the_sign() -> None:
    assert only("−33.8568, –151.2153") == Location(-33.8568, -151.2153)
    assert only("-0°30' -0°15'") == Location(-0.5, -0.25)
    assert only("0°30'S 0°15'W") == Location(-0.5, -0.25)


def test_different_parts_on_both_sides() -> None:
    assert only("48°51'N, 2°E") == Location(48.85, 2.0)


def test_o_is_east_and_west() -> None:
    east, west = read_coordinates("48,8584° N, 2,2945° O")
    assert east.location == TOWER
    assert west.location == Location(48.8584, -2.2945)
    assert "east" in east.label
    assert "west" in west.label


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("48,2", 55_597),
        ("48.8584,2.2945", 5.56),
        ("48°51'N 2°17'E", 926.6),
        ("48°51'30\"N 2°17'40\"E", 15.4),
        ("48.85837009,2.29448160", 0.1),
        ("48.8584,2.3", 3658),  # the coarser one counts: 0.05° of longitude at that latitude
    ],
)
def test_precision_is_half_of_the_last_digit(text: str, metres: float) -> None:
    assert read_coordinates(text)[0].precision_m == pytest.approx(metres, rel=0.01)


# What is none


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Springfield",
        "48.8584",
        "48.8584.2.2945",
        "192.168.10.20",
        "48.85842.2945",
        "48.8584-2.2945",
        "Route 5 N, exit 3 E",
        "48.8584, 2.2945 and more",
        "lat 48.8584, 2.2945",
        "48.8584 2.2945 E",  # a letter for one of them only
        "1234.5, 6789.1",
    ],
)
def test_other_texts_are_none(text: str) -> None:
    assert read_coordinates(text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("91,0.5", "latitude 91 is not between -90 and 90; if the longitude came first, write 0.5"),
        ("139.6917, 35.6895", "if the longitude came first, write 35.6895,139.692"),
        ("10, 181", "longitude 181 is not between"),
        ("95 N, 10 E", "latitude 95 is not between -90 and 90$"),
        ("48°60'N 2°10'E", "60 minutes"),
        ("48°10'75\"N 2°10'0\"E", "75 seconds"),
        ("48.5°30'N 2°10'E", "fraction before its last part"),
        ("-48.2 N 2.2 E", "both a minus and a letter"),
        ("48.8 N 2.2 N", "no longitude"),
        ("lon: 1, lon: 2", "no latitude"),
    ],
)
def test_impossible_pairs_say_why(text: str, message: str) -> None:
    with pytest.raises(LocationError, match=message) as caught:
        read_coordinates(text)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="0123456789.,-+°'\"NSEWOewdms \n/:;lat", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        candidates = read_coordinates(text)
    except LocationError:
        candidates = []
    for candidate in candidates:
        assert 0 < candidate.precision_m <= 56_000
    for finding in find_coordinates(text):
        assert finding.candidates
        assert 0 <= finding.start < finding.end <= len(text)


# Inside of a text


@given(
    st.sampled_from(["48.8584, 2.2945", "48°51'30\"N 2°17'40\"E", "N 48° 51.504 E 002° 17.670"]),
    st.sampled_from(["", "I was at ", "Photo, 14.05.2024 (", "see:\n", "Wow!! "]),
    st.sampled_from(["", ".", ", lovely", ")!", "\nnext", " – 3 of us"]),
)
def test_pairs_inside_a_text_are_found_where_they_are(pair: str, before: str, after: str) -> None:
    (finding,) = find_coordinates(before + pair + after)
    assert (finding.start, finding.end) == (len(before), len(before + pair))
    assert finding.candidates[0].words == pair
    assert_near(finding.candidates[0].location, TOWER.latitude, TOWER.longitude, 1e-3)


def test_several_pairs_in_their_order() -> None:
    found = find_coordinates("33°51′S 151°12′E, then 48.8584, 2.2945; N 35.6895 E 139.6917")
    assert [f.candidates[0].location for f in found] == [
        Location(-33.85, 151.2),
        TOWER,
        Location(35.6895, 139.6917),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "I paid 1.299, 2.499 and 12.5 12.7",
        "take Route 5 N, 3 E",
        "it was 10° / 20° there",
        "5d 3d models",
        "10 20 30 40 50 60",
        "on 2024-05-12 13:45:10",
        "score 3:2 4:1",
        "call 01 44 11 23 45",
        "version 1.2345.6789",
        "95.12345, 12.12345",  # no place on Earth
        "48,2",
    ],
)
def test_other_numbers_in_a_text_are_none(text: str) -> None:
    assert find_coordinates(text) == []
