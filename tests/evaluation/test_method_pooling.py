"""Global descriptors: worked out by hand, and what does not change them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from placeproof.evaluation.methods.global_pooling import (
    GEM_FLOOR,
    GapCosine,
    Gem,
    generalized_mean,
)
from placeproof.evaluation.methods.mean_max_cosine import MeanMaxCosineImagenet


@pytest.fixture(scope="module")
def gap() -> GapCosine:
    return GapCosine()


@pytest.fixture(scope="module")
def gem() -> Gem:
    return Gem()


def kept(values: object) -> dict[str, NDArray[np.generic]]:
    return {"map": np.array(values, dtype=np.float32), "size": np.array([32, 16])}


def test_average_pooling_by_hand(gap: GapCosine) -> None:
    query = kept([[[1.0, 3.0]], [[0.0, 0.0]]])  # mean (2, 0)
    reference = kept([[[3.0, 3.0]], [[8.0, 0.0]]])  # mean (3, 4)
    answer = gap.compare(query, reference, panorama=True)
    assert answer.score == pytest.approx(0.6)
    assert answer.query_mask is answer.reference_mask is answer.box is answer.yaw is None
    assert answer.probability is None


def test_generalized_mean_by_hand(gem: Gem) -> None:
    pooled = generalized_mean(torch.tensor([[[2.0, 2.0]], [[0.0, 2.0]], [[-5.0, -1.0]]]))
    torch.testing.assert_close(pooled, torch.tensor([2.0, 4 ** (1 / 3), GEM_FLOOR]))
    query = kept([[[1.0, 1.0]], [[0.0, 0.0]]])  # (1, 0)
    reference = kept([[[3.0, 3.0]], [[4.0, -4.0]]])  # (3, 32 ** (1/3))
    answer = gem.compare(query, reference, panorama=False)
    assert answer.score == pytest.approx(3 / np.hypot(3, 32 ** (1 / 3)), abs=1e-5)


@settings(max_examples=50)
@given(seed=st.integers(0, 1000), height=st.integers(1, 5), width=st.integers(1, 7))
def test_generalized_mean_lies_between_mean_and_maximum(seed: int, height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.rand((4, height, width), generator=generator) + 0.1
    pooled = generalized_mean(features)
    assert (pooled >= features.mean(dim=(1, 2)) - 1e-5).all()
    assert (pooled <= features.amax(dim=(1, 2)) + 1e-5).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), turn=st.integers(0, 11))
def test_where_a_panorama_begins_makes_no_difference(
    gap: GapCosine, gem: Gem, seed: int, turn: int
) -> None:
    random = np.random.default_rng(seed)
    query, reference = random.normal(size=(6, 3, 4)), random.normal(size=(6, 6, 12))
    for method in (gap, gem):
        scores = [
            method.compare(kept(query), kept(turned), panorama=True).score
            for turned in (reference, np.roll(reference, turn, axis=2))
        ]
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_the_same_picture_scores_highest(gap: GapCosine, gem: Gem) -> None:
    random = np.random.default_rng(0)
    one, other = (random.integers(0, 256, (s, 96, 3), dtype=np.uint8) for s in (64, 96))
    other[:, 40:] = 30
    for method in (gap, gem):
        query, reference = (method.features(p, panorama=False) for p in (one, other))
        same = method.compare(query, query, panorama=False).score
        assert same == pytest.approx(1, abs=1e-5)
        assert method.compare(query, reference, panorama=False).score < same - 0.01
        again = method.compare(method.features(one, panorama=False), reference, panorama=False)
        assert again.score == method.compare(query, reference, panorama=False).score


def test_names_and_shared_features(gap: GapCosine, gem: Gem) -> None:
    assert (gap.name, gem.name) == ("gap-cosine", "gem")
    assert gap.features_key == gem.features_key == MeanMaxCosineImagenet().features_key
    assert gem.weights.startswith("Not the published ones")
