"""The steps of the training of the first weights, on data made by code."""

import numpy as np
import pytest
import torch

import train_first_weights
from placeproof.location import Location
from placeproof.network.bupm import Bupm
from street_pairs import NEAR_M, Pair, Panorama, development_groups, near
from train_first_weights import (
    FALSE_RATE,
    MISS_RATE,
    calibrate,
    labels,
    logits,
    measure,
    rate_bound,
    round_to_half,
    train_decision,
    train_detector,
    whitening,
)

GRID = (12, 24)


def panorama(name: str, group: str, latitude: float | None) -> Panorama:
    location = None if latitude is None else Location(latitude, 7.0)
    return Panorama(
        name, group, location, "CC0", np.zeros((2, 4, 3), np.uint8), torch.zeros(1, 1, 1)
    )


def scores(photo: int, kind: str, random: np.random.Generator) -> Pair:
    """Best-match scores as they look: high where the photo's content is, low elsewhere."""
    reference = random.normal(0.2, 0.04, GRID)
    query = random.normal(0.25, 0.05, (6, 8))
    mask = np.zeros(GRID)
    if kind != "other":
        strength = 0.3 if kind == "own" else 0.06
        mask[4:9, 6:12] = 1.0
        reference += strength * mask
        query += strength
    tensors = [torch.from_numpy(a).float() for a in (reference, query, mask)]
    return Pair(photo, kind, tensors[0], tensors[1], None if kind == "near" else tensors[2])


@pytest.fixture(scope="module")
def trained() -> tuple[Bupm, list[Pair]]:
    """A network after both phases, shorter than the real ones, and pairs it never saw."""
    random = np.random.default_rng(0)
    training, fresh = (
        [
            scores(photo, kind, random)
            for photo in range(60)
            for kind in ("own", "near", "other", "other")
        ]
        for _ in range(2)
    )
    torch.manual_seed(0)
    network = Bupm("test_resnet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_first_weights, "MASK_STEPS", 1200)
        patch.setattr(train_first_weights, "DECISION_STEPS", 400)
        train_detector(network, training, random)
        train_decision(network, training, random)
    return network, fresh


def test_whitening_decorrelates_and_counts_each_part_the_same() -> None:
    torch.manual_seed(0)
    mixed = torch.randn(10, 10) @ torch.randn(10, 7 * 4000) + 3
    few = mixed[:, : 7 * 400] - 20.0
    matrix, offset = whitening(
        [[mixed.reshape(10, 7, 4000)], [few.reshape(10, 7, 400), few.reshape(10, 7, 400)]], 6
    )
    white = [matrix @ part + offset[:, None] for part in (mixed, few)]
    both = torch.cat((white[0], white[1].repeat(1, 10)), dim=1)
    assert both.mean(dim=1).abs().max() < 0.05
    covariance = torch.cov(both)
    assert torch.allclose(covariance, torch.eye(6) * covariance.diag(), atol=0.05)
    assert 0.5 < covariance.diag().min() <= covariance.diag().max() < 1.05


def test_the_detector_finds_the_region_and_the_head_the_place(
    trained: tuple[Bupm, list[Pair]],
) -> None:
    metrics = measure(*trained)
    assert metrics["development photos against own panoramas: AUC"] > 0.99
    assert metrics["development photos against near panoramas: AUC"] > 0.8
    assert metrics["development photos against own panoramas: mask IoU"] > 0.8


def test_thresholds_keep_their_error_rates(trained: tuple[Bupm, list[Pair]]) -> None:
    network, pairs = trained
    operation = calibrate(network, pairs)
    probabilities = 1 / (1 + np.exp(-logits(network, pairs) / operation.temperature))
    same, close = labels(pairs), np.array([pair.kind == "near" for pair in pairs])
    wrong = {
        p.photo
        for p, high in zip(pairs, ~same & (probabilities >= operation.consistent_from), strict=True)
        if high
    }
    assert len(wrong) <= FALSE_RATE * 60
    assert (probabilities[close] <= operation.inconsistent_to).mean() <= MISS_RATE
    assert operation.inconsistent_to <= 0.5 <= operation.consistent_from
    # Calibrated at even odds: any other temperature makes the probabilities worse.
    signed = np.where(same, 1.0, -1.0) * logits(network, pairs) / operation.temperature
    losses = [
        np.logaddexp(0, -signed[same] * factor).mean()
        + np.logaddexp(0, -signed[~same] * factor).mean()
        for factor in (0.8, 1.0, 1.25)
    ]
    assert losses[1] == min(losses)


def test_at_most_the_allowed_share_reaches_the_bound() -> None:
    values = np.arange(200.0)
    assert rate_bound(values, 0.02) == 195.5
    tied = np.array([1.0] * 90 + [2.0] * 10)  # more than allowed are equal: none of them may
    assert (tied >= rate_bound(tied, 0.05)).sum() == 0
    assert (tied >= rate_bound(tied, 0.10)).sum() == 10


def test_rounding_changes_nothing_but_the_last_digits() -> None:
    torch.manual_seed(0)
    network = Bupm("test_resnet", 8)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        round_to_half(network)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, tensor.half().to(tensor.dtype))
        assert torch.allclose(tensor.float(), before[name].float(), rtol=1e-3, atol=1e-6)


def test_near_needs_positions() -> None:
    here = panorama("a", "x", 50.0)
    assert near(here, panorama("b", "x", 50.0 + 0.9 * NEAR_M / 111_200))
    assert not near(here, panorama("c", "x", 50.0 + 1.1 * NEAR_M / 111_200))
    assert not near(here, panorama("d", "x", None))
    assert not near(here, here)


def test_groups_are_held_out_whole_and_always_the_same() -> None:
    panoramas = [panorama(f"{g}{n}", f"group {g}", None) for g in range(20) for n in range(3)]
    panoramas += [
        panorama(f"near {g}{n}", f"near {g}", g + n * 5e-5) for g in range(6) for n in range(2)
    ]
    held_out = development_groups(panoramas)
    assert held_out == development_groups(panoramas[::-1])
    assert len(held_out) == 5 + 3
    assert sum(group.startswith("near") for group in held_out) == 3
