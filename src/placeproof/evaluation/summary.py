"""The measures as Markdown: to paste into an issue, a paper's appendix or a commit."""

from collections.abc import Sequence

from placeproof.evaluation.compare import RunComparison
from placeproof.evaluation.measures import Measures
from placeproof.evaluation.wording import (
    VERDICT_COLUMNS,
    against_best,
    bearing_error,
    change,
    megabytes,
    notes,
    number,
    seconds,
    suite_line,
    with_interval,
)
from placeproof.report.describe import printable


def markdown(measures: Measures, comparison: RunComparison | None = None) -> str:
    """Headings, tables and notes in GitHub's Markdown, ending with a line feed."""
    parts = [
        f"# {_text(measures.suite)}",
        _text(measures.about),
        suite_line(measures),
        "## Telling the same place from others",
        _verification(measures),
        "\n".join(f"- {note}" for note in notes(measures)),
    ]
    if any(method.verdicts for method in measures.methods):
        parts += ["## Verdicts", _verdicts(measures)]
    if any(method.masks or method.boxes or method.bearings for method in measures.methods):
        parts += ["## Localization", _localization(measures)]
    if any(method.cost for method in measures.methods):
        parts += ["## Cost of a pair", _cost(measures)]
    parts += ["## Methods", _methods(measures)]
    if comparison is not None:
        parts += [f"## Against {_text(comparison.earlier)}", _changes(comparison)]
    return "\n\n".join(parts) + "\n"


def _verification(measures: Measures) -> str:
    rows = [
        [
            _text(m.title),
            with_interval(m.auc),
            with_interval(m.average_precision),
            with_interval(m.found_at_1_percent),
            with_interval(m.found_at_01_percent),
            with_interval(m.ece),
            with_interval(m.brier),
            against_best(measures, m),
        ]
        for m in measures.methods
    ]
    names = "Method|AUC|AP|TPR at 1 % FPR|TPR at 0.1 % FPR|ECE|Brier|AUC against the best"
    return _table(names.split("|"), rows)


def _verdicts(measures: Measures) -> str:
    rows = [
        [
            _text(m.title),
            with_interval(found.same_consistent),
            with_interval(found.same_inconsistent),
            with_interval(found.different_consistent),
            with_interval(found.different_inconsistent),
            with_interval(found.coverage),
            with_interval(found.error),
        ]
        for m in measures.methods
        if (found := m.verdicts) is not None
    ]
    return _table(["Method", *VERDICT_COLUMNS], rows)


def _localization(measures: Measures) -> str:
    rows = []
    for m in measures.methods:
        if not (m.masks or m.boxes or m.bearings):
            continue
        row = [_text(m.title)]
        for found in (m.masks, m.boxes):
            row += (
                ["–"] * 2
                if found is None
                else [
                    f"{with_interval(found.iou)}, {found.pairs} pairs",
                    with_interval(found.hits),
                ]
            )
        row += (
            ["–"] * 2
            if m.bearings is None
            else [
                f"{bearing_error(m.bearings)}, {m.bearings.answered} of {m.bearings.pairs} pairs",
                with_interval(m.bearings.within),
            ]
        )
        rows.append(row)
    names = "Method|Mask IoU|Mask hits|Box IoU|Box hits|Median bearing error|Within 30°"
    return _table(names.split("|"), rows)


def _cost(measures: Measures) -> str:
    rows = [
        [
            _text(m.title),
            seconds(m.cost.cold_seconds),
            seconds(m.cost.cached_seconds),
            megabytes(m.cost.peak_memory_bytes),
            str(m.cost.threads),
        ]
        for m in measures.methods
        if m.cost is not None
    ]
    return _table(["Method", "Cold", "Reference kept", "Peak memory", "Threads"], rows)


def _methods(measures: Measures) -> str:
    return "\n".join(
        f"- **{_text(m.title)}** (`{m.name}`). {_text(m.source)}. Weights: {_text(m.weights)}"
        for m in measures.methods
    )


def _changes(comparison: RunComparison) -> str:
    rows = [
        [
            _text(found.title),
            number(found.auc),
            number(found.earlier_auc),
            change(found, found.auc_difference),
            change(found, found.average_precision_difference),
        ]
        for found in comparison.changes
    ]
    return _table(["Method", "AUC", "Earlier AUC", "Change of AUC", "Change of AP"], rows)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _text(text: str) -> str:
    """A text that Markdown takes as it is, in one line."""
    shown = printable(text)
    for character in "\\`*_[]<>|#":
        shown = shown.replace(character, f"\\{character}")
    return shown
