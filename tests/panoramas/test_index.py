import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placeproof.errors import CorruptLibraryError, LibraryError, LocationError, StorageError
from placeproof.location import Location
from placeproof.panoramas.index import PanoramaIndex
from placeproof.panoramas.source import PanoramaRecord

latitudes = st.floats(-90, 90) | st.sampled_from([-90.0, 90.0, 89.9999, -89.9999, 0.0])
longitudes = st.floats(-180, 180) | st.sampled_from([-180.0, 180.0, 179.9999, -179.9999, 0.0])
places = st.builds(Location, latitudes, longitudes)


def record(number: int, location: Location) -> PanoramaRecord:
    name = f"{number:064x}"
    return PanoramaRecord(name, location, None, None, "test", None, name, 1024, 512)


def new_index(folder: Path, *locations: Location) -> PanoramaIndex:
    path = folder / "index.sqlite"
    path.unlink(missing_ok=True)
    index = PanoramaIndex(path, "mend it")
    index.create()
    with index.writing() as writer:
        for number, location in enumerate(locations):
            writer.put(record(number, location))
    return index


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    held=st.lists(places, max_size=12),
    centre=places,
    radius=st.floats(0, 3e4) | st.floats(0, 2.1e7),
)
def test_search_finds_what_brute_force_finds_nearest_first(
    tmp_path: Path, held: list[Location], centre: Location, radius: float
) -> None:
    index = new_index(tmp_path, *held)
    index.verify()
    expected = sorted(
        (centre.distance_m(location), number)
        for number, location in enumerate(held)
        if centre.distance_m(location) <= radius
    )
    found = index.search(centre, radius)
    assert [int(panorama.id, 16) for panorama in found] == [number for _, number in expected]


@pytest.mark.parametrize(
    ("centre", "near"),
    [
        (Location(-16.8, 179.9999), Location(-16.8, -179.9999)),  # Taveuni, on the antimeridian
        (Location(-16.8, 180.0), Location(-16.8, -180.0)),
        (Location(89.9999, 0.0), Location(89.9999, 180.0)),
        (Location(-90.0, 12.0), Location(-89.9999, -77.0)),
    ],
)
def test_search_across_the_antimeridian_and_the_poles(
    tmp_path: Path, centre: Location, near: Location
) -> None:
    index = new_index(tmp_path, near, Location(0.5, 0.5))
    assert [panorama.location for panorama in index.search(centre, 50)] == [near]


@pytest.mark.parametrize("radius", [-1.0, float("nan"), float("inf")])
def test_search_refuses_what_is_no_radius(tmp_path: Path, radius: float) -> None:
    with pytest.raises(LocationError, match="radius"):
        new_index(tmp_path).search(Location(1, 2), radius)


def test_search_includes_a_place_at_exactly_the_radius(tmp_path: Path) -> None:
    place = Location(48.0, 2.0)
    assert len(new_index(tmp_path, place).search(place, 0.0)) == 1


def test_putting_again_moves_and_a_failed_block_changes_nothing(tmp_path: Path) -> None:
    here, there = Location(48.0, 2.0), Location(-48.0, 2.0)
    index = new_index(tmp_path, here)
    with pytest.raises(ZeroDivisionError), index.writing() as writer:
        writer.put(record(0, there))
        raise ZeroDivisionError
    assert len(index.search(here, 1)) == 1
    with index.writing() as writer:
        writer.put(record(0, there))
    index.create()  # leaves it as it is
    assert index.search(here, 1) == []
    assert index.search(there, 1) == [record(0, there)]
    assert len(index) == 1
    index.verify()


def run(statement: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with sqlite3.connect(path) as db:
            db.execute(statement)

    return damage


def overwrite(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, "missing"),
        (lambda path: path.write_bytes(b""), "no index of placeproof's"),
        (lambda path: path.write_bytes(os.urandom(9000)), "damaged"),
        (lambda path: path.write_bytes(b"no database, " * 50), "damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:6000]), "damaged"),
        (overwrite, "damaged"),
        (run("PRAGMA user_version = 99"), "schema version 99"),
        (run("PRAGMA application_id = 7"), "no index of placeproof's"),
        (run("DROP TABLE panorama"), "no such table"),
        (run("DELETE FROM position WHERE number = 3"), "damaged"),
        (run("INSERT INTO position VALUES (999, 1, 1, 1, 1, 1, 1)"), "damaged"),
        (run("UPDATE panorama SET latitude = 12 WHERE number = 3"), "damaged"),
        (run("UPDATE panorama SET latitude = 100 WHERE number = 3"), "latitude 100"),
        (run("UPDATE panorama SET longitude = 'west' WHERE number = 3"), "damaged"),
        (run("UPDATE panorama SET heading = 'north' WHERE number = 3"), "heading 'north'"),
        (run("UPDATE panorama SET width = 0 WHERE number = 3"), "0 is no number of pixels"),
    ],
)
def test_a_damaged_index_is_recognised_and_the_remedy_named(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    index = new_index(tmp_path, *(Location(n / 9, n / 5) for n in range(300)))
    damage(index.path)
    with pytest.raises(CorruptLibraryError, match=message) as caught:
        index.verify()
    assert str(caught.value).endswith("mend it")
    assert "\n" not in str(caught.value)
    if message == "missing":
        assert not index.path.exists()  # looking does not make one


def test_a_locked_index_is_no_corrupt_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = new_index(tmp_path)
    monkeypatch.setattr("placeproof.panoramas.index._BUSY_S", 0.05)
    with (
        index.writing(),
        pytest.raises(LibraryError, match="try again later") as caught,
        index.writing(),
    ):
        pass
    assert not isinstance(caught.value, CorruptLibraryError)


def test_a_full_disk_is_a_storage_error(tmp_path: Path) -> None:
    index = new_index(tmp_path)
    with pytest.raises(StorageError, match="full"), index.writing() as writer:
        writer._db.execute("PRAGMA max_page_count = 1")
        for number in range(500):
            writer.put(record(number, Location(1, 2)))
    assert len(index) == 0
    index.verify()
