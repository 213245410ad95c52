"""Deformable Diversity Similarity: by hand, and against a literal reading of the paper."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from placeproof.evaluation.methods.ddis import DdisColour, DdisDeep, contributions, nearest_points

Grid = NDArray[np.float64]


@pytest.fixture(scope="module")
def colour() -> DdisColour:
    return DdisColour()


def literal_score(template: Grid, window: Grid) -> float:
    """The paper's definition, point by point."""
    places = list(np.ndindex(template.shape[:2]))

    def nearest(q: tuple[int, ...]) -> tuple[int, ...]:
        return min(places, key=lambda p: float(((template[p] - window[q]) ** 2).sum()))

    matched = {q: nearest(q) for q in places}
    total = 0.0
    for q, p in matched.items():
        kappa = sum(other == p for other in matched.values())
        total += math.exp(1 - kappa) / (1 + math.dist(q, p))
    return total / len(places)


def test_a_row_of_three_worked_out_by_hand(colour: DdisColour) -> None:
    template = np.array([[[0.0], [10.0], [20.0]]], dtype=np.float32)
    window = np.array([[[1.0], [19.0], [21.0]]], dtype=np.float32)
    # Nearest points 0, 2, 2: kappa 1, 2, 2 and r 0, 1, 0.
    expected = [1.0, math.exp(-1) / 2, math.exp(-1)]
    assert nearest_points(template, window).tolist() == [[0, 2, 2]]
    np.testing.assert_allclose(contributions(np.array([[0, 2, 2]]), 1, 3), [expected])
    assert colour.window_scores(template, window) == pytest.approx(sum(expected) / 3)
    np.testing.assert_allclose(colour.template_mask(template, window), [[1, 0, math.exp(-1)]])


def test_deformation_is_counted_in_cells_down_and_across() -> None:
    # Each point of a 2 x 2 window finds the template's point diagonally opposite, or the one below.
    diagonal = contributions(np.array([[3, 2, 1, 0]]), 2, 2)
    np.testing.assert_allclose(diagonal, np.full((1, 4), 1 / (1 + math.sqrt(2))))
    below = contributions(np.array([[2, 3, 0, 1]]), 2, 2)
    np.testing.assert_allclose(below, np.full((1, 4), 0.5))


@settings(max_examples=40)
@given(
    template=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    extra=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    channels=st.integers(1, 3),
    seed=st.integers(0, 10000),
)
def test_it_agrees_with_the_literal_definition(
    colour: DdisColour,
    template: tuple[int, int],
    extra: tuple[int, int],
    channels: int,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    height, width = template
    sought = random.normal(size=(height, width, channels))
    searched = random.normal(size=(height + extra[0], width + extra[1], channels))
    scores = colour.window_scores(sought, searched)
    assert scores.shape == (extra[0] + 1, extra[1] + 1)
    assert scores.dtype == np.float32
    for top, left in np.ndindex(scores.shape):
        window = searched[top : top + height, left : left + width]
        assert scores[top, left] == pytest.approx(literal_score(sought, window), rel=1e-5)


def test_names_and_weights() -> None:
    colour, deep = DdisColour(), DdisDeep()
    assert (colour.name, deep.name) == ("ddis-colour", "ddis-deep")
    assert colour.weights == "none: pixels as they are"
    assert deep.weights.startswith("not the VGG-19")
