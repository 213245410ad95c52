"""Best-Buddies Similarity: by hand, and against a literal reading of the paper."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from placeproof.evaluation.methods.bbs import (
    LOCATION_WEIGHT,
    BbsColour,
    BbsDeep,
    best_buddies,
    window_scores,
)

Grid = NDArray[np.float64]


def literal_score(template: Grid, window: Grid) -> float:
    """The paper's definition, point by point; of equally near points the first is the nearest."""
    height, width = template.shape[:2]
    places = [(row, column) for row in range(height) for column in range(width)]

    def distance(p: tuple[int, int], q: tuple[int, int]) -> float:
        appearance = sum((a - b) ** 2 for a, b in zip(template[p], window[q], strict=True))
        down, right = (p[0] - q[0]) / height, (p[1] - q[1]) / width
        return float(appearance + LOCATION_WEIGHT * (down**2 + right**2))

    pairs = 0
    for p in places:
        nearest = min(places, key=lambda q, p=p: distance(p, q))  # of p in the window
        back = min(places, key=lambda other, q=nearest: distance(other, q))
        pairs += back == p
    return pairs / len(places)


def test_location_weight_is_the_published_one() -> None:
    assert LOCATION_WEIGHT == 0.25


def test_pairs_worked_out_by_hand() -> None:
    # The window's first and second point both like the template's first, which likes the first
    # best; the third pair is mutual.
    distance = np.array([[1.0, 9.0, 8.0], [2.0, 9.0, 8.0], [5.0, 6.0, 3.0]])
    assert best_buddies(distance).tolist() == [True, False, True]
    # Of two equally near points of the window either may be the best buddy; it counts once.
    assert best_buddies(np.array([[1.0, 2.0], [1.0, 2.0]])).tolist() == [True, False]


def test_a_row_of_three_worked_out_by_hand() -> None:
    """Template 0, 10, 20 in one channel; the window 0, 20, 20: its middle has lost its own."""
    template = np.array([[[0.0], [10.0], [20.0]]])
    window = np.array([[[0.0], [20.0], [20.0]]])
    # 20 in the middle is nearer to the template's 20, but that prefers the 20 at its own place.
    assert window_scores(template, window).tolist() == [[pytest.approx(2 / 3)]]
    assert literal_score(template, window) == pytest.approx(2 / 3)


def test_places_decide_where_looks_do_not() -> None:
    flat = np.zeros((3, 4, 2))
    assert window_scores(flat, flat)[0, 0] == 1
    # Unlike enough, one point of the window is nearest to all the same points of the template.
    swapped = np.array([[[0.0], [0.4]]]), np.array([[[0.4], [0.0]]])
    # |0.4|^2 = 0.16 in looks against 0.25 * (1/2)^2 = 0.0625 in places: looks win.
    assert window_scores(*swapped)[0, 0] == 1
    mask = BbsColour().template_mask(*(grid.astype(np.float32) for grid in swapped))
    assert mask.tolist() == [[1.0, 1.0]]


@settings(max_examples=40)
@given(
    template=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    extra=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    channels=st.integers(1, 3),
    seed=st.integers(0, 10000),
)
def test_it_agrees_with_the_literal_definition(
    template: tuple[int, int], extra: tuple[int, int], channels: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    height, width = template
    sought = random.normal(size=(height, width, channels))
    searched = random.normal(size=(height + extra[0], width + extra[1], channels))
    scores = window_scores(sought, searched)
    assert scores.shape == (extra[0] + 1, extra[1] + 1)
    assert scores.dtype == np.float32
    for top, left in np.ndindex(scores.shape):
        window = searched[top : top + height, left : left + width]
        assert scores[top, left] == pytest.approx(literal_score(sought, window))


def test_the_mask_has_the_points_that_the_score_counts() -> None:
    random = np.random.default_rng(0)
    template, window = random.normal(size=(2, 5, 4, 3))
    mask = BbsColour().template_mask(template, window)
    assert mask.shape == (5, 4)
    assert mask.dtype == np.float32
    assert set(np.unique(mask)) == {0, 1}
    assert mask.mean() == pytest.approx(literal_score(template, window))


def test_names_and_weights() -> None:
    colour, deep = BbsColour(), BbsDeep()
    assert (colour.name, deep.name) == ("bbs-colour", "bbs-deep")
    assert colour.features_key != deep.features_key
    assert deep.weights.startswith("not the VGG-19")
