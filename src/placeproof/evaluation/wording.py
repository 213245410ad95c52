"""Measures in words and short numbers, the same in the terminal, in Markdown and on the page."""

from placeproof.evaluation.compare import Change
from placeproof.evaluation.measures import BearingMeasures, Estimate, Measures, MethodMeasures
from placeproof.metrics import Difference

VERDICT_COLUMNS = (
    "Same place: consistent",
    "inconsistent (wrong)",
    "Different: consistent (wrong)",
    "inconsistent",
    "Concluded",
    "Wrong of these",
)
_MINUS = "−"


def number(value: float, digits: int = 3) -> str:
    """``0.981``; a negative one with a real minus."""
    text = f"{value:.{digits}f}"
    return text.replace("-", _MINUS) if float(text) else text.lstrip("-")


def interval(estimate: Estimate, digits: int = 3) -> str:
    """``0.962 to 0.993``; empty where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{number(estimate.low, digits)} to {number(estimate.high, digits)}"


def with_interval(estimate: Estimate | None, digits: int = 3) -> str:
    """``0.981 (0.962 to 0.993)``; a dash where nothing was measured."""
    if estimate is None:
        return "–"
    bounds = interval(estimate, digits)
    return f"{number(estimate.value, digits)} ({bounds})" if bounds else number(estimate.value)


def difference(found: Difference) -> str:
    """``−0.120 (−0.150 to −0.090), p = 0.002``."""
    bounds = f"{signed(found.low)} to {signed(found.high)}"
    return f"{signed(found.value)} ({bounds}), {p_value(found)}"


def signed(value: float) -> str:
    """``+0.012`` or ``−0.120``; ``0.000`` has no sign."""
    text = number(value)
    return f"+{text}" if not text.startswith(_MINUS) and float(text) else text


def p_value(found: Difference) -> str:
    """``p = 0.020``."""
    return f"p = {found.p_value:.3f}" if found.p_value >= 0.0005 else "p < 0.001"


def against_best(measures: Measures, method: MethodMeasures) -> str:
    """How far a method is behind the best, in a cell of a table."""
    if method is measures.methods[0]:
        return "best"
    return "–" if method.against_best is None else difference(method.against_best)


def seconds(value: float) -> str:
    """``0.012 s``, ``4.10 s`` or ``12.3 s``."""
    return f"{value:.{3 if value < 1 else 2 if value < 10 else 1}f} s"


def megabytes(value: int | None) -> str:
    """``812 MB``; a dash where it is unknown."""
    return "–" if value is None else f"{value / 1e6:,.0f} MB"


def bearing_error(found: BearingMeasures) -> str:
    """``4.1° (3.0 to 6.2)``; a dash where no direction was given."""
    if found.median_error is None:
        return "–"
    bounds = interval(found.median_error, 1)
    return f"{number(found.median_error.value, 1)}°" + (f" ({bounds})" if bounds else "")


def change(found: Change, of: Difference) -> str:
    """What has become of a measure since an earlier run."""
    if found.equal:
        return "same scores"
    return difference(of) + (", other weights" if found.earlier_weights is not None else "")


def suite_line(measures: Measures) -> str:
    """``320 pairs: 160 of the same place, 160 of different places; 160 places``."""
    return (
        f"{measures.pairs} pairs: {measures.same} of the same place, {measures.different} of "
        f"different places; {measures.places} place{'' if measures.places == 1 else 's'}"
    )


def notes(measures: Measures) -> list[str]:
    """What a reader has to know to read the table right."""
    texts = [
        "Intervals are of 95 %, by "
        f"{measures.resamples} bootstrap draws of the {measures.places} places."
        if measures.places > 1
        else "All pairs are of one place, so that there are no intervals.",
        "Differences are of the AUC, to the best method, on the same draws. Their p values are "
        "two-sided, not corrected for the number of methods, and with so many draws never below "
        f"{2 / (measures.resamples + 1):.2g}.",
    ]
    for rate, percent in ((0.01, "1 %"), (0.001, "0.1 %")):
        if measures.different * rate < 1:
            texts.append(
                f"There are {measures.different} pairs of different places, so that {percent} "
                "false positives means no false positive at all."
            )
    return texts
