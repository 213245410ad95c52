"""``placeproof evaluate`` from a list of pairs to a report, interrupted, resumed and misled."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.conftest import blocks, crop

from placeproof.errors import EvaluationError, NotAnImageError, SuiteError, WeightsError

Cli = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr
PLACES = 6


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos cut from panoramas of blocks, each with its own panorama and with the next one."""
    folder = tmp_path_factory.mktemp("suite")
    for place in range(PLACES):
        panorama = blocks(place)
        Image.fromarray(panorama).save(folder / f"panorama-{place}.png")
        Image.fromarray(crop(panorama, 22.5 * place)).save(folder / f"photo-{place}.png")
    with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "panorama", "label", "place", "bearing_deg"])
        for place in range(PLACES):
            for step, label in ((0, 1), (1, 0)):
                shown = f"panorama-{(place + step) % PLACES}.png"
                writer.writerow([f"photo-{place}.png", shown, label, place, 22.5 * place])
    return folder / "pairs.csv"


@pytest.fixture
def arguments(suite: Path, checkpoint_path: Path) -> tuple[object, ...]:
    """A small evaluation of two methods."""
    methods = (f"bupm={checkpoint_path}", f"mean-max-cosine={checkpoint_path}")
    named = [part for method in methods for part in ("--method", method)]
    return ("evaluate", suite, *named, "--no-costs", "--workers", 1)


def answers(run: Path) -> dict[str, bytes]:
    """Every answer file of a run."""
    return {path.name: path.read_bytes() for path in sorted((run / "answers").iterdir())}


def test_it_scores_methods_and_writes_a_report(
    cli: Cli, arguments: tuple[object, ...], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    code, out, err = cli(*arguments, "--output", run)
    assert code == 0, err
    assert "1.000" in out  # what a network finds that is set by hand to find these
    measures = json.loads((run / "measures.json").read_text())
    assert len(measures["methods"]) == 2
    assert "<html" in (run / "report.html").read_text(encoding="utf-8")
    assert list((run / "figures").glob("*.png"))


def test_two_processes_say_what_one_says(
    cli: Cli, arguments: tuple[object, ...], tmp_path: Path
) -> None:
    runs = [tmp_path / "one", tmp_path / "two"]
    for number, run in enumerate(runs, start=1):
        assert cli(*arguments[:-1], number, "--output", run)[0] == 0
    assert answers(runs[0]) == answers(runs[1])


def test_a_killed_run_goes_on(cli: Cli, arguments: tuple[object, ...], tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert cli(*arguments, "--output", whole)[0] == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "placeproof.cli.main", *map(str, arguments), "--output", killed],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if any(path.read_bytes().count(b"\n") > 3 for path in (killed / "answers").glob("*.jsonl")):
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.01)
    process.wait(timeout=60)
    with pytest.raises(ProcessLookupError):  # none of its processes outlives it for long
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.05)
    begun = sum(data.count(b"\n") - 1 for data in answers(killed).values())
    assert 0 < begun <= 2 * 2 * PLACES
    code, _, err = cli(*arguments, "--output", killed)
    assert code == 0, err
    assert answers(killed) == answers(whole)


def test_ctrl_c_keeps_what_is_done(arguments: tuple[object, ...], tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "placeproof.cli.main", *map(str, arguments), "--output", run],
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs tests in the background has its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while not (run / "answers").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "goes on" in err and "Traceback" not in err


def test_another_suite_is_refused(
    cli: Cli, arguments: tuple[object, ...], suite: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert cli(*arguments, "--output", run)[0] == 0
    before = answers(run)
    fewer = suite.with_name("fewer.csv")
    fewer.write_text("".join(suite.read_text().splitlines(keepends=True)[:-1]))
    code, _, err = cli("evaluate", fewer, *arguments[2:], "--output", run)
    assert code == EvaluationError.exit_code
    assert "other pairs" in err
    assert answers(run) == before


def test_a_folder_of_other_files_is_not_touched(
    cli: Cli, arguments: tuple[object, ...], tmp_path: Path
) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    code, _, err = cli(*arguments, "--output", tmp_path)
    assert code == EvaluationError.exit_code
    assert "no evaluation" in err


def test_runs_are_compared(cli: Cli, arguments: tuple[object, ...], tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert cli(*arguments, "--output", first)[0] == 0
    code, out, err = cli(*arguments, "--output", second, "--against", first)
    assert code == 0, err
    assert "hand-set" in out


def test_a_damaged_picture_ends_it_in_a_line(
    cli: Cli, suite: Path, checkpoint_path: Path, tmp_path: Path
) -> None:
    for path in suite.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "photo-3.png").write_text("no picture")
    code, _, err = cli(
        "evaluate", tmp_path / "pairs.csv", "--method", f"bupm={checkpoint_path}", "--no-costs",
        "--output", tmp_path / "run", "--workers", 2,
    )  # fmt: skip
    assert code == NotAnImageError.exit_code
    assert "photo-3.png" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        (("--method", "no-such"), EvaluationError, "no-such"),
        (("--method", "gem=file"), EvaluationError, "gem"),
        (("--method", "gap-cosine", "--method", "gap-cosine"), EvaluationError, "gap-cosine"),
        (("--method", "bupm=missing.safetensors"), WeightsError, "missing"),
        (("--layout", "no-such"), SuiteError, "no-such"),
        (("--against", "nowhere"), EvaluationError, "nowhere"),
    ],
)
def test_a_wrong_option_is_said_in_a_line(
    cli: Cli,
    suite: Path,
    tmp_path: Path,
    changed: tuple[str, ...],
    error: type[EvaluationError],
    said: str,
) -> None:
    code, _, err = cli("evaluate", suite, "--output", tmp_path / "run", "--no-costs", *changed)
    assert code == error.exit_code
    assert said in err and len(err.splitlines()) == 1


def test_methods_and_layouts_are_listed(cli: Cli) -> None:
    code, out, _ = cli("evaluate", "--list")
    assert code == 0
    for name in ("bupm", "netvlad", "delf", "bbs-colour", "ddis-deep", "megaloc", "shibuya", "utm"):
        assert name in out


@pytest.mark.parametrize("arguments", [("--list",), ("pairs.csv", "--output", "run")])
def test_a_missing_package_is_said_in_a_line(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    def find(name: str) -> object:
        return None if name == "utm" else name

    monkeypatch.setattr("placeproof.cli.evaluate.find_spec", find)
    code, _, err = cli("evaluate", *arguments)
    assert code == EvaluationError.exit_code
    assert "needs utm: run pip install 'placeproof[evaluate]'" in err
    assert len(err.splitlines()) == 1
