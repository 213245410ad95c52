import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.errors import LocationError
from placeproof.location import EARTH_RADIUS_M, Location
from placeproof.panoramas.providers.boxes import Box, boxes_around, boxes_of

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)


def moved(start: Location, bearing: float, distance_m: float) -> Location:
    """The place at the end of a great circle (direct formula on the sphere)."""
    angle, turn = distance_m / EARTH_RADIUS_M, math.radians(bearing)
    lat, lon = math.radians(start.latitude), math.radians(start.longitude)
    sine = math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(turn)
    end = math.asin(max(-1.0, min(1.0, sine)))
    east = math.sin(turn) * math.sin(angle) * math.cos(lat)
    lon += math.atan2(east, math.cos(angle) - math.sin(lat) * sine)
    return Location(math.degrees(end), (math.degrees(lon) + 540) % 360 - 180)


@given(latitudes, longitudes, st.floats(0, 100_000), st.floats(0, 360), st.floats(0, 1))
def test_boxes_hold_all_places_within_the_radius(
    latitude: float, longitude: float, radius_m: float, bearing: float, share: float
) -> None:
    centre = Location(latitude, longitude)
    place = moved(centre, bearing, radius_m * share)
    assert any(box.contains(place) for box in boxes_around(centre, radius_m))


@given(st.floats(-80, 80), longitudes, st.floats(10, 100_000))
def test_boxes_are_hardly_larger_than_the_circle(
    latitude: float, longitude: float, radius_m: float
) -> None:
    boxes = boxes_around(Location(latitude, longitude), radius_m)
    metres = math.radians(1) * EARTH_RADIUS_M
    height = boxes[0].north - boxes[0].south
    width = sum(box.east - box.west for box in boxes)
    assert height * metres <= 2.25 * radius_m
    # The circle's widest latitude is a little nearer to the pole than its centre.
    nearer = min(abs(latitude) + math.degrees(radius_m / EARTH_RADIUS_M), 89)
    assert width * metres * math.cos(math.radians(nearer)) <= 2.25 * radius_m


def test_a_circle_across_the_date_line_has_a_box_on_each_side() -> None:
    west, east = boxes_around(Location(10, 179.9999), 100)
    assert west.east == 180
    assert east.west == -180
    assert west.contains(Location(10, 179.9995))
    assert east.contains(Location(10, -179.9995))


def test_around_a_pole_every_longitude_is_near() -> None:
    (box,) = boxes_around(Location(89.9999, 20), 100)
    assert (box.west, box.east, box.north) == (-180, 180, 90)


@pytest.mark.parametrize("radius_m", [-1.0, math.inf, math.nan])
def test_a_radius_that_is_none(radius_m: float) -> None:
    with pytest.raises(LocationError, match="is no length"):
        boxes_around(Location(0, 0), radius_m)


@given(
    st.floats(-180, 179), st.floats(-90, 89), st.floats(0, 1), st.floats(0, 1), st.floats(0.05, 2)
)
def test_parts_cover_the_box_and_are_small(
    west: float, south: float, width: float, height: float, side: float
) -> None:
    box = Box(west, south, west + width, south + height)
    parts = list(box.parts(side))
    assert all(part.side <= side * (1 + 1e-9) for part in parts)
    assert (parts[0].west, parts[0].south) == (box.west, box.south)
    assert parts[-1].east == pytest.approx(box.east)
    assert parts[-1].north == pytest.approx(box.north)
    area = sum((p.east - p.west) * (p.north - p.south) for p in parts)
    assert area == pytest.approx(width * height, abs=1e-9)


def test_quarters_meet_in_the_middle() -> None:
    quarters = list(Box(0, 0, 2, 4).quarters())
    assert quarters == [Box(0, 0, 1, 2), Box(1, 0, 2, 2), Box(0, 2, 1, 4), Box(1, 2, 2, 4)]


def test_a_box_as_servers_want_it() -> None:
    assert str(Box(2.1, 48.123456789, 2.2, 48.2)) == "2.1000000,48.1234568,2.2000000,48.2000000"


def test_areas() -> None:
    assert boxes_of(Box(1, 2, 3, 4)) == [Box(1, 2, 3, 4)]
    assert boxes_of(Box(179, 2, -179, 4)) == [Box(179, 2, 180, 4), Box(-180, 2, -179, 4)]
    with pytest.raises(LocationError, match="is empty"):
        boxes_of(Box(1, 4, 3, 2))
    with pytest.raises(LocationError, match="latitude 91"):
        boxes_of(Box(1, 2, 3, 91))
