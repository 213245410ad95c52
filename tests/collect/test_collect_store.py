"""The state of a collection: what it refuses, and what it survives."""

import os
import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tests.collect.collect_world import WorldPhoto, photo, record

from placeproof.collect.criteria import Reason
from placeproof.collect.decision import Decision, Example, Pair
from placeproof.collect.quality import Quality
from placeproof.collect.store import ACCEPTED, EXAMPLES, FILE, Store
from placeproof.errors import CollectError, StorageError
from placeproof.panoramas.providers.boxes import Box

SETTINGS: dict[str, object] = {"panoramas": "panoramax", "seed": 0}
TILE = Box(2.0, 48.0, 2.01, 48.01)


def accepted(entry: WorldPhoto, fingerprint: int = 0) -> Decision:
    pair = Pair(
        photo_file=f"photos/{entry.id}.jpg",
        panorama=record(entry),
        panorama_file=f"panoramas/{entry.id}.jpg",
        distance_m=5.0,
        quality=Quality(120.0, 900.0, fingerprint),
        building_share=0.5,
    )
    return Decision(entry, None, pair=pair)


def test_what_is_decided_is_known_to_the_next_run(tmp_path: Path) -> None:
    with Store(tmp_path, SETTINGS) as store:
        store.decide(accepted(photo("good", 1)), "Town")
        store.decide(Decision(photo("sky", 1), Reason.NO_BUILDING, "buildings 3%"), "Town")
        store.finish(TILE)
    with Store(tmp_path, SETTINGS) as store:
        assert store.is_decided("good 1")
        assert store.is_decided("sky 1")
        assert not store.is_decided("good 2")
        assert store.is_finished(TILE)
        assert not store.is_finished(replace(TILE, east=2.02))
        totals = store.totals()
        assert (totals[ACCEPTED], totals[Reason.NO_BUILDING], sum(totals.values())) == (1, 1, 2)
        assert store.has_file("photos/good 1.jpg")
        assert store.has_file("panoramas/good 1.jpg")
        assert not store.has_file("photos/sky 1.jpg")
        [state] = store.rows("SELECT id, state, reason, detail FROM candidate WHERE id = 'sky 1'")
        assert state == ("sky 1", "rejected", "too little of it shows buildings", "buildings 3%")


def test_a_decision_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    with Store(tmp_path, SETTINGS) as store:
        store.decide(accepted(photo("good", 1)), "Town")
        same_file = replace(accepted(photo("good", 2)), pair=accepted(photo("good", 1)).pair)
        with pytest.raises(CollectError):
            store.decide(same_file, "Town")
        assert not store.is_decided("good 2")
        assert store.totals()[ACCEPTED] == 1


def test_photos_that_look_alike_are_found(tmp_path: Path) -> None:
    with Store(tmp_path, SETTINGS) as store:
        store.decide(accepted(photo("good", 1), 2**64 - 1), "Town")
        assert store.has_alike(2**64 - 1)
        assert store.has_alike(0xF7F7_F7F7_FFFF_FFFF)
        assert not store.has_alike(0xF7F7_F7F7_FFFF_FFFE)
        assert not store.has_alike(0)


def test_another_collections_settings_are_refused(tmp_path: Path) -> None:
    Store(tmp_path, SETTINGS).__exit__(None, None, None)
    with pytest.raises(CollectError, match=r'another panoramas \("panoramax", now "library"\)'):
        Store(tmp_path, SETTINGS | {"panoramas": "library"})
    with Store(tmp_path, SETTINGS) as store:  # nothing was changed, nothing is left locked
        assert store.totals()[ACCEPTED] == 0


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(CollectError, match="holds other things"):
        Store(tmp_path, SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_two_processes_do_not_collect_into_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placeproof.collect.schema._WAIT_S", 0.0)
    with (
        Store(tmp_path, SETTINGS),
        pytest.raises(CollectError, match="another process is collecting"),
    ):
        Store(tmp_path, SETTINGS)


def test_other_databases_are_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("CREATE TABLE candidate (id TEXT)")
    db.close()
    with pytest.raises(CollectError, match="no collection's"):
        Store(tmp_path, SETTINGS)


def test_a_damaged_database_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database, but as long as one" * 100)
    with pytest.raises(CollectError, match="damaged"):
        Store(tmp_path, SETTINGS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_writable_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError):
        Store(tmp_path, SETTINGS)


def test_a_full_disk_loses_nothing_that_was_decided(tmp_path: Path) -> None:
    decided = 0
    with Store(tmp_path, SETTINGS) as store:
        store.rows("PRAGMA max_page_count = 40")
        with pytest.raises(StorageError, match="full"):
            for number in range(10_000):
                store.decide(accepted(photo("good", number % 30)), "Town") if number < 30 else (
                    store.decide(Decision(replace_id(number), Reason.DARK, "x" * 500), "Town")
                )
                decided += 1
    assert decided > 40
    with Store(tmp_path, SETTINGS) as store:
        assert sum(store.totals().values()) == decided
        assert len(store.rows("SELECT id FROM candidate")) == decided
        store.decide(accepted(photo("good", 40)), "Town")  # there is space again


def replace_id(number: int) -> WorldPhoto:
    return replace(photo("dark", 0), id=f"dark {number}")


def test_examples_are_drawn_evenly_and_do_not_depend_on_the_order(tmp_path: Path) -> None:
    numbers = range(200)
    kept = []
    for name, order in (("one", numbers), ("other", reversed(numbers))):
        folder = tmp_path / name
        folder.mkdir()
        with Store(folder, SETTINGS) as store:
            for number in order:
                entry = replace(photo("good", 0), id=f"good {number}")
                decision = accepted(entry)
                if store.wants_example(ACCEPTED, entry.id):
                    decision = replace(decision, example=Example("", b"photo", b"panorama"))
                store.decide(decision, "Town")
            kept.append({row[0] for row in store.rows("SELECT id FROM example")})
    assert kept[0] == kept[1]
    assert len(kept[0]) == EXAMPLES[ACCEPTED]
    halves = Counter(int(name.split()[1]) < 100 for name in kept[0])
    assert min(halves[True], halves[False]) > 0
