"""The countries of the pairs as a bar chart (paper, Fig. 7)."""

from collections import Counter

from placeproof.countries import country_names
from placeproof.evaluation.figures.drawn import Drawn
from placeproof.evaluation.figures.style import DIFFERENT, SAME, label, new_figure, styled
from placeproof.evaluation.suite import EvaluationPair, Suite

UNKNOWN = "unknown"
_SHOWN = 30  # countries; the rest are one bar


def countries(suite: Suite) -> dict[str, Counter[bool]]:
    """How many pairs of either kind there are by country of the query, or else the reference.

    How the country is found: :mod:`placeproof.countries`.

    Returns:
        By name: how many pairs show the same place (True) and different places (False). The most
        pairs first, and those without a position last.
    """
    positions = [_position(pair) for pair in suite.pairs]
    known = list(dict.fromkeys(position for position in positions if position is not None))
    names = dict(zip(known, country_names(known), strict=True))
    counts: dict[str, Counter[bool]] = {}
    for pair, position in zip(suite.pairs, positions, strict=True):
        name = UNKNOWN if position is None else names[position]
        counts.setdefault(name, Counter())[pair.same] += 1
    ordered = sorted(counts, key=lambda name: (name == UNKNOWN, -counts[name].total(), name))
    return {name: counts[name] for name in ordered}


@styled
def draw_countries(suite: Suite) -> Drawn | None:
    """The bar chart; None where no pair has a position."""
    counts = countries(suite)
    named = [name for name in counts if name != UNKNOWN]
    if not named:
        return None
    bars = {name: counts[name] for name in named[:_SHOWN]}
    rest = sum((counts[name] for name in named[_SHOWN:]), Counter())
    if rest:
        bars[f"{len(named) - _SHOWN} more countries"] = rest
    if UNKNOWN in counts:
        bars[UNKNOWN] = counts[UNKNOWN]
    figure = new_figure(9, 1.4 + 0.3 * len(bars))
    axes = figure.add_subplot()
    left = [0] * len(bars)
    for same, colour, what in ((True, SAME, "same place"), (False, DIFFERENT, "different places")):
        widths = [count[same] for count in bars.values()]
        axes.barh(list(map(label, bars)), widths, left=left, color=colour, label=what)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    for row, total in enumerate(left):
        axes.annotate(
            str(total), (total, row), xytext=(4, 0), textcoords="offset points", va="center"
        )
    axes.invert_yaxis()
    axes.set_xlabel("Pairs")
    axes.margins(x=0.08)
    axes.legend(loc="lower right", ncols=2, bbox_to_anchor=(1, 1))
    first = named[0]
    return Drawn(
        name="countries",
        title="Countries of the pairs",
        alt=f"Bar chart of the pairs by country: {len(named)} "
        f"{'country' if len(named) == 1 else 'countries'}, most pairs in {first} "
        f"({counts[first].total()} of {len(suite.pairs)}).",
        caption="As in Fig. 7 of the paper: where the photos were taken, by the nearest town "
        "(GeoNames). Pairs without a known position count as unknown.",
        figure=figure,
    )


def _position(pair: EvaluationPair) -> tuple[float, float] | None:
    location = pair.query_location or pair.reference_location
    return None if location is None else (location.latitude, location.longitude)
