"""All figures of an evaluation, one after the other."""

from collections.abc import Iterator, Sequence

from placeproof.evaluation.figures.cost import draw_cost
from placeproof.evaluation.figures.countries import draw_countries
from placeproof.evaluation.figures.curves import draw_curves
from placeproof.evaluation.figures.drawn import Drawn
from placeproof.evaluation.figures.errors import draw_errors
from placeproof.evaluation.figures.grid import draw_grid
from placeproof.evaluation.figures.histograms import draw_histograms
from placeproof.evaluation.figures.reliability import draw_reliability
from placeproof.evaluation.figures.thumbnails import Thumbnails
from placeproof.evaluation.measures import Measures
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite


def draw_all(suite: Suite, results: Sequence[MethodResult], measures: Measures) -> Iterator[Drawn]:
    """Draws every figure that there is something for, when it is asked for.

    Args:
        suite: The pairs.
        results: What each method says of them, in the order that gives the methods their colours.
        measures: Of the same.

    Raises:
        PlaceproofError: If a picture cannot be read.
    """
    thumbnails = Thumbnails()
    by_name = {result.name: result for result in results}
    charts = (
        draw_curves(suite, results),
        draw_cost(measures, results),
        draw_histograms(suite, results),
        draw_reliability(suite, results),
        draw_countries(suite),
        draw_grid(suite, results, thumbnails),
    )
    yield from (drawn for drawn in charts if drawn is not None)
    for method in measures.methods:
        yield draw_errors(suite, by_name[method.name], thumbnails)
