"""An evaluation as one self-contained web page, and its figures as files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from placeproof.errors import StorageError
from placeproof.evaluation import wording
from placeproof.evaluation.compare import RunComparison
from placeproof.evaluation.figures.drawn import Drawn
from placeproof.evaluation.figures.gallery import draw_all
from placeproof.evaluation.measures import Measures
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.files import write_atomically
from placeproof.report.page import data_uri, render_page

REPORT = "report.html"
FIGURES = "figures"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What it takes to do a run again.

    Attributes:
        command: The command line.
        started: When, in words.
        machine: On what, in words: processor, cores, system.
        versions: Of placeproof, Python and the packages that count, by name.
    """

    command: str
    started: str
    machine: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure of the page; ``source`` is a data URI."""

    drawn: Drawn
    source: str


def write_report(
    suite: Suite,
    results: Sequence[MethodResult],
    measures: Measures,
    facts: RunFacts,
    folder: Path,
    comparison: RunComparison | None = None,
) -> Path:
    """Writes a page that needs no other file, no network and no script; figures as files beside.

    Args:
        suite: The pairs.
        results: What each method says of them, in the order that gives the methods their colours.
        measures: Of the same.
        facts: How to do it again.
        folder: An existing folder; it gets ``report.html`` and ``figures/``.
        comparison: With an earlier run, if there is one.

    Returns:
        The page's path.

    Raises:
        StorageError: If a file cannot be written.
        PlaceproofError: If a picture cannot be read.
    """
    figures = _write_figures(suite, results, measures, folder / FIGURES)
    errors = [figure for name, figure in figures.items() if name.startswith("errors-")]
    page = render_page(
        "evaluation/report.html",
        m=measures,
        facts=facts,
        figures=figures,
        errors=errors,
        concluding=[x for x in measures.methods if x.verdicts is not None],
        localizing=[x for x in measures.methods if x.masks or x.boxes or x.bearings],
        timed=[x for x in measures.methods if x.cost is not None],
        comparison=comparison,
        w=wording,
    )
    path = folder / REPORT
    write_atomically(path, page)
    return path


def _write_figures(
    suite: Suite, results: Sequence[MethodResult], measures: Measures, folder: Path
) -> dict[str, _Figure]:
    """Draws all figures, writes each to a file, and keeps it as a data URI, by its name."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make '{folder}': {error.strerror}") from error
    figures = {}
    for drawn in draw_all(suite, results, measures):
        data = drawn.encoded()
        write_atomically(folder / drawn.file_name, data)
        figures[drawn.name] = _Figure(drawn, data_uri(data, drawn.media_type))
    return figures
