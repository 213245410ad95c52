from pathlib import Path

import pytest
from PIL import Image

from placeproof.errors import LocationError, SuiteError
from placeproof.evaluation.suite import Suite
from placeproof.evaluation.suites import read_suite
from placeproof.evaluation.suites.utm_grid import location_on_grid
from placeproof.evaluation.suites.utm_name import parse_utm_name

EAST, NORTH = 382329.97, 3947016.86  # 35.66 N, 139.7 E in zone 54 S


def name(east: float, north: float, zone: str = "54", band: str = "S", heading: str = "") -> str:
    return f"@{east:010.2f}@{north:010.2f}@{zone}@{band}@@@id@00@{heading}@@@@@@.jpg"


def make(folder: Path, queries: list[str], database: list[str]) -> Path:
    for subfolder, files in (("queries", queries), ("database", database)):
        (folder / subfolder).mkdir(parents=True, exist_ok=True)
        for file in files:
            (folder / subfolder / file).touch()
    return folder


def found(suite: Suite) -> list[tuple[int, float, bool]]:
    """The query's number, by its northing in steps of 1 km, and the reference's northing."""
    return [
        (
            round((parse_utm_name(pair.query).north - NORTH) / 1000),
            parse_utm_name(pair.reference).north - NORTH,
            pair.same,
        )
        for pair in suite.pairs
    ]


@pytest.mark.parametrize(
    ("east", "north", "zone", "northern", "latitude", "longitude"),
    [
        (630084.302993, 4833438.474795, 17, True, 43.642566, -79.387139),  # by the package utm
        (382329.969733, 3947016.857598, 54, True, 35.66, 139.7),
        (333568.941010, 6247473.336819, 56, False, -33.9, 151.2),
        (500000.0, 0.0, 31, True, 0.0, 3.0),
    ],
)
def test_known_points_of_the_grid(
    east: float, north: float, zone: int, northern: bool, latitude: float, longitude: float
) -> None:
    place = location_on_grid(east, north, zone, northern)
    assert place.latitude == pytest.approx(latitude, abs=2e-8)  # 2 mm
    assert place.longitude == pytest.approx(longitude, abs=2e-8)


def test_a_point_off_the_grid_is_an_error() -> None:
    with pytest.raises(LocationError, match="not on the grid"):
        location_on_grid(5e6, 0, 31, True)


def test_a_name_says_where_a_picture_was_taken() -> None:
    said = parse_utm_name(Path(name(EAST, NORTH, heading="090")))
    assert (said.east, said.north, said.grid, said.heading) == (EAST, NORTH, (54, True), 90)
    assert said.location
    assert said.location.latitude == pytest.approx(35.66, abs=1e-6)


@pytest.mark.parametrize("text", ["@0@12.5.jpg", "@0@12.5@.jpg", "@0@12.5@@@@@7@@@@@@@@.jpg"])
def test_only_east_and_north_are_needed(text: str) -> None:
    said = parse_utm_name(Path(text))
    assert (said.east, said.north) == (0, 12.5)
    assert (said.grid, said.location, said.heading) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo.jpg", "no name of the form @UTM_east"),
        ("x@1@2@.jpg", "no name of the form"),
        ("@1.jpg", "no name of the form"),
        ("@one@2@.jpg", "east 'one' is no number"),
        ("@1@nan@.jpg", "north 'nan' is no number"),
        ("@1@2@61@S@.jpg", "zone '61' and band 'S'"),
        ("@1@2@54@I@.jpg", "zone '54' and band 'I'"),
        ("@1@2@54@@.jpg", "zone '54' and band ''"),
        ("@9999999@2@54@S@.jpg", "are not on the grid"),
        ("@500000@2@54@S@@@@@east@@@@@@.jpg", "heading 'east' is no number"),
    ],
)
def test_a_wrong_name_is_an_error(text: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        parse_utm_name(Path(text))


@pytest.mark.parametrize("inside", ["", "test", "images/test"])
def test_the_nearest_within_25_metres_is_the_same_place(tmp_path: Path, inside: str) -> None:
    make(
        tmp_path / inside,
        [name(EAST, NORTH + i * 1000) for i in range(3)],
        [name(EAST, NORTH + north) for north in (10, 24, 1020, 2026, 3000)],
    )
    suite = read_suite(tmp_path, "utm", least_distance_m=900)
    assert [pair for pair in found(suite) if pair[2]] == [
        (0, pytest.approx(10), True),
        (1, pytest.approx(1020), True),
    ]
    assert all(abs(north - 1000 * query) >= 900 for query, north, same in found(suite) if not same)
    assert sum(not pair.same for pair in suite.pairs) == 2
    assert "Left out: 1 queries" in suite.about
    assert "Warning" not in suite.about
    assert not any(pair.panorama for pair in suite.pairs)
    assert suite.pairs[0].query_location


def test_headings_tell_which_way_a_photo_looks(tmp_path: Path) -> None:
    make(
        tmp_path,
        [name(EAST, NORTH, heading="350")],
        [
            name(EAST, NORTH + 1, heading="180"),
            name(EAST, NORTH + 9, heading="020"),
            name(EAST, NORTH + 5000, heading="000"),
        ],
    )
    assert found(read_suite(tmp_path, "utm"))[0] == (0, pytest.approx(9), True)


def test_views_that_no_heading_tells_apart_are_counted(tmp_path: Path) -> None:
    views = [name(EAST, NORTH).replace("@00@", f"@{tile:02d}@") for tile in range(12)]
    make(tmp_path, [name(EAST, NORTH + 2)], [*views, name(EAST, NORTH + 5000)])
    suite = read_suite(tmp_path, "utm")
    assert "Warning: for 1 queries several references" in suite.about
    assert suite.pairs[0].reference.name == views[0]  # of equally near ones the first by name


def test_positions_may_be_made_up(tmp_path: Path) -> None:
    """As of Nordland, whose frames lie on a line, 2.4 m apart."""
    frames = [f"@0@{i * 2.4:07.1f}@@@@@{i}@@@@@@@@.jpg" for i in range(0, 2000, 40)]
    suite = read_suite(make(tmp_path, frames, frames), "utm")
    assert all(p.query.name == p.reference.name for p in suite.pairs if p.same)
    for pair in suite.pairs:
        if not pair.same:
            apart = parse_utm_name(pair.query).north - parse_utm_name(pair.reference).north
            assert abs(apart) >= 1609
    assert suite.pairs[0].query_location is None


def test_zones_are_told_apart(tmp_path: Path) -> None:
    """The same east and north in two zones are far apart; a border between zones is no distance."""
    make(
        tmp_path,
        [name(EAST, NORTH), name(EAST, NORTH, zone="53")],
        [name(EAST, NORTH + 5), name(EAST, NORTH + 6, zone="53")],
    )
    suite = read_suite(tmp_path, "utm")
    for pair in suite.pairs:
        zones = [parse_utm_name(path).grid for path in (pair.query, pair.reference)]
        assert (zones[0] == zones[1]) == pair.same
    assert len({pair.place for pair in suite.pairs}) == 2


def test_both_sides_of_a_border_are_near(tmp_path: Path) -> None:
    """The border of zones 31 and 32 at the equator: both names are of 6 E, to a metre."""
    make(
        tmp_path,
        [name(833978.5, 10.0, "31", "N")],
        [name(166021.5, 10.0, "32", "N"), name(500000, 10.0, "32", "N")],
    )
    suite = read_suite(tmp_path, "utm")
    assert [pair.same for pair in suite.pairs] == [True, False]


def test_a_zone_in_some_names_only_is_an_error(tmp_path: Path) -> None:
    make(tmp_path, [name(EAST, NORTH)], [name(EAST, NORTH, "", "")])
    with pytest.raises(SuiteError, match="some names state a UTM zone and some do not"):
        read_suite(tmp_path, "utm")


def test_no_folders_and_no_neighbours_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="no folders queries and database"):
        read_suite(tmp_path, "utm")
    make(tmp_path, [name(EAST, NORTH)], [name(EAST, NORTH + 26)])
    with pytest.raises(SuiteError, match="no query has a reference within 25 m"):
        read_suite(tmp_path, "utm")


@pytest.mark.parametrize(("width", "panorama"), [(1024, True), (1000, False)])
def test_a_database_of_twice_as_wide_pictures_is_of_panoramas(
    tmp_path: Path, width: int, panorama: bool
) -> None:
    names = [name(EAST, NORTH, heading="000"), name(EAST, NORTH + 5000)]
    make(tmp_path, [name(EAST, NORTH, heading="180" if panorama else "")], [])
    for file, pixels in zip(names, ((1024, 512), (width, 512)), strict=True):
        (tmp_path / "database").mkdir(exist_ok=True)
        Image.new("RGB", pixels).save(tmp_path / "database" / file)
    assert {pair.panorama for pair in read_suite(tmp_path, "utm").pairs} == {panorama}
