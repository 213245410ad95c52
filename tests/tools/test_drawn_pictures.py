import numpy as np
import pytest

from drawn_pictures import DRAWN, blank_wall, document

every_kind = pytest.mark.parametrize("kind", DRAWN)


@every_kind
def test_pictures_are_drawn_by_their_seed(kind: str) -> None:
    one, again, other = (DRAWN[kind](np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one.dtype, one.ndim, one.shape[2]) == (np.uint8, 3, 3)
    assert min(one.shape[:2]) >= 200
    np.testing.assert_array_equal(one, again)
    assert one.shape != other.shape or (one != other).mean() > 0.02


@every_kind
def test_something_is_drawn(kind: str) -> None:
    if kind != "blank wall":
        contrast = [DRAWN[kind](np.random.default_rng(seed)).std() for seed in range(3)]
        assert min(contrast) > 5


def test_walls_are_blank() -> None:
    """Neighbours differ by little more than grain."""
    for seed in range(5):
        wall = blank_wall(np.random.default_rng(seed)).astype(float)
        assert np.abs(np.diff(wall, axis=1)).mean() < 12


def test_pages_are_mostly_paper() -> None:
    page = document(np.random.default_rng(1)).mean(axis=2)
    assert np.median(page) > np.quantile(page, 0.02) + 60
