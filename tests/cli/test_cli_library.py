import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from placeproof.cli.library import app
from placeproof.errors import CorruptLibraryError, LibraryError
from placeproof.panoramas.library import Library

NAMES = ("a.png", "b [red].png", "c.png")


@pytest.fixture
def tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three panoramas and a stray photo, and the environment's library folder."""
    folder = tmp_path / "tour"
    folder.mkdir()
    for seed, name in enumerate(NAMES):
        pixels = np.random.default_rng(seed).integers(0, 255, (256, 512, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    Image.new("RGB", (640, 480)).save(folder / "photo.png")
    rows = [f"{name},48.{number},2.5,10" for number, name in enumerate((*NAMES, "photo.png"))]
    (folder / "tour.csv").write_text("\n".join(["file,lat,lon,heading", *rows]))
    monkeypatch.setenv("PLACEPROOF_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("COLUMNS", "160")
    return folder


def invoke(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def listed() -> list[dict[str, object]]:
    result = invoke("list", "--json")
    assert result.exit_code == 0
    records: list[dict[str, object]] = json.loads(result.stdout)
    return records


def test_add_says_item_by_item_what_became_of_it(tour: Path, tmp_path: Path) -> None:
    result = invoke("add", tour)
    assert result.exit_code == 0
    lines = {Path(path).name: outcome for outcome, path in _items(result.stderr)}
    assert lines["a.png"] == lines["c.png"] == "added"
    assert "b [red].png" in result.stderr, "a file name is no markup"
    assert "photo.png: " in result.stderr
    assert "3 added, 0 updated, 0 already there, 1 rejected" in result.stdout
    assert (tmp_path / "library").is_dir()
    again = invoke("add", tour / "tour.csv")
    assert "0 added, 0 updated, 3 already there, 1 rejected" in again.stdout
    assert "now holds 3 panoramas" in again.stdout


def _items(output: str) -> list[tuple[str, str]]:
    lines = [line.split(maxsplit=1) for line in output.splitlines() if os.sep in line]
    return [(outcome, rest.split("  ")[0]) for outcome, rest in lines]


def test_the_option_goes_before_the_environment(tour: Path, tmp_path: Path) -> None:
    assert invoke("add", tour, "--library", tmp_path / "mine").exit_code == 0
    assert len(Library.open(tmp_path / "mine")) == 3
    assert not (tmp_path / "library").exists()


def test_adding_nothing_is_an_error(tour: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tour / "photo.png", tmp_path / "missing"):
        error = invoke("add", path).exception
        assert isinstance(error, LibraryError)
        assert "nothing was added" in str(error)


def test_list(tour: Path) -> None:
    invoke("add", tour)
    records = listed()
    assert [record["latitude"] for record in records] == pytest.approx([48.0, 48.1, 48.2], abs=0.3)
    assert {record["heading"] for record in records} == {10.0}
    assert all(record["id"] == record["sha256"] for record in records)
    table = invoke("list").stdout
    for record in records:
        assert str(record["id"])[:12] in table
    assert "48.200000,2.500000" in table


def test_remove_takes_all_or_none(tour: Path) -> None:
    invoke("add", tour)
    first, second, third = (str(record["id"]) for record in listed())
    failed = invoke("remove", first[:12], "0000000000")
    assert isinstance(failed.exception, LibraryError)
    assert len(listed()) == 3
    assert invoke("remove", first[:12], third).exit_code == 0
    assert [record["id"] for record in listed()] == [second]
    assert "all 1 panoramas" in invoke("check").stdout


def test_check_and_repair(tour: Path, tmp_path: Path) -> None:
    invoke("add", tour)
    assert "all 3 panoramas" in invoke("check").stdout
    library = Library.open(tmp_path / "library")
    damaged = library.picture_path(str(listed()[0]["id"]))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    result = invoke("check")
    assert isinstance(result.exception, CorruptLibraryError)
    assert result.exception.exit_code == 31
    assert f"{damaged}: the picture is damaged" in result.stderr
    library.index.path.write_bytes(b"garbage")
    for command in ("check", "list"):
        assert isinstance(invoke(command).exception, CorruptLibraryError)
    result = invoke("check", "--repair")
    assert result.exit_code == 0
    assert "set aside" in result.stderr
    assert "all 2 panoramas" in result.stdout
    invoke("add", tour)
    assert "all 3 panoramas" in invoke("check").stdout


@pytest.mark.parametrize(
    "command", [["list"], ["check"], ["check", "--repair"], ["remove", "abcd"]]
)
def test_without_a_library_the_command_that_makes_one_is_named(
    tour: Path, command: list[str]
) -> None:
    assert tour.exists()
    error = invoke(*command).exception
    assert isinstance(error, LibraryError)
    assert "placeproof library add PATH --library" in str(error)
