import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.matchers.arrays import from_arrays, to_arrays
from placeproof.matchers.contract import LocalFeatures


def features(count: int, seed: int, dimensions: int = 8) -> LocalFeatures:
    random = np.random.default_rng(seed)
    return LocalFeatures(
        keypoints=random.uniform(0, 100, (count, 2)).astype(np.float32),
        scores=random.normal(size=count).astype(np.float32),
        descriptors=random.normal(size=(count, dimensions)).astype(np.float32),
        width=100 + seed,
        height=90 + count,
    )


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8))
def test_what_is_stored_comes_back_unchanged(counts: list[int]) -> None:
    given_pictures = [features(count, seed) for seed, count in enumerate(counts)]
    back = from_arrays(to_arrays(given_pictures))
    assert len(back) == len(given_pictures)
    for one, other in zip(given_pictures, back, strict=True):
        for name in ("keypoints", "scores", "descriptors"):
            stored, restored = getattr(one, name), getattr(other, name)
            assert stored.dtype == restored.dtype
            np.testing.assert_array_equal(stored, restored)
        assert (one.width, one.height) == (other.width, other.height)


def test_no_picture_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        to_arrays([])
