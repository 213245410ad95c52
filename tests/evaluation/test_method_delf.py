from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from placeproof.errors import EvaluationError, WeightsError, WeightsMismatchError
from placeproof.evaluation.method import Features
from placeproof.evaluation.methods import delf, delf_network
from placeproof.evaluation.methods.delf import Delf
from placeproof.evaluation.methods.delf_network import (
    DelfNetwork,
    load_delf,
    tensorflow_names,
)

pytest.importorskip("cv2", reason="OpenCV is part of the extra local-features")


def blocks(seed: int, width: int = 832) -> NDArray[np.uint8]:
    """A panorama of coloured rectangles of several sizes."""
    random = np.random.default_rng(seed)
    layers = [
        np.kron(
            random.integers(0, 256, (width // 2 // side, width // side, 3), dtype=np.uint8),
            np.ones((side, side, 1), np.uint8),
        )
        for side in (13, 26, 52, 104)
    ]
    return np.mean(layers, axis=0).astype(np.uint8)


def published() -> dict[str, Tensor]:
    """Random numbers under the published names, kernels in TensorFlow's order."""
    torch.manual_seed(0)
    model = DelfNetwork()
    model.matrix.data = torch.linalg.qr(torch.randn(1024, 1024))[0]
    tensors = {}
    for own, theirs in tensorflow_names().items():
        tensor = model.state_dict()[own]
        kernel = tensor.ndim == 4
        tensors[theirs] = (tensor.permute(2, 3, 1, 0) if kernel else tensor).contiguous()
    return tensors


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("delf") / "delf_v1.safetensors"
    save_file(published() | {"global_step": torch.tensor(1)}, path)
    return path


def test_pooling_pads_as_tensorflow_does() -> None:
    def pooled(row: list[float]) -> list[float]:
        x = delf_network._padded_as_tensorflow(
            torch.tensor(row, dtype=torch.float32).expand(1, 1, 2, -1)
        )
        return torch.nn.functional.max_pool2d(x, 3, stride=2)[0, 0, 0].tolist()

    # An even length is padded at its end only: the windows begin at 0 and 2.
    assert pooled([5, 1, 2, 3]) == [5, 3]
    assert pooled([1, 1, 9, 1, 1, 7]) == [9, 9, 7]
    # An odd one on both sides: the windows begin at -1, 1 and 3.
    assert pooled([5, 1, 2, 3, 4]) == [5, 3, 4]


def test_a_stage_is_coarsened_in_its_last_unit() -> None:
    # Without its convolutions a unit hands on every second pixel, the first one included.
    unit = delf_network._Bottleneck(8, 2, stride=2).eval()
    torch.nn.init.zeros_(unit.conv3.conv.weight)
    x = torch.rand(1, 8, 5, 4)
    assert torch.equal(unit(x), x[:, :, ::2, ::2])
    strides = [unit.stride for unit in DelfNetwork().units]
    assert strides == [1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2]


def test_the_grid_has_one_patch_in_32_pixels() -> None:
    network = DelfNetwork().eval()
    with torch.inference_mode():
        features, attention = network(torch.rand(1, 3, 64, 97))
    assert features.shape == (1, 1024, 2, 4) and attention.shape == (1, 2, 4)
    assert (attention >= 0).all()
    described = network.reduce(torch.rand(5, 1024))
    assert described.shape == (5, 40)


def test_a_patch_sees_the_pixels_around_its_place() -> None:
    network = DelfNetwork().eval().requires_grad_(False)
    image = torch.rand(1, 3, 321, 321, requires_grad=True)
    network(image)[0][0, :, 5, 5].square().sum().backward()
    assert image.grad is not None
    rows = image.grad.abs().sum(dim=(0, 1, 3)) > 0
    seen = rows.nonzero()[:, 0]
    # 291 pixels around pixel 160, less a pixel or two where pooling begins later.
    assert abs(float(seen.min() + seen.max()) / 2 - 160) <= 2
    assert 285 <= len(seen) <= 291


def test_names_are_tensorflows() -> None:
    names = set(tensorflow_names().values())
    # 43 convolutions of ResNet50's three stages and one of attention, each with four of batch
    # normalisation; the score; PCA.
    assert len(names) == 44 * 5 + 2 + 2
    assert {
        "resnet_v1_50/conv1/weights",
        "resnet_v1_50/conv1/BatchNorm/gamma",
        "resnet_v1_50/block1/unit_1/bottleneck_v1/shortcut/weights",
        "resnet_v1_50/block2/unit_4/bottleneck_v1/conv1/BatchNorm/beta",
        "resnet_v1_50/block3/unit_6/bottleneck_v1/conv2/BatchNorm/moving_variance",
        "attention_block/attention/compute/conv1/weights",
        "attention_block/attention/compute/conv1/BatchNorm/moving_mean",
        "attention_block/attention/compute/conv2/weights",
        "attention_block/attention/compute/conv2/biases",
        "pca/mean",
        "pca/matrix",
    } <= names


def test_published_weights_are_put_where_they_belong(weights: Path) -> None:
    torch.manual_seed(0)
    original = DelfNetwork().eval()
    loaded = load_delf(weights)
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        for one, other in zip(original(image), loaded(image), strict=True):
            assert torch.allclose(one, other, atol=1e-5)
    assert loaded.matrix.shape == (1024, 1024)


def test_features_with_published_weights(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delf, "SCALES", (0.5, 1.0))
    monkeypatch.setattr(delf, "LEAST_ATTENTION", 0.0)
    method = Delf(weights)
    assert method.name == "delf" and weights.name in method.weights
    features = method.features(blocks(0)[:200, :300], panorama=False)
    count = 6 * 4 + 12 * 8  # patches of 192 x 128 and of 384 x 256 pixels
    assert features["descriptors"].shape == (count, 40)
    assert np.allclose(np.linalg.norm(features["descriptors"], axis=1), 1, atol=1e-4)
    assert features["points"].min() >= 0
    assert (features["points"].max(axis=0) < features["scaled"]).all()
    assert features["original"].tolist() == [300, 200]
    # The second patch of the coarse scale lies at (32, 0) there and at (64, 0) at full size.
    assert [65.0, 1.0] in np.round(features["points"]).tolist()


def test_too_little_attention_leaves_nothing(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delf, "SCALES", (0.5,))
    method = Delf(weights)  # of random weights, none reaches 100
    features = method.features(blocks(0)[:200, :300], panorama=False)
    assert features["descriptors"].shape == (0, 40)
    answer = method.compare(features, features, panorama=False)
    assert answer.score == 0 and answer.box is None


def error_of(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        Delf(path)
    message = str(caught.value)
    assert path.name in message and "\n" not in message
    return message


def test_files_that_are_none(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "delf.safetensors"
    error_of(path)
    data = weights.read_bytes()
    for content in (b"", b"no safetensors", data[: len(data) // 2], data[8:]):
        path.write_bytes(content)
        error_of(path)


def test_files_of_other_networks(tmp_path: Path) -> None:
    path = tmp_path / "delf.safetensors"
    tensors = published()
    kernel = tensors.pop("pca/mean")
    save_file(tensors, path)
    assert "pca/mean" in error_of(path)
    save_file(tensors | {"pca/mean": kernel[:40].clone()}, path)
    with pytest.raises(WeightsMismatchError, match="mean"):
        Delf(path)


@pytest.fixture(scope="module")
def stand_in() -> Delf:
    return Delf()


def test_the_stand_in_says_what_it_is(stand_in: Delf) -> None:
    assert stand_in.name == "delf-imagenet"
    assert stand_in.weights.startswith("NOT the published weights")


def local(points: NDArray[np.float64], codes: NDArray[np.int64], width: int) -> Features:
    """Features of which equal codes match and others do not."""
    return {
        "points": points.astype(np.float32),
        "descriptors": np.eye(40, dtype=np.float32)[codes],
        "scaled": np.array([width, width // 2]),
        "original": np.array([2 * width, width]),
    }


def test_inliers_of_an_affine_map_count(stand_in: Delf) -> None:
    random = np.random.default_rng(0)
    here = random.uniform(0, (384, 192), (30, 2))
    there = here @ np.array([[0.5, 0.1], [-0.1, 0.5]]) + (1000, 300)
    there[20:] = random.uniform(0, (1664, 832), (10, 2))  # wrong matches
    codes = np.arange(30)
    answer = stand_in.compare(local(here, codes, 384), local(there, codes, 1664), panorama=True)
    assert 20 <= answer.score <= 22
    assert answer.box is not None and answer.yaw is not None
    right = there[:20] * 2  # in pixels of the panorama as it was given
    assert answer.box.left <= right[:, 0].min() and answer.box.top <= right[:, 1].min()
    assert answer.box.left + answer.box.width >= right[:, 0].max()
    centre = np.array([192, 96]) @ np.array([[0.5, 0.1], [-0.1, 0.5]]) + (1000, 300)
    assert answer.yaw == pytest.approx((centre[0] / 1664 - 0.5) * 360, abs=3)


def test_descriptors_too_far_apart_do_not_match(stand_in: Delf) -> None:
    points = np.random.default_rng(1).uniform(0, 300, (20, 2))
    here, there = local(points, np.arange(20), 384), local(points, np.arange(20, 40), 384)
    assert stand_in.compare(here, there, panorama=False).score == 0
    assert stand_in.compare(here, here, panorama=False).score == 20
    assert stand_in.compare(here, here, panorama=False).yaw is None


def test_three_matches_are_no_place(stand_in: Delf) -> None:
    points = np.array([[0, 0], [100, 0], [0, 100]])
    few = local(points, np.arange(3), 384)
    answer = stand_in.compare(few, few, panorama=True)
    assert answer.score == 3 and answer.box is None and answer.yaw is None


def test_the_stand_in_finds_a_view_in_its_panorama(
    stand_in: Delf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placeproof.evaluation.methods.descriptor.PANORAMA_SIZE", (832, 416))
    monkeypatch.setattr("placeproof.evaluation.methods.descriptor.PHOTO_SIDE", 192)
    monkeypatch.setattr(delf, "STAND_IN_SCALES", (1.0,))
    panorama = blocks(3)
    photo = panorama[128:288, 512:704]
    query = stand_in.features(photo, panorama=False)
    assert query["descriptors"].shape[1] == 40
    true, false = (
        stand_in.compare(query, stand_in.features(p, panorama=True), panorama=True)
        for p in (panorama, blocks(4))
    )
    assert true.score > 2 * false.score
    assert true.yaw == pytest.approx((608 / 832 - 0.5) * 360, abs=5)
    assert true.box is not None
    assert true.box.left >= 500 and true.box.left + true.box.width <= 720


def test_without_opencv_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(EvaluationError, match="local-features"):
        Delf()
