import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from hub import FakeHub, hub_fixture  # noqa: F401
from placeproof.buildings.segmenter import FILES, TILE, Segmenter, building_classes, load_segmenter
from placeproof.errors import DownloadNotAllowedError, WeightsError, WeightsMismatchError

NAMES = ["wall", "building", "sky", "house", "tree"]  # as in ADE20K
BUILDING, SKY, HOUSE = 1, 2, 3
REPOSITORY = "someone/segformer"


@pytest.fixture(scope="module")
def transformers() -> Any:
    return pytest.importorskip("transformers", reason="the extra 'segmenter' is not installed")


def tiny_model(transformers: Any, kind: str, names: list[str]) -> Any:
    torch.manual_seed(0)
    labels = {"id2label": dict(enumerate(names)), "label2id": {n: i for i, n in enumerate(names)}}
    if kind == "segformer":
        config = transformers.SegformerConfig(
            hidden_sizes=[8, 8, 8, 8],
            depths=[1, 1, 1, 1],
            num_attention_heads=[1, 1, 1, 1],
            decoder_hidden_size=8,
            **labels,
        )
        return transformers.SegformerForSemanticSegmentation(config)
    backbone = transformers.ConvNextConfig(
        hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], out_indices=[1, 2, 3, 4]
    )
    config = transformers.UperNetConfig(
        backbone_config=backbone, hidden_size=8, auxiliary_channels=8, pool_scales=[1, 2], **labels
    )
    return transformers.UperNetForSemanticSegmentation(config)


def save_model(transformers: Any, folder: Path, kind: str, favourite: int | None = None) -> Path:
    """A model as it is published; with a favourite, it finds that class everywhere."""
    model = tiny_model(transformers, kind, NAMES)
    if favourite is not None:
        head = model.decode_head.classifier
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
        head.bias.data[favourite] = 3.0
    model.save_pretrained(folder)
    transformers.SegformerImageProcessor().save_pretrained(folder)
    assert set(FILES) <= {path.name for path in folder.iterdir()}
    return folder


@pytest.fixture(scope="module")
def published(transformers: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(transformers, tmp_path_factory.mktemp("hub") / "random", "segformer")


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """Something with large shapes and small ones."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 200, (-(-height // 64), -(-width // 64), 3))
    large = coarse.repeat(64, axis=0).repeat(64, axis=1)[:height, :width]
    return (large + random.integers(0, 55, (height, width, 1))).astype(np.uint8)


@pytest.mark.parametrize("kind", ["segformer", "upernet"])
@pytest.mark.parametrize(("favourite", "low", "high"), [(HOUSE, 0.85, 0.9), (SKY, 0.05, 0.1)])
def test_all_classes_that_are_buildings_count(
    transformers: Any, tmp_path: Path, kind: str, favourite: int, low: float, high: float
) -> None:
    found = Segmenter(save_model(transformers, tmp_path, kind, favourite))(picture(100, 130))
    assert (found.dtype, found.shape) == (np.float32, (TILE, round(TILE * 1.3)))
    # exp(3) / (exp(3) + 4) for the favourite, 1 / (exp(3) + 4) for every other class
    assert low < found.min() <= found.max() < high
    expected = (np.exp(3) + 1) / (np.exp(3) + 4) if favourite == HOUSE else 2 / (np.exp(3) + 4)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((64, 64), (1, 1)), ((300, 100), (3, 1)), ((50, 70), (1, 1.4)), ((4, 400), (1, 16))],
)
def test_a_photos_shorter_side_is_one_tile(
    published: Path, shape: tuple[int, int], expected: tuple[float, float]
) -> None:
    segmenter = Segmenter(published)
    segmenter._probability = lambda _tile: torch.full((TILE, TILE), 0.25)
    found = segmenter(picture(*shape))
    assert found.shape == tuple(round(side * TILE) for side in expected)
    np.testing.assert_allclose(found, 0.25, rtol=1e-5)


def test_other_weights_have_another_name(transformers: Any, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    names = {
        Segmenter(save_model(transformers, folder, "segformer", favourite)).name
        for favourite in (SKY, HOUSE)
    }
    assert len(names) == 2


def test_tiles_lie_where_they_were_cut(published: Path) -> None:
    """With a model that answers with the tile's own brightness, the answer is the picture."""
    segmenter = Segmenter(published)
    segmenter._probability = lambda tile: torch.from_numpy(tile[..., 0] / 255).float()
    panorama = picture(2 * TILE, 4 * TILE)
    np.testing.assert_allclose(segmenter(panorama, wraps=True), panorama[..., 0] / 255, atol=1e-5)
    photo = picture(TILE, 3 * TILE + 77)
    np.testing.assert_allclose(segmenter(photo), photo[..., 0] / 255, atol=1e-5)


def test_a_panoramas_seam_may_be_anywhere(published: Path) -> None:
    segmenter = Segmenter(published)
    panorama = picture(2 * TILE, 4 * TILE)
    found = segmenter(panorama, wraps=True)
    assert found.shape == (2 * TILE, 4 * TILE)
    assert np.ptp(found) > 1e-4, "a model that sees nothing proves nothing"
    turned = segmenter(np.roll(panorama, TILE // 2, axis=1), wraps=True)
    np.testing.assert_allclose(turned, np.roll(found, TILE // 2, axis=1), atol=1e-5)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({0: "wall", 1: "building", 25: "house", 48: "skyscraper", 2: "sky"}, [1, 25, 48]),
        ({0: "building;edifice", 1: "hovel, hut", 2: "Building"}, [0, 1, 2]),
        ({0: "road", 2: "building", 3: "wall"}, [2]),
        ({0: "warehouse door", 1: "towering"}, []),
    ],
)
def test_classes_are_found_by_name(names: dict[int, str], expected: list[int]) -> None:
    assert building_classes(names) == expected


def test_a_model_without_such_a_class_is_refused(transformers: Any, tmp_path: Path) -> None:
    model = tiny_model(transformers, "segformer", ["cat", "dog"])
    model.save_pretrained(tmp_path)
    transformers.SegformerImageProcessor().save_pretrained(tmp_path)
    with pytest.raises(WeightsMismatchError, match="no class for buildings"):
        Segmenter(tmp_path)


def test_weights_that_lack_a_tensor_are_refused(transformers: Any, tmp_path: Path) -> None:
    folder = save_model(transformers, tmp_path, "segformer")
    tensors = load_file(folder / "model.safetensors")
    del tensors["decode_head.classifier.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsMismatchError, match=r"lack 1 .*decode_head.classifier.weight"):
        Segmenter(folder)


@pytest.mark.parametrize("file", FILES)
def test_damaged_and_missing_files_are_told_in_one_line(
    transformers: Any, tmp_path: Path, file: str
) -> None:
    folder = save_model(transformers, tmp_path, "segformer")
    (folder / file).write_bytes(b"{ nothing")
    with pytest.raises(WeightsError, match="cannot load the segmenter") as caught:
        Segmenter(folder)
    assert "\n" not in str(caught.value)
    (folder / file).unlink()
    with pytest.raises(WeightsError, match=f"lacks its {file}"):
        Segmenter(folder)


def test_a_pickle_is_never_read(transformers: Any, tmp_path: Path) -> None:
    folder = save_model(transformers, tmp_path, "segformer")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"lacks its model\.safetensors"):
        Segmenter(folder)


def test_without_transformers_the_error_names_the_extra(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(WeightsError, match=r"pip install 'placeproof\[segmenter\]'$"):
        Segmenter(published)
    with pytest.raises(WeightsError, match=r"pip install 'placeproof\[segmenter\]'$"):
        load_segmenter(REPOSITORY, allow_download=True)


@pytest.fixture
def offered(hub: FakeHub, published: Path) -> FakeHub:
    for path in published.iterdir():
        hub.add(REPOSITORY, path.name, path.read_bytes())
    hub.add(REPOSITORY, "pytorch_model.bin", b"a pickle")
    return hub


def test_nothing_is_downloaded_unasked(transformers: Any, offered: FakeHub) -> None:
    assert transformers
    with pytest.raises(DownloadNotAllowedError, match="--allow-download"):
        load_segmenter(REPOSITORY, allow_download=False)
    assert not offered.requests


def test_a_repository_is_downloaded_once(offered: FakeHub, published: Path) -> None:
    photo = picture(64, 64)
    expected = Segmenter(published)(photo)
    segmenter = load_segmenter(REPOSITORY, allow_download=True)
    np.testing.assert_array_equal(segmenter(photo), expected)
    assert {Path(r.path.split("?")[0]).name for r in offered.requests} == set(FILES)
    del offered.requests[:]
    again = load_segmenter(REPOSITORY, allow_download=False)
    np.testing.assert_array_equal(again(photo), expected)
    assert not offered.requests


def test_a_folder_needs_no_hub(hub: FakeHub, published: Path) -> None:
    segmenter = load_segmenter(str(published), allow_download=False)
    assert segmenter.name.startswith(f"{published.name}-")
    assert not hub.requests


@pytest.mark.parametrize("name", ["nowhere", "a/b/c", "../a", "https://a.example/b"])
def test_names_that_no_segmenter_can_have(hub: FakeHub, name: str) -> None:
    with pytest.raises(WeightsError, match="owner/name"):
        load_segmenter(name, allow_download=True)
    assert not hub.requests
