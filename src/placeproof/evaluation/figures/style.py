"""What all figures have in common: fonts, and one colour, line and marker for each method."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from matplotlib import font_manager, style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from placeproof.evaluation.scored import MethodResult
from placeproof.report.describe import printable

# Okabe and Ito's colours, which the colour-blind can tell apart, without the yellow, which is too
# pale for lines on white. Where they run out, lines and markers change.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_LINES = ("solid", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))
_MARKERS = ("o", "s", "^", "D")
SAME, DIFFERENT = "#0072B2", "#D55E00"  # pairs of the same place, and of different places
SOFT = "#6b7480"  # of what is no method's: guides and notes
DPI = 110
_LONGEST = 44  # characters of a label: longer ones leave no room for what they label

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#dfe3e8",
    "legend.frameon": False,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "text.parse_math": False,  # a $ in a name is a $
}

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Look:
    """How a method is drawn, the same in all figures."""

    colour: str
    line: str | tuple[float, tuple[float, ...]]
    marker: str


def looks(results: Sequence[MethodResult]) -> dict[str, Look]:
    """The look of each method by its name, by its place among the results."""
    found = {}
    for number, result in enumerate(results):
        turn = number // len(COLOURS)
        found[result.name] = Look(
            COLOURS[number % len(COLOURS)],
            _LINES[turn % len(_LINES)],
            _MARKERS[turn % len(_MARKERS)],
        )
    return found


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Runs a function in this style, whatever the user's own settings of matplotlib are."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        with style.context(_STYLE, after_reset=True):
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, inches, that makes room for its labels by itself."""
    return Figure(figsize=(width, height), layout="constrained")


def small_multiples(
    count: int, columns: int, width: float, height: float
) -> tuple[Figure, list[Axes]]:
    """A figure of ``count`` equal panels in rows of ``columns``; sizes of one panel in inches."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = new_figure(max(columns, 2) * width, rows * height)
    panels = [figure.add_subplot(rows, columns, number + 1) for number in range(count)]
    return figure, panels


def label(text: str) -> str:
    """A short text of what the figures' font can draw; anything else becomes a question mark."""
    known = _characters()
    shown = "".join(c if ord(c) in known else "?" for c in printable(text))
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


@functools.cache
def _characters() -> frozenset[int]:
    path = font_manager.findfont("DejaVu Sans", fallback_to_default=True)
    return frozenset(font_manager.get_font(path).get_charmap())
