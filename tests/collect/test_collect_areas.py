"""Areas in numbers and in files, and the tiles that they are cut into."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.collect.areas import TILES_A_DEGREE, Area, read_areas
from placeproof.errors import CollectError

longitudes = st.floats(-180, 180)
latitudes = st.floats(-90, 90)


@st.composite
def small_areas(draw: st.DrawFn) -> Area:
    west, south = draw(st.floats(-180, 179)), draw(st.floats(-90, 89))
    width, height = (draw(st.floats(1e-4, 0.05)) for _ in range(2))
    return Area("a", west, south, west + width, south + height)


@given(small_areas())
def test_tiles_cover_the_area_once(area: Area) -> None:
    tiles = list(area.tiles())
    assert len(tiles) == area.count()
    covered = sum((tile.east - tile.west) * (tile.north - tile.south) for tile in tiles)
    whole = (area.east - area.west) * (area.north - area.south)
    assert math.isclose(covered, whole, rel_tol=1e-6)
    assert min(tile.west for tile in tiles) == pytest.approx(area.west, abs=1e-9)
    assert max(tile.north for tile in tiles) == pytest.approx(area.north, abs=1e-9)
    assert all(tile.side <= 1 / TILES_A_DEGREE + 1e-9 for tile in tiles)


def test_areas_that_overlap_share_tiles() -> None:
    one = {str(tile) for tile in Area("one", 2.0, 48.0, 2.05, 48.05).tiles()}
    other = {str(tile) for tile in Area("other", 2.03, 48.03, 2.08, 48.08).tiles()}
    assert len(one) == len(other) == 25
    assert len(one & other) == 4


def test_an_area_across_the_antimeridian_has_tiles_on_both_sides() -> None:
    area = Area("Fiji", 179.99, -17.01, -179.98, -17.0)
    tiles = list(area.tiles())
    assert [tile.west for tile in tiles] == [179.99, -180.0, -179.99]
    assert area.count() == 3


def test_an_area_may_begin_west_of_greenwich() -> None:
    [area] = read_areas("-0.13,51.5,-0.12,51.51")
    assert (area.west, area.north) == (-0.13, 51.51)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2,48,2.1", "WEST,SOUTH,EAST,NORTH"),
        ("Paris", "WEST,SOUTH,EAST,NORTH"),
        ("2,49,3,48", "empty"),
        ("2,48,2,49", "empty"),
        ("2,48,181,49", "longitude"),
        ("2,nan,3,49", "latitude"),
        ("2,48,3,91", "latitude"),
    ],
)
def test_what_is_no_area_is_said_in_a_line(text: str, says: str) -> None:
    with pytest.raises(CollectError, match=says) as caught:
        read_areas(text)
    assert "\n" not in str(caught.value)


def test_a_csv_names_areas(tmp_path: Path) -> None:
    path = tmp_path / "areas.csv"
    path.write_text("name,west,south,east,north\nParis,2.29,48.85,2.31,48.87\nRome,12,41,12.1,42\n")
    assert [area.name for area in read_areas(str(path))] == ["Paris", "Rome"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,west,south,east\nParis,1,2,3\n", "lacks the column 'north'"),
        ("name,west,south,east,north\n", "names no area"),
        ("name,west,south,east,north\nParis,1,2,3,x\n", "line 2: north 'x' is no number"),
        ("name,west,south,east,north\nParis,1,2,3,\n", "line 2: area 1,2,3,nan"),
        ("name,west,south,east,north\n,1,2,3,4\n", "line 2: name is empty"),
    ],
)
def test_a_bad_csv_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "areas.csv"
    path.write_text(text)
    with pytest.raises(CollectError, match=says):
        read_areas(str(path))


def test_of_a_polygon_the_box_around_it_counts(tmp_path: Path) -> None:
    triangle = [[[2.0, 48.0], [2.4, 48.1], [2.2, 48.3], [2.0, 48.0]]]
    square = [[[5, 6, 100], [7, 6, 100], [7, 8, 100], [5, 8, 100], [5, 6, 100]]]
    features = [
        {"properties": {"name": "One"}, "geometry": {"type": "Polygon", "coordinates": triangle}},
        {
            "properties": None,
            "geometry": {"type": "MultiPolygon", "coordinates": [triangle, square]},
        },
    ]
    path = tmp_path / "areas.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert read_areas(str(path)) == [
        Area("One", 2.0, 48.0, 2.4, 48.3),
        Area("feature 2", 2.0, 48.0, 2.4, 48.3),
        Area("feature 2", 5, 6, 7, 8),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no GeoJSON"),
        ("[]", "no GeoJSON"),
        ('{"features": []}', "names no area"),
        ('{"features": [{"properties": {}, "geometry": null}]}', "feature 1 is no Polygon"),
        (
            '{"features": [{"properties": {}, "geometry": '
            '{"type": "Point", "coordinates": [1, 2]}}]}',
            "feature 1 is no Polygon",
        ),
    ],
)
def test_a_bad_geojson_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "areas.geojson"
    path.write_text(text)
    with pytest.raises(CollectError, match=says):
        read_areas(str(path))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    for name in ("areas.csv", "areas.geojson"):
        with pytest.raises(CollectError, match="cannot be read"):
            read_areas(str(tmp_path / name))
