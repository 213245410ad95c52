import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from placeproof.errors import LocationError
from placeproof.location import EARTH_RADIUS_M, Location, parse_location, parse_radius

HALF_WAY_ROUND = math.pi * EARTH_RADIUS_M
DEGREE = HALF_WAY_ROUND / 180

locations = st.builds(Location, st.floats(-90, 90), st.floats(-180, 180))


def angle_between(a: Location, b: Location) -> float:
    """Radians between two points, from their chord in three dimensions."""

    def point(place: Location) -> tuple[float, float, float]:
        latitude, longitude = math.radians(place.latitude), math.radians(place.longitude)
        return (
            math.cos(latitude) * math.cos(longitude),
            math.cos(latitude) * math.sin(longitude),
            math.sin(latitude),
        )

    return 2 * math.asin(min(1.0, math.dist(point(a), point(b)) / 2))


# Distances and bearings


@pytest.mark.parametrize(
    ("a", "b", "metres"),
    [
        (Location(0, 0), Location(1, 0), DEGREE),
        (Location(60, 10), Location(60, 10.001), DEGREE / 2000),
        (Location(0, 179.5), Location(0, -179.5), DEGREE),
        (Location(90, 0), Location(-90, 0), HALF_WAY_ROUND),
        (Location(0, 0), Location(0, 180), HALF_WAY_ROUND),
        (Location(90, 17), Location(90, -120), 0),
        (Location(51.5074, -0.1278), Location(48.8566, 2.3522), 343_556),  # London, Paris
        (Location(36.12, -86.67), Location(33.94, -118.40), 2_886_448),  # Nashville, Los Angeles
    ],
)
def test_known_distances(a: Location, b: Location, metres: float) -> None:
    assert a.distance_m(b) == pytest.approx(metres, rel=1e-5, abs=1e-3)


@given(locations, locations)
def test_distance_is_the_great_circle(a: Location, b: Location) -> None:
    assert a.distance_m(b) == pytest.approx(angle_between(a, b) * EARTH_RADIUS_M, abs=2)
    assert a.distance_m(b) == b.distance_m(a)
    assert a.distance_m(a) == 0


@given(
    st.floats(-80, 80),
    st.floats(-180, 180),
    st.floats(1, 1000),
    st.floats(0, 360, exclude_max=True),
)
def test_distance_and_bearing_agree_with_a_flat_map_nearby(
    latitude: float, longitude: float, metres: float, bearing: float
) -> None:
    north = metres * math.cos(math.radians(bearing)) / DEGREE
    east = metres * math.sin(math.radians(bearing)) / DEGREE
    there_longitude = longitude + east / math.cos(math.radians(latitude + north / 2))
    here = Location(latitude, longitude)
    there = Location(latitude + north, (there_longitude + 180) % 360 - 180)
    assert here.distance_m(there) == pytest.approx(metres, rel=1e-4)
    error = (here.bearing_to(there) - bearing + 180) % 360 - 180
    assert error == pytest.approx(0, abs=0.06)


@pytest.mark.parametrize(
    ("a", "b", "bearing"),
    [
        (Location(0, 0), Location(1, 0), 0),
        (Location(0, 0), Location(0, 1), 90),
        (Location(1, 0), Location(0, 0), 180),
        (Location(0, 0), Location(0, -1), 270),
        (Location(0, 179.5), Location(0, -179.5), 90),
        (Location(35, 45), Location(35, 135), 60.16),  # Baghdad to Osaka
    ],
)
def test_known_bearings(a: Location, b: Location, bearing: float) -> None:
    assert a.bearing_to(b) == pytest.approx(bearing, abs=0.01)


@given(locations, locations)
@example(Location(0, 0), Location(10, -1e-20))
def test_bearings_stay_below_a_whole_turn(a: Location, b: Location) -> None:
    assert 0 <= a.bearing_to(b) < 360


# What users write


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        (91, 0),
        (-90.0001, 0),
        (0, 180.0001),
        (0, -181),
        (math.nan, 0),
        (0, math.nan),
        (math.inf, 0),
        (0, -math.inf),
    ],
)
def test_no_such_place(latitude: float, longitude: float) -> None:
    with pytest.raises(LocationError, match=r"latitude .* -90 and 90|longitude .* -180 and 180"):
        Location(latitude, longitude)


@given(locations)
def test_a_written_location_reads_back(location: Location) -> None:
    read = parse_location(str(location))
    assert read.latitude == pytest.approx(location.latitude, abs=5.1e-7)
    assert read.longitude == pytest.approx(location.longitude, abs=5.1e-7)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("48.8584,2.2945", Location(48.8584, 2.2945)),
        (" -33.85 , 151.21 ", Location(-33.85, 151.21)),
        ("+90,-180", Location(90, -180)),
        ("0,0", Location(0, 0)),
    ],
)
def test_good_locations(text: str, location: Location) -> None:
    assert parse_location(text) == location


@pytest.mark.parametrize(
    "text",
    ["", ",", "48.8584", "48,8584,2,2945", "48.8584 2.2945", "Paris, France", "48°N,2°E", "1;2"],
)
def test_texts_that_are_no_location_say_how_to_write_one(text: str) -> None:
    with pytest.raises(LocationError, match=r"for example 48\.8584,2\.2945"):
        parse_location(text)


@pytest.mark.parametrize("text", ["91,0", "0,181", "nan,0", "0,nan", "inf,0", "0,-inf", "1e9,0"])
def test_locations_out_of_range(text: str) -> None:
    with pytest.raises(LocationError, match="is not between"):
        parse_location(text)


@given(st.text(max_size=20))
@example("1,2\n3")
def test_any_text_gives_a_location_or_one_line(text: str) -> None:
    for parse in (parse_location, parse_radius):
        try:
            parse(text)
        except LocationError as error:
            assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("50m", 50),
        ("50", 50),
        ("0.2km", 200),
        (".5 KM", 500),
        (" 12.5 m ", 12.5),
        ("100km", 100_000),
        ("0.001", 0.001),
    ],
)
def test_good_radii(text: str, metres: float) -> None:
    assert parse_radius(text) == pytest.approx(metres)


@pytest.mark.parametrize(
    "text",
    [
        *("", "m", "0", "0.0km", "-5m", "-5", "nan", "inf", "1e3", "far", "50 miles", "5 m m"),
        *("100.1km", "100001", "9" * 400, "50mm", "1,5km", "٥m"),
    ],
)
def test_texts_that_are_no_radius(text: str) -> None:
    with pytest.raises(LocationError, match="metres above 0 up to 100km"):
        parse_radius(text)
