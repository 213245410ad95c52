"""A collection that is killed, interrupted or out of space goes on as if nothing had been."""

import errno
import hashlib
import multiprocessing
import os
import random
import signal
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from tests.collect.collect_world import collect, small_world

from placeproof.collect.run import WORKERS
from placeproof.collect.store import FILE
from placeproof.errors import StorageError

KILLS = 6  # of one collection, at random points
_fork = multiprocessing.get_context("fork") if sys.platform != "win32" else None


def result(folder: Path) -> dict[str, str]:
    """All that a collection consists of: the rows of its database, and its files' hashes."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not path.name.startswith(FILE)  # nor its log
    }
    db = sqlite3.connect(folder / FILE)
    found[FILE] = "\n".join(db.iterdump())
    db.close()
    return found


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("whole") / "c"
    collect(small_world(2), folder)
    return result(folder)


def log_asked(log: Path) -> Callable[[str], None]:
    """Appends what is asked for to a file that outlives the process."""

    def write(what: str) -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(what + "\n")

    return write


def run_until(call: int | None, folder: Path, log: Path) -> None:
    """Collects, and is killed at that call of a function (Python's or C's), in whatever thread."""
    left = [call]

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        if event in ("call", "c_call"):
            left[0] = -1 if left[0] is None else left[0] - 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    world = small_world(2)
    world.on_ask = log_asked(log)
    threading.setprofile(count)
    sys.setprofile(count)
    try:
        collect(world, folder)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.mark.skipif(_fork is None, reason="needs fork and SIGKILL")
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_points_it_ends_as_if_never_killed(
    seed: int, tmp_path: Path, uninterrupted: dict[str, str]
) -> None:
    draw = random.Random(seed)
    folder, log = tmp_path / "c", tmp_path / "asked"
    killed = 0
    while killed < KILLS:
        call = int(10 ** draw.uniform(2.5, 4.7))
        process = _fork.Process(target=run_until, args=(call, folder, log))
        process.start()
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        killed += 1
    assert killed, "the run ended before it could be killed"
    world = small_world(2)
    world.on_ask = log_asked(log)
    collect(world, folder)
    assert result(folder) == uninterrupted
    asked = Counter(log.read_text(encoding="utf-8").splitlines())
    by_kind: Counter[str] = Counter()
    for what, times in asked.items():
        by_kind[what.split()[0]] += times - 1  # asked for in vain
    assert by_kind["list"] <= killed  # an unfinished tile is listed again
    assert by_kind["photo"] <= killed * WORKERS  # what was under way
    assert by_kind["panorama"] <= killed * 1


def test_interrupted_anywhere_it_goes_on(tmp_path: Path, uninterrupted: dict[str, str]) -> None:
    folder = tmp_path / "c"
    for stop in ("list", "photo sky 1", "panorama good 1"):
        world = small_world(2)

        def interrupt(what: str, stop: str = stop) -> None:
            if what.startswith(stop):
                raise KeyboardInterrupt

        world.on_ask = interrupt
        with pytest.raises(KeyboardInterrupt):
            collect(world, folder)
    collect(small_world(2), folder)
    assert result(folder) == uninterrupted


@pytest.mark.parametrize("at", [1, 4, 9, 14])
def test_a_full_disk_is_said_and_nothing_is_lost(
    at: int, tmp_path: Path, uninterrupted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "c"
    writes = [0]
    fsync = os.fsync

    def full(descriptor: int) -> None:
        writes[0] += 1
        if writes[0] >= at:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        collect(small_world(2), folder)
    monkeypatch.undo()
    collect(small_world(2), folder)
    assert result(folder) == uninterrupted
