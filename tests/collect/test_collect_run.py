"""What a run makes of photos of every kind, and of servers that fail."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.collect.collect_world import (
    AREA,
    CRITERIA,
    KINDS,
    REASON_OF,
    World,
    collect,
    photo,
    picture,
    small_world,
)

from placeproof.collect.areas import Area
from placeproof.collect.criteria import Criteria
from placeproof.collect.fetching import in_order
from placeproof.collect.run import WORKERS
from placeproof.collect.store import FILE, Store
from placeproof.errors import CollectError, NetworkError
from placeproof.images import read_picture


def reasons(folder: Path) -> dict[str, str]:
    """Why each photo was rejected; an empty text where it was not."""
    with Store(folder, CRITERIA.settings()) as store:
        return dict(store.rows("SELECT id, reason FROM candidate"))


def test_every_kind_of_photo_is_rejected_for_its_own_reason(tmp_path: Path) -> None:
    run, summary = collect(small_world(2), tmp_path / "c")
    expected = {f"{kind} {n}": REASON_OF.get(kind, "") for kind in KINDS for n in range(2)}
    assert reasons(tmp_path / "c") == expected
    assert summary.totals["accepted"] == 2
    assert all(summary.totals[reason] == 2 for reason in REASON_OF.values())
    assert run.complete


def test_the_pictures_of_pairs_are_kept_and_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    collect(small_world(2), folder)
    photos = sorted((folder / "photos").glob("*/*"))
    assert sorted(path.read_bytes() for path in photos) == sorted(
        picture(f"good {number}") for number in range(2)
    )
    panoramas = sorted((folder / "panoramas").glob("*/*"))
    assert [read_picture(path).pixels.shape for path in panoramas] == [(128, 256, 3)] * 2


def test_rejected_photos_cost_no_more_than_it_takes(tmp_path: Path) -> None:
    world = small_world(1)
    collect(world, tmp_path / "c")
    asked = world.asked
    assert asked[f"search {photo('camera', 0).location}"] == 0
    assert asked["photo far 0"] == asked["photo camera 0"] == 0
    fetched = {what for what in asked if what.startswith("panorama")}
    assert fetched == {
        f"panorama {kind} 0 panorama" for kind in ("good", "panorama-gone", "panorama-broken")
    }


def test_a_finished_collection_asks_for_nothing(tmp_path: Path) -> None:
    world = small_world(2)
    _, first = collect(world, tmp_path / "c")
    world.asked.clear()
    _, second = collect(world, tmp_path / "c")
    assert not world.asked
    assert first == second


def test_more_areas_ask_for_what_is_new_only(tmp_path: Path) -> None:
    world = small_world(4)
    half = Area("Half", 2.0, 48.0, 2.01, 48.02)
    collect(world, tmp_path / "c", areas=(half,))
    before = world.asked.copy()
    collect(world, tmp_path / "c", areas=(half, AREA))
    assert max(world.asked.values()) == 1
    assert len(world.asked) > len(before)
    assert len(reasons(tmp_path / "c")) == len(world.known)


def test_photos_share_a_panorama_that_is_fetched_once(tmp_path: Path) -> None:
    entry = photo("good", 0)
    near = replace(photo("far", 0), location=replace(entry.location, longitude=2.00051))
    world = World([entry, near])
    _, summary = collect(world, tmp_path / "c")
    assert summary.totals["accepted"] == 2
    assert world.asked["panorama good 0 panorama"] == 1
    assert len(list((tmp_path / "c" / "panoramas").glob("*/*"))) == 1


def test_a_photo_that_is_listed_again_and_again_counts_once(tmp_path: Path) -> None:
    world = World([photo("good", 0)] * 9 + [photo("sky", 0)] * 9)
    _, summary = collect(world, tmp_path / "c")
    assert sum(summary.totals.values()) == 2
    assert len(list((tmp_path / "c" / "photos").glob("*/*"))) == 1


@pytest.mark.parametrize("what", ["search", "photo good", "panorama good"])
def test_what_fails_for_now_is_tried_by_the_next_run(tmp_path: Path, what: str) -> None:
    def fail(asked: str) -> None:
        if asked.startswith(what) and (what != "search" or asked == failing):
            raise NetworkError("photos.example does not answer")

    world = World([entry for entry in small_world(2).known if entry.kind != "double"])
    failing = f"search {photo('good', 1).location}"
    world.on_ask = fail
    run, _ = collect(world, tmp_path / "c")
    assert run.undecided == (1 if what == "search" else 2)
    assert not run.complete
    assert "good 1" not in reasons(tmp_path / "c")
    world.on_ask = lambda _asked: None
    run, summary = collect(world, tmp_path / "c")
    assert run.complete
    assert summary.totals["accepted"] == 2
    if what == "panorama good":  # then the photo was here already
        assert world.asked["photo good 1"] == 1


def test_a_server_that_is_away_ends_the_run(tmp_path: Path) -> None:
    def fail(asked: str) -> None:
        if asked.startswith("photo"):
            raise NetworkError("photos.example does not answer")

    world = World([photo(kind, n) for n in range(30) for kind in ("good", "camera")])
    world.on_ask = fail
    with pytest.raises(NetworkError, match=r"photos\.example does not answer"):
        collect(world, tmp_path / "c")
    assert sum(what.startswith("photo") for what in world.asked) <= 10 + WORKERS


def test_a_listing_that_fails_ends_the_run(tmp_path: Path) -> None:
    world = small_world(1)

    def fail(asked: str) -> None:
        if asked.startswith("list"):
            raise NetworkError("photos.example does not answer")

    world.on_ask = fail
    with pytest.raises(NetworkError):
        collect(world, tmp_path / "c")


def test_panoramas_that_may_not_be_kept_are_refused(tmp_path: Path) -> None:
    world = small_world(1)
    world.may_keep = False
    with pytest.raises(CollectError, match="terms of Panoramas allow neither"):
        collect(world, tmp_path / "c")
    assert [path.name for path in (tmp_path / "c").iterdir()] == [FILE]
    assert not any(what.startswith(("photo", "panorama")) for what in world.asked)


def test_it_stops_when_enough_are_accepted_and_goes_on_for_more(tmp_path: Path) -> None:
    world = small_world(4)
    run, summary = collect(world, tmp_path / "c", most=2)
    assert summary.totals["accepted"] == 2
    assert not run.complete
    world.asked.clear()
    _, summary = collect(world, tmp_path / "c", most=2)
    assert not world.asked
    run, summary = collect(world, tmp_path / "c")
    assert summary.totals["accepted"] == 4
    assert run.complete


def test_progress_tells_tiles_and_photos(tmp_path: Path) -> None:
    told: list[tuple[object, ...]] = []
    collect(small_world(2), tmp_path / "c", progress=lambda *now: told.append(now))
    assert told[-1] == ("Town", 4, 4, 2, 20)
    assert [now[1] for now in told] == sorted(now[1] for now in told)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"max_distance_m": 0.0}, "0 m from photo"),
        ({"max_distance_m": 101.0}, "101 m from photo"),
        ({"building_share": 1.1}, "building share"),
        ({"least_brightness": -1.0}, "brightness"),
        ({"least_sharpness": float("nan")}, "sharpness"),
        ({"development_share": 0.0}, "share"),
    ],
)
def test_impossible_criteria_are_refused(change: dict[str, float], says: str) -> None:
    with pytest.raises(CollectError, match=says):
        Criteria("Photos", "Panoramas", (), **change)


def test_work_is_done_ahead_but_not_far_and_comes_in_order() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(4) as pool:
        for expected, found in enumerate(in_order(pool, lambda number: number * 2, items(), 4)):
            assert found == 2 * expected
            assert len(taken) <= expected + 4
    assert len(taken) == 50
