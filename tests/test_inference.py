from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from placeproof.inference import Inference
from placeproof.network.checkpoint import Checkpoint, load_checkpoint

STRIDE = 32


@pytest.fixture(scope="module")
def checkpoint(checkpoint_path: Path) -> Checkpoint:
    return load_checkpoint(checkpoint_path)


@pytest.fixture(scope="module")
def inference(checkpoint: Checkpoint) -> Inference:
    return Inference(checkpoint)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(width=st.integers(32, 20000), height=st.integers(32, 20000))
def test_photos_are_scaled_by_their_longer_side(
    inference: Inference, width: int, height: int
) -> None:
    seen = inference.photo_size(width, height)
    assert max(seen) == inference.operation.photo_side
    assert min(seen) >= STRIDE
    if min(seen) > STRIDE:
        assert min(seen) == pytest.approx(
            max(seen) * min(width, height) / max(width, height), abs=1
        )
    assert inference.photo_size(height, width) == seen[::-1]


def test_panoramas_are_twice_as_wide_as_high(inference: Inference) -> None:
    assert inference.panorama_size == (1024, 512)


@pytest.mark.parametrize("size", [(320, 256), (33, 320), (320, 97), (32, 32)])
def test_features_have_one_vector_a_patch(inference: Inference, size: tuple[int, int]) -> None:
    features = inference.features(noise(123, 77), size, wraps=False)
    assert features.shape == (96, -(-size[1] // STRIDE), -(-size[0] // STRIDE))
    assert features.dtype == torch.float32
    assert not features.requires_grad


def test_features_of_a_turned_panorama_are_turned(inference: Inference) -> None:
    panorama = noise(512, 1024)
    features, turned = (
        inference.features(pixels, (1024, 512), wraps=True)
        for pixels in (panorama, np.roll(panorama, 3 * STRIDE, axis=1))
    )
    torch.testing.assert_close(turned, features.roll(3, dims=2), atol=1e-4, rtol=0)
    alone = inference.features(panorama, (1024, 512), wraps=False)
    assert not torch.allclose(alone[..., 0], features[..., 0], atol=1e-4), "the seam has context"


@pytest.mark.parametrize("panorama", [True, False])
def test_a_comparison_is_in_the_pictures_own_pixels(inference: Inference, panorama: bool) -> None:
    """A part of a picture of three times the network's size is found where it is."""
    coarse = noise(16, 32)
    reference = np.kron(coarse, np.ones((96, 96, 1), np.uint8))  # 3072 x 1536
    if not panorama:
        reference = reference[:768, :960]  # scaled to 320 pixels, as the photo is
    query = reference if not panorama else reference[384:1152, 960:1920]
    query_features = inference.features(
        query, inference.photo_size(query.shape[1], query.shape[0]), wraps=False
    )
    size = (reference.shape[1], reference.shape[0])
    seen = inference.panorama_size if panorama else inference.photo_size(*size)
    comparison = inference.compare(
        query_features,
        (query.shape[1], query.shape[0]),
        inference.features(reference, seen, wraps=panorama),
        size,
        panorama=panorama,
    )
    assert comparison.probability > 0.9
    masks = [mask.pixels() for mask in (comparison.query_mask, comparison.reference_mask)]
    assert [mask.shape for mask in masks] == [query.shape[:2], reference.shape[:2]]
    # Many panoramas' masks at full size would fill the memory.
    assert comparison.query_mask.patches.numel() == query_features[0].numel()
    for mask in masks:
        assert mask.dtype == np.float32
        assert 0 <= mask.min() <= mask.max() <= 1
    assert comparison.box is not None
    assert comparison.matches
    shift = np.array((960, 384) if panorama else (0, 0))
    for match in comparison.matches:
        np.testing.assert_allclose(np.array(match.reference) - match.query, shift, atol=1)
        assert match.similarity > 0.98
    if panorama:
        assert comparison.box.left == pytest.approx(960, abs=96)
        assert comparison.box.width == pytest.approx(960, abs=192)
        assert comparison.yaw == pytest.approx((1440 / 3072 - 0.5) * 360, abs=6)
    else:
        assert comparison.yaw is None


@pytest.mark.parametrize("left", [True, False])
def test_the_direction_is_that_of_the_whole_photo_though_only_a_half_is_found(
    inference: Inference, left: bool
) -> None:
    panorama = noise(512, 1024)
    photo = panorama[128:384, 256:576].copy()
    photo[:, 160:] = 90
    if not left:
        photo[:, 160:] = panorama[128:384, 416:576]
        photo[:, :160] = 90
    query = inference.features(photo, (320, 256), wraps=False)
    reference = inference.features(panorama, (1024, 512), wraps=True)
    comparison = inference.compare(query, (320, 256), reference, (1024, 512), panorama=True)
    assert comparison.yaw == pytest.approx((416 / 1024 - 0.5) * 360, abs=12)


def test_without_a_match_there_is_no_box_and_no_direction(inference: Inference) -> None:
    query = inference.features(np.full((256, 320, 3), 90, np.uint8), (320, 256), wraps=False)
    reference = inference.features(noise(512, 1024), (1024, 512), wraps=True)
    comparison = inference.compare(query, (320, 256), reference, (1024, 512), panorama=True)
    assert comparison.probability < 0.01
    assert comparison.box is None
    assert comparison.yaw is None
    assert comparison.matches == ()


def test_the_temperature_softens_the_probability(checkpoint: Checkpoint) -> None:
    logits = []
    for temperature in (1.0, 4.0):
        operation = replace(checkpoint.card.operation, temperature=temperature)
        card = replace(checkpoint.card, operation=operation)
        inference = Inference(replace(checkpoint, card=card))
        features = inference.features(noise(256, 320), (320, 256), wraps=False)
        comparison = inference.compare(features, (320, 256), features, (320, 256), panorama=False)
        logits.append(np.log(comparison.probability / (1 - comparison.probability)))
    assert logits[1] == pytest.approx(logits[0] / 4, rel=1e-3)


def test_half_precision_features_give_the_same_as_rounded_ones(inference: Inference) -> None:
    query = inference.features(noise(256, 320), (320, 256), wraps=False)
    half = inference.features(noise(512, 1024), (1024, 512), wraps=True).half()
    one, other = (
        inference.compare(query, (320, 256), reference, (1024, 512), panorama=True)
        for reference in (half, half.float())
    )
    assert one.probability == other.probability
    assert one.matches == other.matches


def test_variety_is_none_where_all_patches_are_the_same() -> None:
    same = torch.ones(8, 5, 6) * torch.arange(1, 9)[:, None, None]
    assert Inference.variety(same) == pytest.approx(0, abs=1e-6)
    assert Inference.variety(same * torch.rand(5, 6)) == pytest.approx(0, abs=1e-6)
    opposite = torch.cat((same, -same), dim=2)
    assert Inference.variety(opposite) == pytest.approx(1, abs=1e-6)
    assert Inference.variety(torch.eye(4).reshape(4, 2, 2)) == pytest.approx(0.5, abs=1e-6)
