import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from placeproof.buildings.detector import building_share
from placeproof.buildings.small import (
    FINENESS,
    HEAD_FILE,
    BuildingCard,
    BuildingHead,
    SmallBuildingDetector,
    extractor_hash,
    load_head,
    load_small_detector,
    save_head,
)
from placeproof.errors import WeightsError, WeightsMismatchError
from placeproof.network.checkpoint import load_checkpoint
from placeproof.network.features import FeatureExtractor
from placeproof.scene.model import Kind
from placeproof.scene.render import render_panorama
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit
from placeproof.weights_store import SHIPPED_FILE

CAMVID = Path(__file__).parents[3] / "shared" / "data" / "camvid" / "test"
EXTRACTOR = "test_resnet"  # timm's smallest; 32 pixels a patch


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    torch.manual_seed(0)
    return FeatureExtractor(EXTRACTOR)


@pytest.fixture(scope="module")
def card(extractor: FeatureExtractor) -> BuildingCard:
    return BuildingCard(
        name="random",
        extractor=EXTRACTOR,
        extractor_sha256=extractor_hash(extractor),
        channels=extractor.channels,
        panorama_width=512,
        photo_side=192,
        training_data="none",
        metrics={"nothing: IoU": 0.5},
        attribution="nobody",
        created="2026-01-01",
        seed=3,
    )


@pytest.fixture(scope="module")
def head(extractor: FeatureExtractor) -> BuildingHead:
    torch.manual_seed(1)
    head = BuildingHead(extractor.channels)
    with torch.no_grad():
        head.mean.fill_(0.5)
        head.std.fill_(0.25)
        head.decide.weight *= 8  # answers that differ from place to place
    return head.eval()


@pytest.fixture(scope="module")
def detector(
    extractor: FeatureExtractor, head: BuildingHead, card: BuildingCard
) -> SmallBuildingDetector:
    return SmallBuildingDetector(extractor, head, card)


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "wraps", "expected"),
    [
        ((64, 128), True, (32, 64)),  # 512 x 256 pixels, 8 pixels a cell
        ((300, 400), False, (18, 24)),  # 192 x 144 pixels: four and a half rows of patches
        ((400, 300), False, (24, 18)),
        ((10, 900), False, (4, 24)),
    ],
)
def test_the_answer_covers_the_picture(
    detector: SmallBuildingDetector,
    shape: tuple[int, int],
    wraps: bool,
    expected: tuple[int, int],
) -> None:
    found = detector(noise(*shape), wraps=wraps)
    assert (found.dtype, found.shape) == (np.float32, expected)
    assert 0 <= found.min() < found.max() <= 1


def test_half_a_patch_at_the_edge_is_not_squeezed_in(
    detector: SmallBuildingDetector, extractor: FeatureExtractor
) -> None:
    """The same columns, of a picture that ends in the middle of a patch."""
    features = torch.rand(extractor.channels, 3, 6)
    whole = detector.from_features(features, (192, 96), wraps=False)
    part = detector.from_features(features, (176, 96), wraps=False)
    assert (whole.shape, part.shape) == ((12, 24), (12, 22))
    np.testing.assert_allclose(part, whole[:, :22], atol=1e-6)


@pytest.mark.parametrize("wraps", [True, False])
def test_features_that_are_there_serve_as_well(
    detector: SmallBuildingDetector, extractor: FeatureExtractor, wraps: bool
) -> None:
    pixels = noise(256, 512)
    size = detector.input_size(512, 256, wraps=wraps)
    assert size == ((512, 256) if wraps else (192, 96))
    scaled = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    batch = torch.from_numpy(np.array(scaled)).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        features = extractor(batch, wraps=wraps)[0]
    found = detector.from_features(features, size, wraps=wraps)
    np.testing.assert_array_equal(found, detector(pixels, wraps=wraps))
    cached = detector.from_features(features.half(), size, wraps=wraps)
    np.testing.assert_allclose(cached, found, atol=0.05)


def test_a_panoramas_seam_may_be_anywhere(
    detector: SmallBuildingDetector, extractor: FeatureExtractor
) -> None:
    features = torch.rand(extractor.channels, 8, 16)
    found = detector.from_features(features, (512, 256), wraps=True)
    turned = detector.from_features(features.roll(5, dims=2), (512, 256), wraps=True)
    np.testing.assert_allclose(turned, np.roll(found, 5 * FINENESS, axis=1), atol=1e-5)
    as_photo = detector.from_features(features, (512, 256), wraps=False)
    assert np.abs(as_photo[:, 0] - found[:, 0]).max() > 1e-3


def test_a_head_comes_back_as_it_was_written(
    head: BuildingHead, card: BuildingCard, tmp_path: Path
) -> None:
    path = tmp_path / "head.safetensors"
    save_head(head, card, path)
    again, card_again = load_head(path)
    assert card_again == card
    assert not again.training
    for name, tensor in head.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor.half().float()), name
    first = path.read_bytes()
    save_head(head, card, path)
    assert path.read_bytes() == first


def test_other_extractor_weights_are_refused_in_one_line(
    head: BuildingHead, card: BuildingCard
) -> None:
    torch.manual_seed(7)
    with pytest.raises(WeightsMismatchError, match="another extractor") as caught:
        SmallBuildingDetector(FeatureExtractor(EXTRACTOR), head, card)
    assert "\n" not in str(caught.value)
    assert "train_building_detector" in str(caught.value)


def test_other_weights_have_another_name(
    detector: SmallBuildingDetector, extractor: FeatureExtractor, card: BuildingCard
) -> None:
    other = SmallBuildingDetector(extractor, BuildingHead(extractor.channels), card)
    assert detector.name != other.name
    assert all(name.startswith(f"{card.name}-") for name in (detector.name, other.name))


def test_rounding_to_half_precision_makes_no_other_extractor(extractor: FeatureExtractor) -> None:
    rounded = FeatureExtractor(EXTRACTOR)
    rounded.load_state_dict(
        {n: t.half() if t.is_floating_point() else t for n, t in extractor.state_dict().items()}
    )
    assert extractor_hash(rounded) == extractor_hash(extractor)
    with torch.no_grad():
        next(rounded.parameters())[0, 0, 0, 0] += 0.1
    assert extractor_hash(rounded) != extractor_hash(extractor)


def test_damaged_and_foreign_files_are_refused(
    head: BuildingHead, card: BuildingCard, tmp_path: Path
) -> None:
    path = tmp_path / "head.safetensors"
    with pytest.raises(WeightsError, match="cannot read"):
        load_head(path)
    save_head(head, card, path)
    data = path.read_bytes()
    for damaged, message in [
        (data[:-1], "damaged"),
        (data[:-1] + bytes([data[-1] ^ 1]), "checksum"),
        (data.replace(b"nobody", b"noboby"), "checksum"),
        (b"", "damaged"),
    ]:
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=message):
            load_head(path)
    save_file({"a": torch.zeros(1)}, path, {"placeproof": json.dumps({"format": "other"})})
    with pytest.raises(WeightsError, match="no building detector"):
        load_head(path)
    with pytest.raises(WeightsError, match="no building detector"):
        load_head(SHIPPED_FILE)


def test_a_card_of_other_features_is_refused(
    head: BuildingHead, card: BuildingCard, tmp_path: Path
) -> None:
    path = tmp_path / "head.safetensors"
    save_head(head, dataclasses.replace(card, channels=card.channels + 1), path)
    with pytest.raises(WeightsMismatchError, match="tensors of a head"):
        load_head(path)


@pytest.fixture(scope="module")
def shipped() -> SmallBuildingDetector:
    return load_small_detector(load_checkpoint(SHIPPED_FILE).network.extractor)


def test_the_shipped_head_is_small_and_says_where_it_comes_from() -> None:
    assert HEAD_FILE.stat().st_size < 500_000
    card = load_head(HEAD_FILE)[1]
    assert "CamVid" in card.training_data
    assert "licence" in card.training_data
    held_out = [value for name, value in card.metrics.items() if "never saw" in name]
    assert len(held_out) == 3
    assert min(held_out) > 0.6


def test_the_shipped_head_finds_the_buildings_of_a_street_it_never_saw(
    shipped: SmallBuildingDetector,
) -> None:
    street, visit = Street(77), Visit(Season.SUMMER, Light.NOON, seed=5)
    shot = render_panorama(street, visit, street.position(3, 0, 2.2), street.bearing, 512)
    kinds = np.append(street.scene(visit).kind, -1)[shot.surface]
    found = Image.fromarray(shipped(shot.pixels, wraps=True)).resize((512, 256))
    buildings, true = np.array(found) >= 0.5, kinds == Kind.BUILDING
    known = kinds != Kind.SKYLINE
    overlap = (buildings & true & known).sum() / ((buildings | true) & known).sum()
    assert overlap > 0.6
    assert not buildings[-40:].any(), "the ground is none"


def test_the_shipped_head_finds_nothing_on_a_blank_picture(shipped: SmallBuildingDetector) -> None:
    assert building_share(shipped(np.full((240, 320, 3), 180, dtype=np.uint8))) < 0.1


def test_real_streets(shipped: SmallBuildingDetector) -> None:
    paths = sorted(CAMVID.glob("*.jpg"))[::40]
    if not paths:
        pytest.skip(f"the labelled street frames are not in {CAMVID}")
    for path in paths:
        labels = np.array(Image.open(path.with_suffix(".png")))
        share = float((labels == 1).mean())
        found = building_share(shipped(np.array(Image.open(path))))
        assert abs(found - share) < 0.12, path.name
