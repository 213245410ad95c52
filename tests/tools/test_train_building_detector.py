"""The steps of the building detector's training, on data made by code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import TrainingError
from placeproof.network.features import FeatureExtractor
from train_building_detector import (
    BUILDING,
    CELL,
    NO,
    SKY,
    UNKNOWN,
    UNLABELLED,
    WINDOW,
    YES,
    Example,
    Frame,
    _window,
    change,
    make_example,
    overlap,
    read_frames,
    train_head,
)

ROAD = 3


def frame(sequence: str = "a") -> Frame:
    """A bright sky, a red building on the left, a grey road, and a corner without a label."""
    classes = np.full((120, 160), ROAD, dtype=np.uint8)
    classes[:60] = SKY
    classes[30:80, :50] = BUILDING
    classes[100:, 140:] = UNLABELLED
    pixels = np.full((120, 160, 3), 90, dtype=np.uint8)
    pixels[classes == SKY] = 250
    pixels[classes == BUILDING] = (220, 30, 30)
    return Frame(sequence, pixels, classes)


def test_labels_say_what_is_known() -> None:
    labels = frame().labels
    assert set(np.unique(labels)) == {YES, NO, UNKNOWN}
    assert (labels[50, 10], labels[10, 10], labels[110, 80], labels[110, 150]) == (
        YES,
        NO,
        NO,
        UNKNOWN,
    )


def test_changed_frames_keep_their_labels_where_they_belong() -> None:
    sizes, sides, skies = set(), set(), set()
    for seed in range(20):
        pixels, labels = change(frame(), np.random.default_rng(seed))
        assert pixels.shape[:2] == labels.shape
        red = pixels[..., 0] > 1.3 * pixels[..., 1:].max(axis=2).clip(1)
        agree = (red == (labels == YES))[labels != UNKNOWN]
        assert agree.mean() > 0.95
        sizes.add(labels.shape)
        sides.add(bool((labels == YES)[:, 0].any()))
        skies.add(round(float(pixels[2, labels.shape[1] // 2].std())))
    assert len(sizes) > 10
    assert sides == {True, False}, "some are mirrored"
    assert len(skies) > 3
    widths = [width for _, width in sizes]
    assert 0.4 * 160 - 1 <= min(widths) < 100
    assert 160 < max(widths) <= 1.3 * 160 + 1


def test_changes_are_drawn_by_the_seed() -> None:
    one, again, other = (change(frame(), np.random.default_rng(s))[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert one.shape != other.shape


def test_cells_have_the_label_at_their_centre() -> None:
    torch.manual_seed(0)
    labels = np.zeros((70, 90), dtype=np.int8)
    labels[CELL * 3 + CELL // 2, CELL * 5 + CELL // 2] = YES
    labels[-1, -1] = UNKNOWN  # the last cell's centre lies beyond the edge
    pixels = np.zeros((70, 90, 3), dtype=np.uint8)
    example = make_example(FeatureExtractor("test_resnet"), "a", pixels, labels, wraps=False)
    assert example.labels.shape == (18, 23)
    assert example.features.shape[1:] == (3, 3)
    assert example.labels.nonzero().tolist() == [[3, 5], [17, 22]]


def test_windows_of_a_panorama_keep_features_and_labels_together() -> None:
    columns = torch.arange(104).expand(1, 52, 104).half()
    labels = torch.arange(416).expand(208, 416) // CELL
    panorama = Example("", columns, labels)
    lefts = set()
    for seed in range(10):
        part = _window(panorama, np.random.default_rng(seed))
        assert part.features.shape == (1, 52, WINDOW)
        assert torch.equal(part.labels[0, ::CELL], part.features[0, 0].long())
        lefts.add(int(part.labels[0, 0]))
    assert len(lefts) > 3


def separable(sequence: str, number: int, size: tuple[int, int] = (6, 8)) -> Example:
    """Features whose first channel says what is a building, among others that say nothing."""
    random = torch.Generator().manual_seed(number)
    truth = torch.rand(size, generator=random) < 0.4
    features = torch.randn(5, *size, generator=random)
    features[0] = truth * 4.0 - 2.0
    labels = truth.long().repeat_interleave(CELL, 0).repeat_interleave(CELL, 1)
    labels[:2] = UNKNOWN
    return Example(sequence, features.half(), labels)


def test_a_head_learns_and_the_same_seed_gives_the_same_head() -> None:
    frames = [separable("a", number) for number in range(20)]
    rendered = [separable("", 100 + number, (6, 60)) for number in range(2)]
    head, again = (train_head(frames, rendered, seed=0, steps=120) for _ in range(2))
    assert all(
        torch.equal(a, b)
        for a, b in zip(head.state_dict().values(), again.state_dict().values(), strict=True)
    )
    fresh = separable("a", 999)
    found = head(fresh.features.float()[None], wraps=False)[0] > 0
    assert (found == (fresh.features[0] > 0)).float().mean() > 0.9
    for tensor in head.state_dict().values():
        assert torch.equal(tensor, tensor.half().float()), "as the file will hold it"


def test_overlap_leaves_out_what_has_no_label() -> None:
    def left_third(_pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = np.zeros((12, 16), dtype=np.float32)
        found[3:8, :5] = 1.0
        found[10:, 14:] = 1.0  # the corner without a label
        return found

    both, either = overlap(left_third, [frame(), frame()])  # type: ignore[arg-type]
    assert both == pytest.approx(2 * 50 * 50, rel=0.05)
    assert either == pytest.approx(2 * 50 * 50, rel=0.05)


def write(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    shown = frame()
    Image.fromarray(shown.pixels).save(folder / f"{name}.jpg")
    Image.fromarray(shown.classes).save(folder / f"{name}.png")


def test_frames_know_their_sequence(tmp_path: Path) -> None:
    write(tmp_path / "train", "0006R0_f00930")
    with pytest.raises(TrainingError, match="two sequences"):
        read_frames(tmp_path)
    write(tmp_path / "test", "Seq05VD_f00000")
    frames = read_frames(tmp_path)
    assert {f.sequence for f in frames} == {"0006R0", "Seq05VD"}
    np.testing.assert_array_equal(frames[0].classes, frame().classes)
