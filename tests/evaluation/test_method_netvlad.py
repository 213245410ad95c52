import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import savemat
from torchvision.models import vgg16

from placeproof.errors import WeightsError, WeightsMismatchError
from placeproof.evaluation.methods.netvlad import NetVlad, NetVladLayer
from placeproof.patches import as_batch

MEAN = np.array([123.7, 116.8, 103.9], np.float32)


def layer(assignment: NDArray[np.float32], centres: NDArray[np.float32]) -> NetVladLayer:
    made = NetVladLayer(*centres.shape).requires_grad_(False)
    made.assignment.copy_(torch.from_numpy(assignment))
    made.centres.copy_(torch.from_numpy(centres))
    return made


def test_a_case_by_hand() -> None:
    # Two patches, (3, 4) and (2, 0): at unit length (.6, .8) and (1, 0). No preference for a
    # cluster, so half of each. Residuals to (0, 0): half of (1.6, .8); to (1, 0): of (-.4, .8).
    pooled = layer(np.zeros((2, 2), np.float32), np.array([[0, 0], [1, 0]], np.float32))
    features = torch.tensor([[[[3.0, 2.0]], [[4.0, 0.0]]]])
    first, second = np.array([2, 1]) / math.sqrt(5), np.array([-1, 2]) / math.sqrt(5)
    expected = np.stack((first, second), axis=1).ravel() / math.sqrt(2)
    assert np.allclose(pooled(features)[0].numpy(), expected, atol=1e-6)


def test_a_patch_counts_for_its_own_cluster() -> None:
    # A sharp assignment gives (1, 0) to the first cluster alone and nothing to the second.
    centres = np.array([[0.5, 0.5], [0.0, 1.0]], np.float32)
    pooled = layer(100 * np.array([[1, 0], [0, 1]], np.float32), centres)
    found = pooled(torch.tensor([[[[1.0]], [[0.0]]]]))[0].reshape(2, 2).T.numpy()
    assert np.allclose(found[0] / np.linalg.norm(found[0]), [math.sqrt(0.5), -math.sqrt(0.5)])


def by_definition(
    features: NDArray[np.float64], assignment: NDArray[Any], centres: NDArray[Any]
) -> NDArray[np.float64]:
    """NetVLAD's equation 4 and the normalisations around it, in loops."""
    channels, count = features.shape
    clusters = len(centres)
    total = np.zeros((channels, clusters))
    for i in range(count):
        x = features[:, i] / np.linalg.norm(features[:, i])
        weights = [math.exp(float(assignment[k] @ x)) for k in range(clusters)]
        for k in range(clusters):
            for j in range(channels):
                total[j, k] += weights[k] / sum(weights) * (x[j] - centres[k, j])
    for k in range(clusters):
        total[:, k] /= np.linalg.norm(total[:, k])
    return (total / np.linalg.norm(total)).ravel()


@settings(max_examples=40)
@given(
    st.integers(1, 5), st.integers(2, 6), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99)
)
def test_the_layer_is_its_definition(
    clusters: int, channels: int, height: int, width: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    assignment, centres = random.normal(size=(2, clusters, channels)).astype(np.float32)
    features = random.normal(size=(2, channels, height, width)).astype(np.float32)
    found = layer(assignment, centres)(torch.from_numpy(features)).numpy()
    assert found.shape == (2, channels * clusters)
    for one, picture in zip(found, features.reshape(2, channels, -1), strict=True):
        expected = by_definition(picture.astype(np.float64), assignment, centres)
        assert np.allclose(one, expected, atol=1e-4)


def picture(seed: int, width: int = 200, height: int = 160) -> NDArray[np.uint8]:
    blocks = np.random.default_rng(seed).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    return np.kron(blocks, np.ones((height // 10, width // 10, 1), np.uint8))


def backbone() -> torch.nn.Sequential:
    """VGG16 up to conv5_3 with random weights, without the time that torchvision's take."""
    with torch.device("meta"):
        layers = vgg16(weights=None).features[:-2]
    layers = layers.to_empty(device="cpu").requires_grad_(False).eval()
    torch.manual_seed(0)
    for module in layers:
        if isinstance(module, torch.nn.Conv2d) and module.bias is not None:
            module.weight.uniform_(-1, 1).mul_((6 / module.weight[0].numel()) ** 0.5)
            module.bias.uniform_(-0.1, 0.1)
    return layers


def published(clusters: int, size: int) -> dict[str, Any]:
    """Random numbers in the structure of the authors' file, as MATLAB's variables."""
    random = np.random.default_rng(0)
    layers: list[dict[str, Any]] = []

    def weights(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.object_]:
        pair = np.empty((1, 2), object)
        pair[0, 0], pair[0, 1] = first.astype(np.float32), second.astype(np.float32)
        return pair

    for module in backbone():
        if isinstance(module, torch.nn.Conv2d) and module.bias is not None:
            kernel = module.weight.numpy().transpose(2, 3, 1, 0)  # MatConvNet's order
            layers.append({"type": "conv", "weights": weights(kernel, module.bias.numpy()[None])})
        else:
            layers.append({"type": type(module).__name__.lower()})
    layers.append({"type": "normalize", "name": "preL2"})
    clusters_at = random.normal(size=(2, 1, 1, 512, clusters))
    layers.append(
        {"type": "custom", "name": "VLAD", "weights": weights(10 * clusters_at[0], clusters_at[1])}
    )
    layers += [{"type": "normalize", "name": "vlad:intranorm"}, {"type": "custom", "weights": []}]
    # Whitening that keeps the first numbers and scales them.
    whitening = np.zeros((1, 1, 512 * clusters, size), np.float32)
    whitening[0, 0, np.arange(size), np.arange(size)] = np.arange(1, size + 1) / size
    offset = -random.normal(size=(1, size)) / 100
    layers.append({"type": "conv", "name": "WPCA", "weights": weights(whitening, offset)})
    layers.append({"type": "custom", "name": "finalL2"})
    cells = np.empty((1, len(layers)), object)
    cells[0, :] = layers
    mean = np.broadcast_to(MEAN, (224, 224, 3))
    return {"net": {"layers": cells, "meta": {"normalization": {"averageImage": mean}}}}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("netvlad") / "Small_struct.mat"
    savemat(path, published(clusters=3, size=7))
    return path


def test_the_published_file_is_run_as_published(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placeproof.evaluation.methods.descriptor.PHOTO_SIDE", 96)
    method = NetVlad(small)
    assert method.name == "netvlad" and small.name in method.weights
    found = method.features(picture(0), panorama=False)["descriptors"][0]

    net = published(clusters=3, size=7)["net"]
    pixels = as_batch(picture(0), (96, 77)) * 255 - torch.from_numpy(MEAN)[:, None, None]
    features = backbone()(pixels)[0].flatten(1).double().numpy()
    assignment, minus_centres = (w[0, 0].T for w in net["layers"][0][30]["weights"][0])
    pooled = by_definition(features, assignment, -minus_centres)
    whitening, offset = net["layers"][0][33]["weights"][0]
    expected = pooled @ whitening[0, 0] + offset[0]
    assert np.allclose(found, expected / np.linalg.norm(expected), atol=1e-4)


def test_the_published_size(tmp_path: Path) -> None:
    path = tmp_path / "Pitts30K_struct.mat"
    savemat(path, published(clusters=8, size=4096))  # with 64 the file has half a gigabyte
    method = NetVlad(path)
    found = method.features(picture(0, 32, 32), panorama=False)["descriptors"]
    assert found.shape == (1, 4096) and found.dtype == np.float32
    assert "4096" in method.weights


def test_panoramas_are_described_whole(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placeproof.evaluation.methods.descriptor.PANORAMA_SIZE", (128, 64))
    features = NetVlad(small).features(picture(1, 400, 200), panorama=True)
    assert features["descriptors"].shape == (1, 7)


def error_of(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        NetVlad(path)
    message = str(caught.value)
    assert path.name in message and "\n" not in message
    return message


def test_files_that_are_none(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "file.mat"
    error_of(path)
    data = small.read_bytes()
    hdf5 = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" + bytes(400)
    for content in (b"", b"no MATLAB file" * 20, data[: len(data) // 2], data[:300], hdf5):
        path.write_bytes(content)
        error_of(path)


def test_other_networks(tmp_path: Path) -> None:
    path = tmp_path / "other.mat"
    savemat(path, {"net": np.zeros(3)})
    assert "no NetVLAD network" in error_of(path)
    savemat(path, {"something": np.zeros(3)})
    error_of(path)
    without = published(clusters=2, size=4)
    without["net"]["layers"] = without["net"]["layers"][:, :33]
    savemat(path, without)
    assert "whitening" in error_of(path)
    strange = published(clusters=2, size=4)
    strange["net"]["layers"][0, 2]["weights"][0, 0] = np.zeros((3, 3, 64, 65), np.float32)
    savemat(path, strange)
    with pytest.raises(WeightsMismatchError, match=r"backbone\.2\.weight"):
        NetVlad(path)


@pytest.fixture(scope="module")
def stand_in() -> NetVlad:
    return NetVlad()


def test_the_stand_in_says_what_it_is(stand_in: NetVlad) -> None:
    assert stand_in.name == "netvlad-imagenet"
    assert stand_in.weights.startswith("NOT the published weights")
    assert "untrained" in stand_in.title


def test_the_stand_in_tells_pictures_apart(stand_in: NetVlad) -> None:
    plain = np.full((160, 200, 3), 128, np.uint8)
    one, again, other = (
        stand_in.features(pixels, panorama=False) for pixels in (picture(0), picture(0), plain)
    )
    assert one["descriptors"].shape == (1, 64 * 472)
    assert np.array_equal(one["descriptors"], again["descriptors"])
    assert stand_in.compare(one, other, panorama=False).score < 0.9


def test_the_stand_in_ignores_where_a_panorama_begins(
    stand_in: NetVlad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placeproof.evaluation.methods.descriptor.PANORAMA_SIZE", (512, 256))
    panorama = np.kron(picture(2, 20, 10), np.ones((26, 26, 1), np.uint8))[:256, :512]
    turned = np.roll(panorama, 160, axis=1)  # five of the coarsest patches
    one, two = (stand_in.features(p, panorama=True) for p in (panorama, turned))
    assert stand_in.compare(one, two, panorama=True).score > 0.999
