import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from placeproof.errors import StorageError, TrainingError
from placeproof.training import journal as journal_module
from placeproof.training.journal import METRICS_FILE, TENSORBOARD_FOLDER, Journal


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def plain(said: io.StringIO) -> Console:
    return Console(file=said, width=200)


def lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / METRICS_FILE).read_text(encoding="utf-8")
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def steps(folder: Path) -> list[int]:
    return [line["step"] for line in lines(folder)]


def write_steps(folder: Path, *numbers: int) -> None:
    with Journal(folder, None) as journal:
        for number in numbers:
            journal.log(number, "masks", 1, {"loss": number / 8})


def test_each_line_is_in_the_file_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "new" / "run", None) as journal:
        journal.log(1, "masks", 1, {"loss": 0.5, "pairs a second": 12})
        journal.log(2, "größer\n", 2, {"loss": float("nan"), "AUC": float("inf")})
        assert lines(tmp_path / "new" / "run") == [
            {"step": 1, "phase": "masks", "epoch": 1, "loss": 0.5, "pairs a second": 12.0},
            {"step": 2, "phase": "größer\n", "epoch": 2, "loss": None, "AUC": None},
        ]
        with pytest.raises(ValueError, match="no measure can be called 'epoch'"):
            journal.log(3, "masks", 1, {"epoch": 1.0})


def test_a_new_run_begins_an_empty_file(tmp_path: Path) -> None:
    write_steps(tmp_path, 0, 1, 2)
    Journal(tmp_path, None).close()
    assert lines(tmp_path) == []


def test_a_resumed_run_goes_on_after_its_state(tmp_path: Path) -> None:
    write_steps(tmp_path, 0, 1, 2, 2, 3, 4)
    with Journal(tmp_path, 2) as journal:
        assert steps(tmp_path) == [0, 1, 2, 2]
        journal.log(3, "masks", 1, {"loss": 9.0})
    assert steps(tmp_path) == [0, 1, 2, 2, 3]
    assert lines(tmp_path)[-1]["loss"] == 9.0


def test_what_the_state_was_measured_with_is_not_repeated(tmp_path: Path) -> None:
    """A run can be killed between writing the measures of an epoch's end and its state."""
    write_steps(tmp_path, 1, 2)
    with Journal(tmp_path, 2) as journal:
        journal.log(2, "masks", 1, {"loss": 0.25})
        journal.log(2, "masks", 1, {"AUC": 0.9})
    assert [sorted(line) for line in lines(tmp_path)[1:]] == [
        ["epoch", "loss", "phase", "step"],
        ["AUC", "epoch", "phase", "step"],
    ]


@given(st.integers(0, 200), st.integers(0, 5))
def test_half_a_line_is_never_kept(
    tmp_path_factory: pytest.TempPathFactory, cut: int, step: int
) -> None:
    """Wherever the file ends, the whole lines of steps up to the state's are left."""
    folder = tmp_path_factory.mktemp("run")
    write_steps(folder, 1, 2, 3, 4)
    path = folder / METRICS_FILE
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    whole = data.count(b"}")  # a line without its end is whole too
    with Journal(folder, step) as journal:
        assert steps(folder) == [n for n in (1, 2, 3, 4) if n <= min(whole, step)]
        journal.log(6, "masks", 2, {"loss": 0.0})
    assert steps(folder)[-1] == 6


@pytest.mark.parametrize("damaged", [b"\xff\xfe", b"[1]", b"{}", b'{"step": "1"}', b"", b"\0" * 40])
def test_damaged_lines_are_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damaged: bytes
) -> None:
    write_steps(tmp_path, 1, 2)
    path = tmp_path / METRICS_FILE
    first, second = path.read_bytes().splitlines()
    path.write_bytes(first + b"\n" + damaged + b"\n" + second + b"\n")
    Journal(tmp_path, 7).close()
    assert steps(tmp_path) == [1, 2]
    assert "line 2 of" in caplog.text


def test_a_run_killed_at_any_moment_can_go_on(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from placeproof.training.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]), None)\n"
        "for step in range(10**9):\n"
        "    journal.log(step, 'masks', 1, {'loss': 1 / 3})\n"
        "    if step == 50: print('running', flush=True)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stdout.readline() == b"running\n"
    run.kill()
    run.wait()
    run.stdout.close()
    with Journal(tmp_path, 40) as journal:
        assert steps(tmp_path) == list(range(41))
        journal.log(41, "masks", 1, {"loss": 0.1})
    assert steps(tmp_path) == list(range(42))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: it too takes only a part of a line."""
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from placeproof.errors import StorageError\n"
        "from placeproof.training.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]), None)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (250, 250))\n"
        "try:\n"
        "    for step in range(100): journal.log(step, 'masks', 1, {'loss': 0.5})\n"
        "except StorageError as error: print(step, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    step, message = done.stdout.strip().split(" ", 1)
    assert message == f"cannot write '{tmp_path / METRICS_FILE}': File too large"
    assert (tmp_path / METRICS_FILE).stat().st_size == 250, "half of the last line is there"
    Journal(tmp_path, 100).close()
    assert steps(tmp_path) == list(range(int(step)))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match=r"cannot write '.*': (Not a directory|File exists)"):
        Journal(tmp_path / "file" / "run", None)
    (tmp_path / METRICS_FILE).mkdir()
    with pytest.raises(StorageError, match="Is a directory"):
        Journal(tmp_path, 3)


def test_without_a_terminal_there_is_a_line_an_epoch(
    tmp_path: Path, plain: Console, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(journal_module, "perf_counter", lambda: float(next(clock)))
    with Journal(tmp_path, None, console=plain) as journal:
        with journal.epoch("[b]masks", 3, batches=5, done=2) as epoch:
            for loss in (0.25, 0.5, 0.75):
                epoch.advance(pairs=64, loss=loss)
                journal.log(1, "masks", 3, {"loss": loss})
            assert said.getvalue() == ""
        journal.log(1, "masks", 3, {"AUC": 0.95314, "IoU": 0.5}, show=True)
    # The clock was read as the epoch began, after each of its batches, and at its end.
    assert said.getvalue().splitlines() == [
        "[b]masks, epoch 3: loss 0.5000, 48 pairs a second",
        "masks, epoch 3: AUC 0.9531, IoU 0.5",
    ]


def test_an_interrupted_epoch_says_nothing(
    tmp_path: Path, plain: Console, said: io.StringIO
) -> None:
    with Journal(tmp_path, None, console=plain) as journal:
        with journal.epoch("masks", 1, batches=0):
            pass
        with pytest.raises(KeyboardInterrupt), journal.epoch("masks", 1, batches=2) as epoch:
            epoch.advance(1, 0.5)
            raise KeyboardInterrupt
    assert said.getvalue() == ""


def test_a_terminal_has_a_bar(tmp_path: Path, said: io.StringIO) -> None:
    console = Console(file=said, width=120, force_terminal=True)
    with (
        Journal(tmp_path, None, console=console) as journal,
        journal.epoch("masks", 3, batches=5, done=2) as epoch,
    ):
        epoch.advance(pairs=64, loss=0.25)
    shown = said.getvalue()
    assert "3/5" in shown
    assert "loss 0.2500" in shown
    assert shown.rstrip().splitlines()[-1].endswith("pairs a second")


def test_tensorboard_mirrors_what_the_file_holds(tmp_path: Path) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="TensorBoard is an extra",
    )
    with Journal(tmp_path, None, tensorboard=True) as journal:
        for step in range(1, 6):
            journal.log(step, "masks", 1, {"loss": step / 8})
    with Journal(tmp_path, 3, tensorboard=True) as journal:
        with journal.epoch("masks", 1, batches=1):
            journal.log(4, "masks", 1, {"loss": 7.0, "pairs a second": 3.0})
        journal.log(4, "decision", 1, {"AUC": float("nan")})
    found = accumulator.EventAccumulator(str(tmp_path / TENSORBOARD_FOLDER)).Reload()
    assert set(found.Tags()["scalars"]) == {
        "masks/loss",
        "masks/pairs a second",
        "decision/AUC",
    }
    losses = [(event.step, event.value) for event in found.Scalars("masks/loss")]
    assert losses == [(1, 0.125), (2, 0.25), (3, 0.375), (4, 7.0)]


def test_a_missing_tensorboard_is_named_and_costs_no_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_steps(tmp_path, 1, 2)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(TrainingError, match=r"pip install 'placeproof\[tensorboard\]'$"):
        Journal(tmp_path, None, tensorboard=True)
    assert steps(tmp_path) == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == [METRICS_FILE]
