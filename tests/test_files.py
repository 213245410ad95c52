import errno
import os
from pathlib import Path

import pytest

from placeproof.errors import StorageError
from placeproof.files import write_atomically


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("data", [b"", b"new", bytes(range(256)) * 5000])
@pytest.mark.parametrize("name", ["a.json", "x" * 250 + ".json", "two\nlines", "é.json"])
def test_a_file_is_written_and_replaced(tmp_path: Path, name: str, data: bytes) -> None:
    write_atomically(tmp_path / name, b"old")
    write_atomically(tmp_path / name, data)
    assert contents(tmp_path) == {name: data}


def test_the_data_are_on_the_disk_before_they_take_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    seen: list[dict[str, bytes]] = []
    monkeypatch.setattr(os, "fsync", lambda _descriptor: seen.append(contents(tmp_path)))
    write_atomically(path, b"new")
    (state,) = seen
    assert state.pop("a.json") == b"old", "a reader meanwhile finds the old file"
    ((temporary, data),) = state.items()
    assert temporary.startswith("."), "and the listing of a folder no new one"
    assert data == b"new"


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("old", [b"old", None])
def test_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, old: bytes | None
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = {} if old is None else {"a.json": old}
    if old is not None:
        (tmp_path / "a.json").write_bytes(old)
    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), full)
    with pytest.raises(StorageError, match=r"cannot write .*a\.json': No space left on device"):
        write_atomically(tmp_path / "a.json", b"new")
    assert contents(tmp_path) == before


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "a.json").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.json", b"new")
    assert contents(tmp_path) == {"a.json": b"old"}


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    for name, reason in {
        "missing/a.json": "No such file or directory",
        "file/a.json": "Not a directory",
        "folder": "Is a directory",
    }.items():
        with pytest.raises(StorageError, match=reason):
            write_atomically(tmp_path / name, b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="Permission denied"):
            write_atomically(tmp_path / "a.json", b"new")
    finally:
        tmp_path.chmod(0o700)
