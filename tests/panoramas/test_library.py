import errno
import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from placeproof.errors import CorruptLibraryError, LibraryError, StorageError
from placeproof.location import Location
from placeproof.panoramas.library import AddResult, Library, Outcome, default_library_folder
from placeproof.panoramas.library_check import check, repair

PARIS = Location(48.8584, 2.2945)


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (512, 256), **save: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 255, (4, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.NEAREST).save(path, **save)
    return path


def street(folder: Path, count: int) -> Path:
    """A folder of panoramas along a street, 11 m apart, with their sidecar."""
    rows = ["file,lat,lon"]
    for number in range(count):
        picture(folder / f"{number}.png", seed=number)
        rows.append(f"{number}.png,{PARIS.latitude + number * 1e-4},{PARIS.longitude}")
    (folder / "positions.csv").write_text("\n".join(rows))
    return folder


def outcomes(results: list[AddResult]) -> dict[str, str]:
    return {result.path.name: result.reason or result.outcome.value for result in results}


def problems(library: Library) -> list[str]:
    return [finding.problem for finding in check(library) if finding.problem]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library.create_or_open(tmp_path / "library")


@pytest.fixture
def filled(library: Library, tmp_path: Path) -> Library:
    assert [result.outcome for result in library.add([street(tmp_path / "street", 4)])] == [
        Outcome.ADDED
    ] * 4
    return library


# Adding and finding


def test_search_and_fetch_give_back_what_was_added(library: Library, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", seed=5, size=(640, 320))
    (tmp_path / "a.csv").write_text(
        "file,lat,lon,heading,captured,source,licence\n"
        "a.png,48.8584,2.2945,450,2019-05-01,Mapper,CC BY-SA\n"
    )
    (result,) = library.add([path])
    (found,) = Library.open(library.folder).search(PARIS, 1)
    assert result.outcome is Outcome.ADDED
    assert result.record == found
    assert (found.location, found.heading, found.captured) == (PARIS, 90.0, "2019-05-01")
    assert (found.source, found.licence) == ("Mapper", "CC BY-SA")
    assert (found.width, found.height) == (640, 320)
    np.testing.assert_array_equal(library.fetch(found), np.asarray(Image.open(path)))
    assert problems(library) == []


def test_nearest_first_within_the_radius(filled: Library) -> None:
    found = filled.search(Location(PARIS.latitude + 3.1e-4, PARIS.longitude), 30)
    latitudes = [record.location.latitude for record in found]
    assert latitudes == pytest.approx([PARIS.latitude + n * 1e-4 for n in (3, 2, 1)])


def test_adding_again_changes_nothing_and_other_names_are_the_same(
    filled: Library, tmp_path: Path
) -> None:
    before = filled.index.path.read_bytes()
    again = list(filled.add([tmp_path / "street"]))
    assert {result.outcome for result in again} == {Outcome.ALREADY_THERE}
    copy = tmp_path / "copy.png"
    copy.write_bytes((tmp_path / "street" / "1.png").read_bytes())
    (result,) = filled.add([copy])  # no sidecar here: what is known stays
    assert result.outcome is Outcome.ALREADY_THERE
    assert filled.index.path.read_bytes() == before


def test_a_sidecars_new_word_updates_the_record_and_keeps_what_it_leaves_out(
    filled: Library, tmp_path: Path
) -> None:
    (tmp_path / "street" / "positions.csv").write_text("file,lat,lon,licence\n1.png,10,20,CC0\n")
    (old,) = filled.search(Location(PARIS.latitude + 1e-4, PARIS.longitude), 1)
    results = outcomes(list(filled.add([tmp_path / "street"])))
    assert results == dict.fromkeys(("0.png", "2.png", "3.png"), "already there") | {
        "1.png": "updated"
    }
    new = replace(old, location=Location(10, 20), licence="CC0")
    assert filled.search(Location(10, 20), 1) == [new]
    assert len(filled) == 4
    assert problems(filled) == []


def test_what_paths_stand_for(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "tour"
    picture(folder / "deep" / "a.PNG", 1)
    picture(folder / "b.jpg", 2)
    picture(folder / ".hidden" / "c.jpg", 3)
    (folder / "notes.txt").write_text("no picture, not mentioned")
    (folder / "top.csv").write_text("file,lat,lon\ndeep/a.PNG,1,1\nb.jpg,2,2\ngone.jpg,3,3\n")
    (folder / "deep" / "near.geojson").write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "geometry": {"type": "Point", "coordinates": [6, 5]},
                        "properties": {"file": "a.PNG"},
                    }
                ],
            }
        )
    )
    results = list(library.add([folder]))
    assert outcomes(results) == {"a.PNG": "added", "b.jpg": "added", "gone.jpg": "no such file"}
    assert len(library.search(Location(5, 6), 1)) == 1, "the deeper sidecar is believed"
    results = list(library.add([folder / "top.csv", folder / "deep" / "a.PNG"]))
    assert outcomes(results)["a.PNG"] == "updated"
    assert len(library.search(Location(1, 1), 1)) == 1, "the sidecar that was given is believed"


def test_relative_paths_and_links(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    street(tmp_path / "street", 2)
    (tmp_path / "link").symlink_to("street")
    monkeypatch.chdir(tmp_path)
    assert [result.outcome for result in library.add([Path("link/0.png"), Path("street")])] == [
        Outcome.ADDED,
        Outcome.ALREADY_THERE,
        Outcome.ADDED,
    ]


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
    ' xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" {}/></rdf:RDF></x:xmpmeta>'
)
CROPPED = (
    'GPano:ProjectionType="equirectangular" GPano:FullPanoWidthPixels="1024"'
    ' GPano:FullPanoHeightPixels="512" GPano:CroppedAreaImageWidthPixels="512"'
    ' GPano:CroppedAreaImageHeightPixels="256" GPano:CroppedAreaLeftPixels="0"'
    ' GPano:CroppedAreaTopPixels="128"'
)


def test_rejects_what_is_no_panorama_and_says_why(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    names = ["wide.png", "small.png", "text.jpg", "cut.jpg", "cropped.jpg", "cube.jpg", "bad.png"]
    picture(folder / "wide.png", size=(600, 290))
    picture(folder / "small.png", size=(510, 255))
    (folder / "text.jpg").write_text("no picture")
    cut = picture(folder / "cut.jpg", size=(1024, 512))
    cut.write_bytes(cut.read_bytes()[:4000])
    picture(folder / "cropped.jpg", xmp=XMP.format(CROPPED).encode())
    picture(folder / "cube.jpg", xmp=XMP.format('GPano:ProjectionType="cubemap"').encode())
    picture(folder / "good.png", size=(600, 302))
    picture(folder / "nowhere.png", 8)
    picture(folder / "bad.png", 9)
    rows = [f"{name},1,2" for name in [*names[:-1], "good.png"]]
    (folder / "p.csv").write_text("\n".join(["file,lat,lon", *rows, "bad.png,91,2"]))
    (folder / "other.csv").write_text("a,b\n1,2\n")
    results = outcomes(list(library.add([folder, tmp_path / "nothing"])))
    assert results.pop("good.png") == "added"
    for name, reason in {
        "wide.png": "600 x 290",
        "small.png": "too small",
        "text.jpg": "",
        "cut.jpg": "",
        "cropped.jpg": "512 x 256 of 1024 x 512",
        "cube.jpg": "cubemap",
        "nowhere.png": "no position",
        "bad.png": "latitude 91",
        "other.csv": "file, lat and lon",
        "nothing": "no such file",
    }.items():
        assert reason in results[name]
        assert "\n" not in results[name]
        assert results.pop(name) not in list(Outcome)
    assert results == {}
    assert len(library) == 1
    assert problems(library) == []


def exif_of(latitude: float, longitude: float) -> Image.Exif:
    exif = Image.Exif()
    exif[0x8825] = {
        1: "N" if latitude >= 0 else "S",
        2: (abs(latitude), 0.0, 0.0),
        3: "E" if longitude >= 0 else "W",
        4: (abs(longitude), 0.0, 0.0),
    }
    return exif


def test_position_from_exif_which_a_sidecar_overrules(library: Library, tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", 1, exif=exif_of(-12.5, 45.25))
    picture(tmp_path / "b.jpg", 2, exif=exif_of(-12.5, 45.25))
    picture(tmp_path / "zero.jpg", 3, exif=exif_of(0, 0))
    (tmp_path / "p.csv").write_text("file,lat,lon\nb.jpg,1,2\n")
    paths = [tmp_path / name for name in ("a.jpg", "b.jpg", "zero.jpg")]
    results = outcomes(list(library.add(paths)))
    assert results.pop("zero.jpg").startswith("no position: ")
    assert results == {"a.jpg": "added", "b.jpg": "added"}
    assert len(library.search(Location(-12.5, 45.25), 1)) == 1
    assert len(library.search(Location(1, 2), 1)) == 1


# Opening


def test_folders_that_are_no_library(tmp_path: Path) -> None:
    other = picture(tmp_path / "other" / "a.png").parent
    for open_it, folder in (
        (Library.open, tmp_path / "nothing"),
        (Library.open, other),
        (Library.open, other / "a.png"),
        (Library.create_or_open, other),
        (Library.create_or_open, other / "a.png"),
        (Library.create_or_open, other / "a.png" / "b"),
    ):
        with pytest.raises(LibraryError) as caught:
            open_it(folder)
        assert not isinstance(caught.value, CorruptLibraryError)
        assert str(folder) in str(caught.value)
    with pytest.raises(LibraryError, match="placeproof library add PATH --library"):
        Library.open(other)
    assert [path.name for path in other.iterdir()] == ["a.png"]


@pytest.fixture
def unreadable(filled: Library) -> Iterator[Path]:
    """A library that this user may not read; root becomes nobody for that."""
    was_root = os.geteuid() == 0
    filled.folder.chmod(0)
    if was_root:
        os.seteuid(65534)
    yield filled.folder
    if was_root:
        os.seteuid(0)
    filled.folder.chmod(0o700)


@pytest.mark.parametrize("open_it", [Library.open, Library.create_or_open])
def test_unreadable_folder(unreadable: Path, open_it: Callable[[Path], Library]) -> None:
    with pytest.raises(LibraryError, match="Permission denied") as caught:
        open_it(unreadable)
    assert not isinstance(caught.value, CorruptLibraryError)


def test_unreadable_originals_are_rejected(unreadable: Path, tmp_path: Path) -> None:
    paths = [unreadable, unreadable / "index.sqlite", unreadable / "a.csv"]
    library = Library(tmp_path / "other")  # nothing is added, so it need not exist
    results = [result.reason for result in library.add(paths)]
    assert results
    assert all(reason and "Permission denied" in reason for reason in results)


def test_a_library_whose_making_was_interrupted_is_made(tmp_path: Path) -> None:
    library = Library(tmp_path / "library")
    library.folder.mkdir()
    library.index.path.write_bytes(b"")  # SQLite opened it, the process was killed
    with pytest.raises(LibraryError, match="is no panorama library"):
        Library.open(library.folder)
    assert len(Library.create_or_open(library.folder)) == 0
    assert len(Library.open(library.folder)) == 0


def test_somebody_elses_index_makes_no_library(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as database:
        database.execute("CREATE TABLE diary (entry TEXT)")
    with pytest.raises(LibraryError):
        Library.create_or_open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.sqlite"]


def test_default_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_library_folder().parts[-2:] == ("placeproof", "library")


# Damage, checks and repairs


def damage_picture(library: Library, panorama_id: str) -> None:
    path = library.picture_path(panorama_id)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (damage_picture, "damaged"),
        (lambda library, name: library.picture_path(name).unlink(), "missing"),
        (lambda library, name: library.picture_path(name).write_bytes(b""), "damaged"),
    ],
)
def test_fetch_refuses_a_damaged_picture_and_adding_it_again_restores_it(
    filled: Library, tmp_path: Path, damage: Callable[[Library, str], None], word: str
) -> None:
    record = filled.search(PARIS, 1)[0]
    damage(filled, record.id)
    with pytest.raises(CorruptLibraryError, match=f"{word}.*remove {record.id[:12]}"):
        filled.fetch(record)
    assert problems(filled) == [f"the picture is {word}"]
    (result,) = filled.add([tmp_path / "street" / "0.png"])
    assert result.outcome is Outcome.UPDATED
    assert filled.fetch(record).shape == (256, 512, 3)
    assert problems(filled) == []


def clear_index(library: Library) -> None:
    with library.index.writing() as writer:
        writer.clear()


def change_record(library: Library) -> None:
    path = library.record_path(library.records()[0].id)
    path.write_text(path.read_text().replace('"local"', '"elsewhere"'))


def change_heading(library: Library) -> None:
    path = library.record_path(library.records()[0].id)
    path.write_text(path.read_text().replace('"heading": null', '"heading": "north"'))


def each(path_of: str, change: Callable[[Path], object]) -> Callable[[Library], None]:
    def damage(library: Library) -> None:
        for record in library.records():
            change(getattr(library, path_of)(record.id))

    return damage


@pytest.mark.parametrize(
    ("damage", "remaining"),
    [
        (lambda library: library.index.path.unlink(), 4),
        (lambda library: library.index.path.write_bytes(b"garbage" * 999), 4),
        (lambda library: library.index.path.write_bytes(b""), 4),
        (clear_index, 4),
        (change_record, 4),
        (each("record_path", Path.unlink), 4),
        (each("record_path", lambda path: path.write_text("{}")), 4),
        (each("record_path", lambda path: path.write_text("[1]")), 4),
        (change_heading, 4),
        (lambda library: damage_picture(library, library.records()[0].id), 3),
        (lambda library: library.picture_path(library.records()[0].id).unlink(), 3),
        (lambda library: (library.panoramas / "holiday.jpg").write_text("mine"), 4),
        (lambda library: (library.panoramas / "00" / ("ff" * 32)).write_text("odd"), 4),
    ],
)
def test_repair_makes_any_damage_good_and_deletes_nothing(
    filled: Library, damage: Callable[[Library], object], remaining: int
) -> None:
    (filled.panoramas / "00").mkdir(exist_ok=True)
    damage(filled)
    before = sum(path.is_file() for path in filled.folder.rglob("*"))
    try:
        assert problems(Library.open(filled.folder))
    except CorruptLibraryError as error:
        assert "placeproof library check --repair" in str(error)
    assert list(repair(Library.find(filled.folder)))
    mended = Library.open(filled.folder)
    assert problems(mended) == []
    assert list(repair(mended)) == []
    assert len(mended) == remaining
    assert sum(path.is_file() for path in filled.folder.rglob("*")) >= before
    for record in mended.search(PARIS, 1000):
        mended.fetch(record)


def test_repair_prefers_the_record_file_and_sets_aside_under_free_names(filled: Library) -> None:
    change_record(filled)
    assert [finding.problem for finding in repair(filled)] == [
        "its record file and the index differ: repaired"
    ]
    assert {record.source for record in filled.records()} == {"local", "elsewhere"}
    for number in range(3):
        (filled.panoramas / "holiday.jpg").write_text(str(number))
        list(repair(filled))
    aside = filled.folder / "set-aside"
    assert {path.read_text() for path in aside.iterdir()} == {"0", "1", "2"}


def test_a_picture_without_any_record_is_set_aside(filled: Library) -> None:
    orphan = filled.records()[0].id
    with filled.index.writing() as writer:
        writer.delete(orphan)
    filled.record_path(orphan).unlink()
    assert problems(filled) == ["its record file is missing"]
    list(repair(filled))
    assert problems(filled) == []
    assert (filled.folder / "set-aside" / orphan).exists()


# Removing


def test_remove_takes_picture_record_and_features(filled: Library) -> None:
    record = filled.search(PARIS, 1)[0]
    filled.features.put(record.id, "x", "y", (1, 1), torch.ones(2))
    assert filled.resolve(record.id[:6].upper()) == record
    filled.remove(record.id)
    filled.remove(record.id)
    assert filled.search(PARIS, 1) == []
    assert not [path for path in filled.folder.rglob("*") if record.id in path.name]
    assert len(filled) == 3
    assert problems(filled) == []


def test_resolve_refuses_none_and_several(filled: Library) -> None:
    one = filled.records()[0]
    twin = replace(one, id=one.id[:10] + "0" * 54, content_hash=one.id[:10] + "0" * 54)
    with filled.index.writing() as writer:
        writer.put(twin)
    assert filled.resolve(twin.id) == twin
    for prefix, message in (
        (one.id[:10], "begins 2"),
        ("0000000000", "no panorama in"),
        ("", "4 to 64"),
        ("%___", "4 to 64"),
    ):
        with pytest.raises(LibraryError, match=message):
            filled.resolve(prefix)


# Interruptions


def in_child(work: Callable[[], object]) -> int:
    """Starts ``work`` in a process of its own; returns the process's id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def test_killed_at_any_moment_it_opens_and_the_next_run_completes(tmp_path: Path) -> None:
    folder, tour = tmp_path / "library", street(tmp_path / "street", 12)

    def work() -> None:
        library = Library.create_or_open(folder)
        list(library.add([tour]))
        for record in library.records()[::2]:
            library.remove(record.id)
        list(library.add([tour]))

    began = time.monotonic()
    assert os.waitpid(in_child(work), 0)[1] == 0
    whole = time.monotonic() - began
    chance = random.Random(7)
    killed = 0
    for round_ in range(16):
        if round_ % 5 == 0:
            folder = tmp_path / f"library{round_}"  # kill it while it makes the library, too
        child = in_child(work)
        time.sleep(chance.random() * whole * 0.9)
        os.kill(child, signal.SIGKILL)
        killed += os.waitpid(child, 0)[1] == signal.SIGKILL
        library = Library.create_or_open(folder)
        library.index.verify()
        for record in library.records():
            library.fetch(record)
            assert library.record_path(record.id).exists()
    assert killed >= 3
    list(library.add([tour]))
    assert len(library) == 12
    assert problems(library) == []


def test_two_processes_adding_and_removing_at_once(tmp_path: Path) -> None:
    folder, tour = tmp_path / "library", street(tmp_path / "street", 8)

    def work() -> None:
        library = Library.create_or_open(folder)
        for _ in range(3):
            list(library.add([tour]))
            for record in library.records()[:4]:
                library.remove(record.id)
        list(library.add([tour]))

    children = [in_child(work) for _ in range(3)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    library = Library.open(folder)
    assert len(library) == 8
    assert problems(library) == []


@pytest.mark.parametrize("call", ["replace", "mkdir"])
@pytest.mark.parametrize("allowed", range(6))
def test_a_full_disk_is_said_and_the_next_run_completes(
    filled: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, allowed: int
) -> None:
    real, calls = getattr(os, call), 0

    def full(*args: object, **kwargs: object) -> None:
        nonlocal calls
        calls += 1
        if calls > allowed and not (call == "mkdir" and Path(str(args[0])).exists()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), args[0])
        real(*args, **kwargs)

    more = street(tmp_path / "more", 24)
    results = []
    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(StorageError, match="No space left"):
            results.extend(filled.add([more]))
    again = Library.open(filled.folder)
    again.index.verify()
    for record in again.records():
        again.fetch(record)
    assert not list(filled.folder.rglob("*.tmp*"))
    assert Outcome.REJECTED not in [result.outcome for result in again.add([more])]
    assert len(again) == 24
    assert problems(again) == []
