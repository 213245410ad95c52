from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from made_tricks import in_a_frame, side_by_side, sign, with_sign
from measure_tricks import Found, drawn, kind_of, measure
from placeproof.matchers.contract import LocalFeatures, LocalMatches, Matcher
from placeproof.training.manifest import Row

Pixels = NDArray[np.uint8]


class Everything(Matcher):
    """Finds the same points in every picture, and matches each with itself."""

    name = "everything"
    source = "none"
    features_key = "0"

    def extract(self, pixels: Pixels) -> LocalFeatures:
        height, width = pixels.shape[:2]
        places = np.random.default_rng(0).uniform(0.05, 0.95, (40, 2)) * (width, height)
        nothing = np.zeros(40, dtype=np.float32)
        return LocalFeatures(places.astype(np.float32), nothing, nothing[:, None], width, height)

    def match(self, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:
        count = min(len(first.keypoints), len(second.keypoints))
        return LocalMatches(np.repeat(np.arange(count)[:, None], 2, axis=1), np.ones(count, "f4"))


def smooth(width: int, height: int, seed: int) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def colours(pixels: Pixels, points: NDArray[np.float32]) -> NDArray[np.float64]:
    column, row = points.astype(int).T
    return pixels[row, column].astype(np.float64)


def test_points_stay_on_what_they_showed() -> None:
    matcher, shown, around = Everything(), smooth(320, 240, 1), smooth(400, 300, 2)
    features = matcher.extract(shown)
    whole = (shown, features, features.keypoints[:10])
    for rim in (False, True):
        photo, matched, keypoints = in_a_frame(
            whole, (around, matcher.extract(around)), np.random.default_rng(3), rim=rim
        )
        before = colours(shown, features.keypoints)
        assert np.abs(colours(photo, matched) - before[:10]).max() < 15
        assert np.abs(colours(photo, keypoints[:40]) - before).max() < 15
        assert len(keypoints) < 80  # those around that the frame hides are gone
    for first in (False, True):
        photo, matched, keypoints = side_by_side(whole, (around, matcher.extract(around)), first)
        assert ((matched[:, 0] < 512) == first).all()
        assert np.abs(colours(photo, matched) - before[:10]).max() < 15
        others = colours(around, matcher.extract(around).keypoints)
        assert np.abs(colours(photo, keypoints[40:]) - others).max() < 15


def test_a_sign_is_put_where_it_should_be() -> None:
    board = sign(np.random.default_rng(0))
    photo = with_sign(np.zeros((100, 200, 3), np.uint8), board, 50, 20, 70)
    assert photo[20:40, 50:120].any(axis=2).mean() > 0.9
    photo[20:40, 50:120] = 0
    assert not photo.any()


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    for number in range(2):
        Image.fromarray(smooth(256, 128, number)).save(tmp_path / f"panorama-{number}.png")
        Image.fromarray(smooth(160, 120, 9 + number)).save(tmp_path / f"photo-{number}.png")

    def row(number: int, place: str, mask: bool) -> Row:
        photo, panorama = (tmp_path / f"{name}-{number}.png" for name in ("photo", "panorama"))
        return Row(photo, None, panorama, None, place, "train", photo if mask else None)

    return [row(0, "square", True), row(1, "park", False), row(1, "street-0001", True)]


def test_kinds_of_pairs(rows: list[Row]) -> None:
    assert [kind_of(row) for row in rows] == ["copy", "near", "street"]
    chosen = drawn([*rows, *rows], 1)
    assert sorted(kind_of(row) for some in chosen.values() for row in some) == sorted(
        kind_of(row) for row in rows
    )


def test_all_that_is_measured_is_said(rows: list[Row]) -> None:
    said = measure(Everything(), {row.panorama: [r for r in rows if r.panorama == row.panorama]
                                  for row in rows})  # fmt: skip
    for kind in ("copy", "near", "street"):
        assert f"{kind}: said to be copies 0 of 1" in said
        assert f"{kind}: said to be mirrored 0 of 1" in said
    assert "made: like sides found 1 of 1" in said
    assert any(line.startswith("made: screens found") for line in said)


def test_counts_and_scores() -> None:
    found = Found()
    for number in (0.25, 0.75, 0.5):
        found.add("score", number)
        found.add("?high", number > 0.5)
    assert found.lines("near") == ["near: score 0.25 to 0.75, half below 0.50", "near: high 1 of 3"]
