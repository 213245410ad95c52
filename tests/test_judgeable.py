from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from made_place import HEADING, WIDTH, blocks, crop
from placeproof.inference import Inference
from placeproof.judgeable import shows_anything, unjudgeable_reason
from placeproof.matchers.contract import LocalFeatures, LocalMatches, Matcher
from placeproof.network.checkpoint import load_checkpoint
from placeproof.photo import Photo
from placeproof.photo_kind import PhotoKind, PhotoKindHead

Pixels = NDArray[np.uint8]


class Unused(Matcher):
    """A photo is judged by the features of the first look alone."""

    name, source, features_key = "unused", "this test", "unused"

    def extract(self, pixels: Pixels) -> LocalFeatures:
        raise AssertionError("the second look is not taken", pixels)

    def match(self, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:
        raise AssertionError("the second look is not taken", first, second)


@pytest.fixture(scope="module")
def inference(checkpoint_path: Path) -> Inference:
    """The test's network, which asks for some variety: blank pictures have none."""
    checkpoint = load_checkpoint(checkpoint_path)
    operation = replace(checkpoint.card.operation, least_variety=0.05)
    return Inference(replace(checkpoint, card=replace(checkpoint.card, operation=operation)))


def photo_of(inference: Inference, pixels: Pixels) -> Photo:
    return Photo(pixels, None, inference, Unused())


@pytest.fixture
def scene(inference: Inference) -> Photo:
    return photo_of(inference, crop(blocks(1), 90.0))


class Says(PhotoKindHead):
    """Says the same of every photo, and keeps what it was shown."""

    def __init__(self, *, judgeable: bool, looks_like: str | None = None) -> None:
        self.kind = PhotoKind(judgeable, 0.5, 1.0, looks_like)
        self.shown: list[torch.Tensor] = []

    def __call__(self, features: torch.Tensor) -> PhotoKind:
        self.shown.append(features)
        return self.kind


def test_a_photo_with_something_in_it_can_be_judged(inference: Inference, scene: Photo) -> None:
    assert unjudgeable_reason(inference, scene, None) is None


@pytest.mark.parametrize("colour", [(0, 0, 0), (120, 130, 140), (255, 255, 255)])
def test_a_blank_photo_cannot_be_judged(inference: Inference, colour: tuple[int, int, int]) -> None:
    blank = photo_of(inference, np.full((240, 320, 3), colour, np.uint8))
    reason = unjudgeable_reason(inference, blank, None)
    assert reason is not None
    assert "shows too little" in reason


@pytest.mark.parametrize(
    ("looks_like", "said"),
    [("a room", "looks like a room"), (None, "does not look like one")],
)
def test_what_shows_no_scene_cannot_be_judged(
    inference: Inference, scene: Photo, looks_like: str | None, said: str
) -> None:
    reason = unjudgeable_reason(inference, scene, Says(judgeable=False, looks_like=looks_like))
    assert reason is not None
    assert said in reason
    assert unjudgeable_reason(inference, scene, Says(judgeable=True)) is None


def test_kinds_are_told_by_what_the_extractor_makes(inference: Inference, scene: Photo) -> None:
    """Not by what the projection behind it makes of that for telling places apart."""
    head = Says(judgeable=True)
    unjudgeable_reason(inference, scene, head)
    size = inference.photo_size(*scene.size)
    assert torch.equal(head.shown[0], inference.extracted(scene.pixels, size, wraps=False))
    assert not torch.equal(head.shown[0], scene.dense)


# Panoramas


def panorama_features(inference: Inference, pixels: Pixels) -> torch.Tensor:
    return inference.features(pixels, inference.panorama_size, wraps=True)


def test_a_black_panorama_shows_nothing_and_another_does(inference: Inference) -> None:
    black = panorama_features(inference, np.zeros((WIDTH // 2, WIDTH, 3), np.uint8))
    street = panorama_features(inference, blocks(1))
    for photo_heading in (None, 0.0, 200.0):
        assert not shows_anything(inference, black, HEADING, photo_heading)
        assert shows_anything(inference, street, HEADING, photo_heading)


def test_what_lies_above_and_below_the_horizon_does_not_count(inference: Inference) -> None:
    pixels = blocks(1).copy()
    pixels[WIDTH // 8 : -WIDTH // 8] = 0  # 45 degrees up and down
    assert not shows_anything(inference, panorama_features(inference, pixels), HEADING, None)


@pytest.fixture(scope="module")
def half_black(inference: Inference) -> torch.Tensor:
    """Black from 15 to 165 degrees right of the centre column, that is towards 45 to 195."""
    pixels = blocks(1).copy()
    left, right = (round((yaw / 360 + 0.5) * WIDTH) for yaw in (15, 165))
    pixels[:, left:right] = 0
    return panorama_features(inference, pixels)


@pytest.mark.parametrize(
    ("photo_heading", "shown"),
    [(120.0, False), (130.0, False), (480.0, False), (300.0, True), (210.0, True), (None, True)],
)
def test_only_where_the_photo_says_that_it_looks_counts(
    inference: Inference, half_black: torch.Tensor, photo_heading: float | None, shown: bool
) -> None:
    assert shows_anything(inference, half_black, HEADING, photo_heading) is shown


def test_without_the_panoramas_heading_all_around_counts(
    inference: Inference, half_black: torch.Tensor
) -> None:
    assert shows_anything(inference, half_black, None, 120.0)


def test_across_the_seam(inference: Inference) -> None:
    """Only the seam's surroundings show something: 180 degrees from the centre's bearing of 30."""
    pixels = np.zeros((WIDTH // 2, WIDTH, 3), np.uint8)
    seam = WIDTH // 8
    pixels[:, :seam], pixels[:, -seam:] = blocks(1)[:, :seam], blocks(1)[:, -seam:]
    features = panorama_features(inference, pixels)
    for photo_heading, shown in ((210.0, True), (209.0, True), (211.0, True), (30.0, False)):
        assert shows_anything(inference, features, HEADING, photo_heading) is shown
