from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import placeproof.suspicion
from made_place import crop
from placeproof.geometry import View
from placeproof.inference import Inference
from placeproof.matchers.contract import LocalFeatures, LocalMatches, Matcher
from placeproof.network.checkpoint import load_checkpoint
from placeproof.photo import Photo
from placeproof.results import (
    TRUSTED_SURPRISE,
    Caution,
    CautionKind,
    SecondLook,
)
from placeproof.suspicion import (
    cautions_of,
    mirrored_caution,
)
from placeproof.tricks.copy import CopyCheck
from placeproof.tricks.mirror import LEAST_MIRRORED
from placeproof.tricks.small_part import LEAST_SHARE

Pixels = NDArray[np.uint8]
PANORAMA = np.zeros((64, 128, 3), np.uint8)
KEYPOINTS = np.array([[1.0, 2.0], [30.0, 40.0]], np.float32)


class TwoKeypoints(Matcher):
    name, source, features_key = "two", "this test", "two"

    def extract(self, pixels: Pixels) -> LocalFeatures:
        height, width = pixels.shape[:2]
        return LocalFeatures(KEYPOINTS, KEYPOINTS[:, 0], KEYPOINTS, width, height)

    def match(self, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:
        raise AssertionError("nothing is matched here", first, second)


@pytest.fixture
def photo(checkpoint_path: Path) -> Photo:
    pixels = crop(np.zeros((512, 1024, 3), np.uint8), 0.0)
    return Photo(pixels, None, Inference(load_checkpoint(checkpoint_path)), TwoKeypoints())


def look(points: int = 50, surprise: float = TRUSTED_SURPRISE, spread: float = 0.8) -> SecondLook:
    camera = View(10.0, 0, 0, 60, 320, 256) if points else None
    return SecondLook(
        "none", (), np.ones((points, 2), np.float32), np.ones((points, 3)), surprise, spread,
        camera, "rotation" if points else None, None, (),
    )  # fmt: skip


@pytest.fixture
def tricks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Sets what the checks of tricks/ say; returns what was asked of which arguments."""

    def set_to(*, copied: bool = False, inset: bool = False) -> list[str]:
        asked: list[str] = []

        def check_copy(
            pixels: Pixels, panorama: Pixels, points: Pixels, directions: Pixels
        ) -> CopyCheck:
            assert pixels.shape == (256, 320, 3)
            assert panorama is PANORAMA
            assert (points.shape, directions.shape) == ((50, 2), (50, 3))
            asked.append("copy")
            return CopyCheck(1.0 if copied else 0.0, copied)

        def find_inset(pixels: Pixels, points: Pixels, keypoints: object) -> object:
            assert pixels.shape == (256, 320, 3)
            assert points.shape == (50, 2)
            assert keypoints is KEYPOINTS, "all keypoints of the photo"
            asked.append("inset")
            return np.zeros((4, 2)) if inset else None

        monkeypatch.setattr(placeproof.suspicion, "check_copy", check_copy)
        monkeypatch.setattr(placeproof.suspicion, "find_inset", find_inset)
        return asked

    return set_to


def kinds(cautions: tuple[Caution, ...]) -> list[CautionKind]:
    for caution in cautions:
        assert caution.text.isprintable()
        assert caution.text.endswith(".")
    return [caution.kind for caution in cautions]


@pytest.mark.parametrize(
    ("copied", "inset", "spread", "expected"),
    [
        (False, False, 0.8, []),
        (True, False, 0.8, [CautionKind.COPY]),
        (False, True, 0.8, [CautionKind.INSET]),
        (True, True, 0.8, [CautionKind.COPY, CautionKind.INSET]),
        (False, False, LEAST_SHARE / 2, [CautionKind.SMALL_PART]),
        # A frame says all that a small part says, and more.
        (False, True, LEAST_SHARE / 2, [CautionKind.INSET]),
    ],
)
def test_what_is_found_is_said(
    photo: Photo,
    tricks: Callable[..., list[str]],
    copied: bool,
    inset: bool,
    spread: float,
    expected: list[CautionKind],
) -> None:
    asked = tricks(copied=copied, inset=inset)
    assert kinds(cautions_of(photo, look(spread=spread), PANORAMA)) == expected
    assert asked == ["copy", "inset"]


@pytest.mark.parametrize("untrusted", [look(surprise=TRUSTED_SURPRISE - 1), look(0, 0.0, 0.0)])
def test_of_points_that_prove_nothing_nothing_is_asked(
    photo: Photo, tricks: Callable[..., list[str]], untrusted: SecondLook
) -> None:
    asked = tricks(copied=True, inset=True)
    assert cautions_of(photo, untrusted, PANORAMA) == ()
    assert asked == []


# Mirrored


def test_a_photo_that_matches_mirrored_and_not_as_it_is() -> None:
    (caution,) = mirrored_caution(look(3, 1.0), look(80))
    assert kinds((caution,)) == [CautionKind.MIRRORED]
    assert "80 points against 3" in caution.text


@pytest.mark.parametrize(
    ("upright", "mirrored"),
    [
        (look(80), look(80)),
        (look(80), look(3, 1.0)),
        (look(0, 0.0), look(LEAST_MIRRORED - 1)),
        (look(0, 0.0), look(80, surprise=TRUSTED_SURPRISE - 1)),
        (look(0, 0.0), look(0, 0.0)),
    ],
)
def test_no_mirrored_photo(upright: SecondLook, mirrored: SecondLook) -> None:
    assert mirrored_caution(upright, mirrored) == ()
