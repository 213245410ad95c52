import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from placeproof.errors import StorageError
from placeproof.location import Location
from placeproof.panoramas.providers.picture_cache import PictureCache, default_cache_folder
from placeproof.panoramas.source import PanoramaRecord

RECORD = PanoramaRecord(
    id="7",
    location=Location(1, 2),
    heading=3.0,
    captured="2024-05-01",
    source="Panoramax",
    licence="CC-BY-SA-4.0, picture by alice, Panoramax",
    content_hash=None,
    width=2048,
    height=1024,
    page="https://example.org/7",
)


def test_a_picture_is_found_again(cache: PictureCache) -> None:
    assert cache.find(RECORD) is None
    path = cache.put(RECORD, b"picture")
    assert cache.find(RECORD) == path
    assert path.read_bytes() == b"picture"
    assert cache.find(replace(RECORD, id="8")) is None


def test_the_licence_stays_with_the_picture(cache: PictureCache) -> None:
    path = cache.put(RECORD, b"picture")
    stored = json.loads(path.with_name(path.name + ".json").read_text())
    assert stored["record"]["licence"] == RECORD.licence
    assert stored["record"]["page"] == RECORD.page
    assert stored["record"]["location"] == {"latitude": 1, "longitude": 2}


@pytest.mark.parametrize("damage", [b"", b"Picture", b"picture and more"])
def test_a_damaged_picture_is_not_found(
    cache: PictureCache, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put(RECORD, b"picture").write_bytes(damage)
    assert cache.find(RECORD) is None
    assert "damaged and will be fetched anew" in caplog.text
    cache.put(RECORD, b"picture")
    assert cache.find(RECORD) is not None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1, "sha256": 5}'])
def test_a_damaged_record(cache: PictureCache, text: str) -> None:
    path = cache.put(RECORD, b"picture")
    path.with_name(path.name + ".json").write_text(text)
    assert cache.find(RECORD) is None


def test_a_run_killed_between_picture_and_record(cache: PictureCache) -> None:
    path = cache.put(RECORD, b"picture")
    path.with_name(path.name + ".json").unlink()
    assert cache.find(RECORD) is None


def test_what_may_not_be_kept_is_not_written(cache: PictureCache) -> None:
    with pytest.raises(ValueError, match="may not be written"):
        cache.put(replace(RECORD, may_keep=False), b"picture")
    assert not cache.folder.exists()


def test_forgetting(cache: PictureCache) -> None:
    path = cache.put(RECORD, b"picture")
    cache.forget(RECORD)
    assert list(path.parent.iterdir()) == []
    cache.forget(RECORD)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="name another folder in PLACEPROOF_CACHE"):
        PictureCache(tmp_path / "file").put(RECORD, b"picture")


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLACEPROOF_CACHE", str(tmp_path))
    assert default_cache_folder() == tmp_path
    monkeypatch.setenv("PLACEPROOF_CACHE", f"~{os.sep}x")
    assert default_cache_folder() == Path.home() / "x"
    monkeypatch.delenv("PLACEPROOF_CACHE")
    assert default_cache_folder().name == "placeproof"
