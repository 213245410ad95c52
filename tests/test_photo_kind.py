import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from placeproof.errors import WeightsError, WeightsMismatchError
from placeproof.geometry import View
from placeproof.images import read_picture
from placeproof.inference import Inference
from placeproof.network.checkpoint import Checkpoint, load_checkpoint
from placeproof.network.features import FeatureExtractor
from placeproof.patches import as_batch
from placeproof.photo_kind import (
    HEAD_FILE,
    SCENE,
    HeadTensors,
    KindCard,
    PhotoKind,
    PhotoKindHead,
    load_kind_head,
    pooled,
    save_kind_head,
    strangeness,
)
from placeproof.scene.render import render_photo
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit
from placeproof.sealed import write_sealed
from placeproof.weights_store import SHIPPED_FILE

CAMVID = Path(__file__).parents[2] / "shared" / "data" / "camvid"
CARD = KindCard(
    name="hand-set",
    extractor_sha256="0" * 64,
    channels=3,
    kinds=[SCENE, "an indoor scene", "the sky"],
    judgeable_from=0.2,
    strange_from=3.0,
    named_from=0.7,
    false_rate=0.01,
    training_data="none",
    metrics={"nothing: share": 0.5},
    attribution="nobody",
    created="2026-01-01",
    seed=3,
)


@pytest.fixture(scope="module")
def head() -> PhotoKindHead:
    """Each channel speaks for one kind; nothing is strange, as all directions vary a lot."""
    return PhotoKindHead(
        HeadTensors(
            weight=10 * torch.eye(3),
            bias=torch.zeros(3),
            centre=torch.zeros(3),
            axes=torch.zeros(0, 3),
            noise=torch.tensor(1.0),
        ),
        CARD,
    )


def patches(*channel: float, size: tuple[int, int] = (4, 5)) -> Tensor:
    """Features (3, h, w) that are the same everywhere."""
    return torch.tensor(channel)[:, None, None].expand(-1, *size)


def test_of_a_scene_nothing_else_is_said(head: PhotoKindHead) -> None:
    kind = head(patches(2.0, 0.0, 0.0))
    assert (kind.judgeable, kind.looks_like) == (True, None)
    assert kind.probability > 0.99


def test_what_is_clear_is_named(head: PhotoKindHead) -> None:
    kind = head(patches(0.0, 0.0, 5.0))
    assert (kind.judgeable, kind.looks_like) == (False, "the sky")
    assert 0 <= kind.probability < 0.01


def test_what_may_be_either_is_not_named(head: PhotoKindHead) -> None:
    kind = head(patches(0.0, 1.0, 1.05))
    assert (kind.judgeable, kind.looks_like) == (False, None)


def test_in_doubt_a_photo_is_judgeable(head: PhotoKindHead) -> None:
    """A third for each kind is more than a fifth."""
    assert head(patches(1.0, 1.0, 1.0)).judgeable
    stricter = dataclasses.replace(CARD, judgeable_from=0.4)
    assert not PhotoKindHead(head.tensors, stricter)(patches(1.0, 1.0, 1.0)).judgeable


def test_what_is_strange_is_not_judgeable_whatever_it_resembles(head: PhotoKindHead) -> None:
    """Strangeness is the distance to the centre over the noise and the square root of C."""
    near = head.tensors._replace(noise=torch.tensor(0.1))
    kind = PhotoKindHead(near, CARD)(patches(2.0, 0.0, 0.0))
    assert kind.strangeness == pytest.approx(10 / math.sqrt(3), rel=1e-5)
    assert (kind.judgeable, kind.looks_like) == (False, None)
    assert kind.probability > 0.99
    there = near._replace(centre=torch.tensor([1.0, 0.0, 0.0]))
    kind = PhotoKindHead(there, CARD)(patches(2.0, 0.0, 0.0))
    assert (kind.judgeable, kind.strangeness) == (True, 0.0)


def test_a_step_along_an_axis_counts_less(head: PhotoKindHead) -> None:
    axes = torch.tensor([[0.0, 0.8, 0.0]])
    usual = head.tensors._replace(axes=axes)
    along, across = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])
    assert strangeness(across, usual) == pytest.approx(1 / math.sqrt(3))
    assert strangeness(along, usual) == pytest.approx(0.6 / math.sqrt(3), rel=1e-5)


def test_patches_at_unit_length_are_averaged() -> None:
    features = torch.zeros(2, 1, 2)
    features[0, 0, 0], features[1, 0, 1] = 7.0, 0.1  # (1, 0) and (0, 1) at unit length
    assert pooled(features).tolist() == pytest.approx([0.5, 0.5])


@given(seed=st.integers(0, 2**31), rows=st.integers(1, 6), columns=st.integers(1, 6))
def test_only_what_patches_there_are_matters(seed: int, rows: int, columns: int) -> None:
    """Neither where they lie nor how long they are, nor the precision."""
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(5, rows, columns, generator=random)
    order = torch.randperm(rows * columns, generator=random)
    lengths = 0.5 + torch.rand(rows * columns, generator=random)
    shuffled = features.flatten(1)[:, order] * lengths
    again = pooled(shuffled.view(5, columns, rows))
    torch.testing.assert_close(again, pooled(features), atol=1e-5, rtol=0)
    torch.testing.assert_close(pooled(features.half()), pooled(features), atol=3e-3, rtol=0)


def test_what_was_written_is_read(head: PhotoKindHead, tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    save_kind_head(head, path)
    again = load_kind_head(path)
    assert again.card == CARD
    for read, written in zip(again.tensors, head.tensors, strict=True):
        assert torch.equal(read, written)


def test_a_missing_and_a_damaged_file_are_said(head: PhotoKindHead, tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    with pytest.raises(WeightsError, match="cannot read"):
        load_kind_head(path)
    save_kind_head(head, path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="damaged"):
        load_kind_head(path)


def test_other_weights_are_no_judge_of_photos() -> None:
    with pytest.raises(WeightsError, match="no judge of photos"):
        load_kind_head(SHIPPED_FILE)


@pytest.mark.parametrize(
    "change",
    [
        {"channels": 0},
        {"kinds": [SCENE]},
        {"kinds": ["an indoor scene", SCENE]},
        {"judgeable_from": 1.5},
        {"named_from": -0.1},
        {"strange_from": 0.0},
        {"unknown": 1},
    ],
)
def test_an_impossible_card_is_refused(
    change: dict[str, object], head: PhotoKindHead, tmp_path: Path
) -> None:
    path = tmp_path / "head.safetensors"
    content = dataclasses.asdict(CARD) | change
    write_sealed(path, "placeproof-photo-kind/1", content, head.tensors._asdict())
    with pytest.raises(WeightsError, match="no valid card"):
        load_kind_head(path)


@pytest.mark.parametrize(
    "change",
    [
        {"weight": torch.zeros(3, 2)},
        {"bias": torch.zeros(2)},
        {"centre": torch.zeros(4)},
        {"axes": torch.zeros(5, 2)},
        {"noise": torch.ones(1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_tensors_of_another_shape_are_refused(
    change: dict[str, Tensor], head: PhotoKindHead
) -> None:
    with pytest.raises(WeightsMismatchError, match="hand-set"):
        PhotoKindHead(head.tensors._replace(**change), CARD)


def test_a_missing_tensor_is_said(head: PhotoKindHead, tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    tensors = head.tensors._asdict()
    del tensors["axes"]
    write_sealed(path, "placeproof-photo-kind/1", dataclasses.asdict(CARD), tensors)
    with pytest.raises(WeightsError, match="no valid card"):
        load_kind_head(path)


@pytest.fixture(scope="module")
def shipped() -> Checkpoint:
    return load_checkpoint(SHIPPED_FILE)


def test_what_ships_fits_the_network_that_ships(shipped: Checkpoint) -> None:
    head = load_kind_head()
    assert head.fits(shipped.network.extractor)
    assert not head.fits(FeatureExtractor("test_resnet"))
    assert HEAD_FILE.stat().st_size < 1e6
    assert head.card.kinds[0] == SCENE
    assert head.card.false_rate <= 0.01
    assert "CC BY-SA" in head.card.training_data
    assert "cambridge" not in head.card.training_data


def judged(checkpoint: Checkpoint, pixels: NDArray[np.uint8]) -> PhotoKind:
    extractor = checkpoint.network.extractor
    size = Inference(checkpoint).photo_size(pixels.shape[1], pixels.shape[0])
    with torch.inference_mode():
        return load_kind_head()(extractor(as_batch(pixels, size), wraps=False)[0])


def test_a_street_that_it_never_saw_is_judgeable(shipped: Checkpoint) -> None:
    street, visit = Street(4), Visit(Season.AUTUMN, Light.OVERCAST, seed=3)
    view = View(20.0, 5.0, 0.0, 65.0, 256, 192)
    pixels = render_photo(street, visit, street.position(0.0, 0.0, 1.7), view).pixels
    kind = judged(shipped, pixels)
    assert (kind.judgeable, kind.looks_like) == (True, None)
    dark = (pixels * 0.3).astype(np.uint8)
    assert judged(shipped, dark).judgeable


def test_text_is_a_screenshot_or_drawing(shipped: Checkpoint) -> None:
    page = Image.new("RGB", (900, 600), "white")
    text = "\n".join("Nothing of this page was ever seen by a camera. " * 2 for _ in range(40))
    ImageDraw.Draw(page).text((30, 30), text, "black", ImageFont.load_default(18))
    kind = judged(shipped, np.array(page))
    assert (kind.judgeable, kind.looks_like) == (False, "a screenshot or drawing")


def test_noise_and_blank_pictures_are_not_judgeable(shipped: Checkpoint) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert not judged(shipped, noise).judgeable
    assert not judged(shipped, np.full((300, 400, 3), 200, dtype=np.uint8)).judgeable


@pytest.mark.skipif(not CAMVID.exists(), reason=f"the street frames are not here: {CAMVID}")
def test_frames_that_it_was_not_fitted_to_are_judgeable(shipped: Checkpoint) -> None:
    unused = sorted(CAMVID.glob("*/*.jpg"))[1::24]  # every other one was used
    assert len(unused) > 5
    assert all(judged(shipped, read_picture(path).pixels).judgeable for path in unused)
