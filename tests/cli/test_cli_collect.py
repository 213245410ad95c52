"""``placeproof collect`` against a server on this machine, from areas to a manifest and a page."""

import functools
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.open_world import World, served
from placeproof.collect import sources
from placeproof.collect.store import FILE
from placeproof.errors import (
    CollectError,
    KeyMissingError,
    LibraryError,
    LocationError,
    StorageError,
)
from placeproof.net import client
from placeproof.panoramas.library import Library
from placeproof.panoramas.providers.mapillary import MapillaryPhotos
from placeproof.panoramas.providers.panoramax import Panoramax
from placeproof.panoramas.providers.picture_cache import PictureCache
from placeproof.training.manifest import read_manifest

Cli = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr
TOKEN = "MLY|1234|secret"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with served(20) as world:
        yield world


class AllBuildings:
    name = "all"

    def __call__(
        self,
        pixels: NDArray[np.uint8],
        *,
        wraps: bool = False,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        return np.ones(pixels.shape[:2], dtype=np.float32)


@pytest.fixture
def run(cli: Cli, world: World, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs ``placeproof collect`` with Mapillary and Panoramax on this machine."""

    def panoramax(_name: str, *, cache: PictureCache, client: client.HttpClient) -> Panoramax:
        return Panoramax(cache, client, world.url)

    here = functools.partial(client.HttpClient, allow_private=True, requests_per_second=1e6)
    photos = functools.partial(MapillaryPhotos, base_url=world.url)
    monkeypatch.setattr(client, "HttpClient", here)
    monkeypatch.setattr(sources, "MapillaryPhotos", photos)
    monkeypatch.setattr(sources, "make_source", panoramax)
    monkeypatch.setattr(sources, "load_checkpoint", lambda _path: _Any())
    monkeypatch.setattr(sources, "load_small_detector", lambda _extractor: AllBuildings())
    monkeypatch.setenv("MAPILLARY_TOKEN", TOKEN)
    return lambda *arguments: cli("collect", *arguments)


class _Any:
    def __getattr__(self, _name: str) -> "_Any":
        return self


def test_it_collects_a_manifest_that_training_reads(run: Cli, world: World, tmp_path: Path) -> None:
    output = tmp_path / "c"
    code, out, err = run(world.area, "--output", output)
    assert code == 0, err
    assert re.search(r"accepted +10\b", out)
    assert re.search(r"duplicate +2\b", out)
    assert re.search(r"camera not on the list +2\b", out)
    assert str(output / "pairs.csv") in out
    rows = read_manifest(output / "pairs.csv")
    assert rows
    assert all(row.query and row.panorama_location for row in rows)
    page = (output / "collection.html").read_text(encoding="utf-8")
    assert "10 of 20 photos accepted" in page
    assert "CC BY-SA 4.0, picture by person" in page
    assert {path.name for path in output.iterdir()} - {"countries.csv"} == {
        FILE,
        "collection.html",
        "licences.csv",
        "pairs.csv",
        "panoramas",
        "photos",
    }
    assert not any(TOKEN in text for text in (out, err, page))
    assert not any(TOKEN.encode() in path.read_bytes() for path in output.rglob("*.*"))


def test_the_same_command_finds_it_done(run: Cli, world: World, tmp_path: Path) -> None:
    first = run(world.area, "--output", tmp_path / "c", "--most", 3)
    assert re.search(r"accepted +3\b", first[1])
    whole = run(world.area, "--output", tmp_path / "c")
    again = run(world.area, "--output", tmp_path / "c")
    assert whole == again
    assert re.search(r"accepted +10\b", whole[1])


def test_panoramas_come_from_the_library_if_so_wished(
    run: Cli, world: World, tmp_path: Path
) -> None:
    longitude, latitude = world.position(0)
    Image.fromarray(np.full((256, 512, 3), 99, dtype=np.uint8)).save(tmp_path / "panorama.png")
    (tmp_path / "places.csv").write_text(f"file,lat,lon\npanorama.png,{latitude},{longitude}\n")
    library = Library.create_or_open(tmp_path / "library")
    assert len(list(library.add([tmp_path / "places.csv"]))) == 1
    arguments = ("--panoramas", "library", "--library", library.folder)
    code, out, err = run(world.area, "--output", tmp_path / "c", *arguments)
    assert code == 0, err
    assert re.search(r"accepted +1\b", out)
    assert "1 pairs to train on, 0 for development" in out
    assert "of one place" in err


def test_interrupted_it_says_how_to_go_on(
    run: Cli, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def interrupt(self: AllBuildings, pixels: NDArray[np.uint8], **_: object) -> object:
        calls.append(self)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return np.ones(pixels.shape[:2], dtype=np.float32)

    with monkeypatch.context() as patch:
        patch.setattr(AllBuildings, "__call__", interrupt)
        code, _, err = run(world.area, "--output", tmp_path / "c")
    assert code == 130
    assert "the same command goes on" in err
    with sqlite3.connect(tmp_path / "c" / FILE) as db:
        [(accepted,)] = db.execute("SELECT count(*) FROM photo")
    db.close()
    assert accepted == 3
    code, out, _ = run(world.area, "--output", tmp_path / "c")
    assert code == 0
    assert re.search(r"accepted +10\b", out)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (("Paris",), CollectError, "WEST,SOUTH,EAST,NORTH"),
        (("-0.2,51,-0.1",), CollectError, "'-0.2,51,-0.1' is no area"),
        (("areas.csv",), CollectError, "cannot be read"),
        (("2,48,2.01,48.01", "--panoramas", "google"), CollectError, "Google's terms"),
        (("2,48,2.01,48.01", "--panoramas", "bing"), CollectError, "no panoramas 'bing'"),
        (("2,48,2.01,48.01", "--max-distance", "far"), LocationError, "'far' is no radius"),
        (("2,48,2.01,48.01", "--building-share", "7"), CollectError, "building share 7"),
        (("2,48,2.01,48.01", "--cameras", "none.csv"), CollectError, "none.csv cannot be read"),
        (
            ("2,48,2.01,48.01", "--panoramas", "library", "--library", "none"),
            LibraryError,
            "none does not exist",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_written(
    run: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    error: type[CollectError],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments, "--output", tmp_path / "c")
    assert code == error.exit_code
    assert says in err
    assert (out, err.count("\n")) == ("", 1)
    assert list(tmp_path.iterdir()) == []


def test_without_a_token_it_says_which_one(
    run: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAPILLARY_TOKEN")
    code, _, err = run("2,48,2.01,48.01", "--output", tmp_path / "c")
    assert code == KeyMissingError.exit_code
    assert "MAPILLARY_TOKEN" in err


def test_other_settings_need_another_folder(run: Cli, world: World, tmp_path: Path) -> None:
    assert run(world.area, "--output", tmp_path / "c", "--most", 1)[0] == 0
    code, _, err = run(world.area, "--output", tmp_path / "c", "--max-distance", "20m")
    assert code == CollectError.exit_code
    assert "another max distance m (10.0, now 20.0)" in err


def test_a_file_is_no_folder(run: Cli, world: World, tmp_path: Path) -> None:
    (tmp_path / "c").write_text("")
    assert run(world.area, "--output", tmp_path / "c")[0] == StorageError.exit_code
