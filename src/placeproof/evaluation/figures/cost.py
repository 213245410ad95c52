"""What a method's AUC costs: seconds a pair."""

from collections.abc import Sequence

from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from placeproof.evaluation.figures.drawn import Drawn
from placeproof.evaluation.figures.style import SOFT, label, looks, new_figure, styled
from placeproof.evaluation.measures import Measures
from placeproof.evaluation.scored import MethodResult

_SHORTEST = 1e-4  # seconds: below, a logarithmic scale would show nothing but the clock


@styled
def draw_cost(measures: Measures, results: Sequence[MethodResult]) -> Drawn | None:
    """AUC against seconds a pair, cold and cached; None where no cost was measured."""
    timed = [(method, method.cost) for method in measures.methods if method.cost is not None]
    if not timed:
        return None
    look = looks(results)
    figure = new_figure(9.5, max(4.2, 1.6 + 0.26 * len(timed)))
    axes = figure.add_subplot()
    handles = []
    for method, cost in timed:
        colour, marker = look[method.name].colour, look[method.name].marker
        auc = method.auc
        cached, cold = (max(_SHORTEST, s) for s in (cost.cached_seconds, cost.cold_seconds))
        axes.plot([cached, cold], [auc.value, auc.value], color=colour, linewidth=1.2)
        if auc.low is not None and auc.high is not None:
            axes.plot([cold, cold], [auc.low, auc.high], color=colour, linewidth=1.2)
        for x, fill in ((cached, "white"), (cold, colour)):
            axes.plot(
                x, auc.value, marker, color=colour, markerfacecolor=fill, markersize=8, zorder=3
            )
        handles.append(
            Line2D([], [], color=colour, marker=marker, markersize=8, label=label(method.title))
        )
    for fill, what in ((SOFT, "nothing kept"), ("white", "reference's features kept")):
        handles.append(
            Line2D([], [], color=SOFT, marker="o", markerfacecolor=fill, linewidth=0, label=what)
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set(xlabel="Seconds a pair", ylabel="AUC")
    axes.grid(visible=True)
    figure.legend(handles=handles, loc="outside right upper")
    fastest = min(timed, key=lambda entry: entry[1].cold_seconds)[0]
    return Drawn(
        name="cost",
        title="Accuracy and cost",
        alt=f"AUC against seconds a pair of {len(timed)} methods. The fastest is {fastest.title}; "
        "all numbers are in the tables.",
        caption="Filled: seconds for a pair of which nothing is kept. Hollow: where the features "
        "of the reference are kept, as those of a library are. Vertical bars: 95 % interval of "
        "the AUC.",
        figure=figure,
    )
