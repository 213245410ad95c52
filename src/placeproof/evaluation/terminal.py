"""The measures for the terminal: complete in 80 columns, and without colour."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from placeproof.evaluation.compare import RunComparison
from placeproof.evaluation.measures import Measures, MethodMeasures
from placeproof.evaluation.wording import (
    change,
    interval,
    megabytes,
    notes,
    number,
    seconds,
    suite_line,
)
from placeproof.report.describe import printable


def print_measures(
    measures: Measures, console: Console, comparison: RunComparison | None = None
) -> None:
    """Prints the methods by AUC, how they localize, what they cost, and what has changed."""
    console.print(Text(printable(measures.suite), "bold"))
    console.print(Text(suite_line(measures)))
    console.print()
    console.print(_verification(measures))
    for note in notes(measures):
        console.print(Text(note, "dim"))
    for table in (
        _verdicts(measures),
        _localization(measures),
        _cost(measures),
        _changes(comparison),
    ):
        if table is not None:
            console.print()
            console.print(table)


def _verification(measures: Measures) -> Table:
    table = _table("", "Method", "AUC", "95 %", "AP", "TPR 1 %", "Behind", "p")
    for method in measures.methods:
        behind = method.against_best
        table.add_row(
            Text(printable(method.title)),
            number(method.auc.value),
            interval(method.auc).replace(" to ", "–"),
            number(method.average_precision.value),
            number(method.found_at_1_percent.value),
            "" if behind is None else number(-behind.value),
            "" if behind is None else number(behind.p_value),
        )
    return table


def _verdicts(measures: Measures) -> Table | None:
    found = [(m.title, m.verdicts) for m in measures.methods if m.verdicts is not None]
    if not found:
        return None
    names = ("Method", "Same: yes", "no", "Different: yes", "no", "Concluded", "Wrong")
    table = _table("Verdicts: shares; the rest is inconclusive", *names)
    for title, verdicts in found:
        table.add_row(
            Text(printable(title)),
            number(verdicts.same_consistent.value),
            number(verdicts.same_inconsistent.value),
            number(verdicts.different_consistent.value),
            number(verdicts.different_inconsistent.value),
            number(verdicts.coverage.value),
            "–" if verdicts.error is None else number(verdicts.error.value),
        )
    return table


def _localization(measures: Measures) -> Table | None:
    found = [m for m in measures.methods if m.masks or m.boxes or m.bearings]
    if not found:
        return None
    names = ("Method", "Mask IoU", "Mask hits", "Box IoU", "Box hits", "Bearing", "In 30°")
    table = _table("Localization", *names)
    for method in found:
        table.add_row(Text(printable(method.title)), *_located(method))
    return table


def _located(method: MethodMeasures) -> list[str]:
    cells: list[str] = []
    for overlap in (method.masks, method.boxes):
        cells += (
            ["–", "–"]
            if overlap is None
            else [number(overlap.iou.value, 2), number(overlap.hits.value, 2)]
        )
    if method.bearings is None:
        return [*cells, "–", "–"]
    median = method.bearings.median_error
    error = "–" if median is None else f"{number(median.value, 1)}°"
    return [*cells, error, number(method.bearings.within.value, 2)]


def _cost(measures: Measures) -> Table | None:
    timed = [(method.title, method.cost) for method in measures.methods if method.cost is not None]
    if not timed:
        return None
    table = _table("Cost of a pair", "Method", "Cold", "Reference kept", "Peak memory")
    for title, cost in timed:
        table.add_row(
            Text(printable(title)),
            seconds(cost.cold_seconds),
            seconds(cost.cached_seconds),
            megabytes(cost.peak_memory_bytes),
        )
    return table


def _changes(comparison: RunComparison | None) -> Table | None:
    if comparison is None:
        return None
    table = _table(f"Against {printable(comparison.earlier)}", "Method", "AUC", "Before", "Change")
    for found in comparison.changes:
        table.add_row(
            Text(printable(found.title)),
            number(found.auc),
            number(found.earlier_auc),
            change(found, found.auc_difference),
        )
    return table


def _table(title: str, *names: str) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=Text(title) if title else None,
        title_justify="left",
    )
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name != "Method")
    return table
