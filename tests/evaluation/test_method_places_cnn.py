import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import models

from placeproof.errors import WeightsError, WeightsMismatchError
from placeproof.evaluation.methods.descriptor import imagenet_normalised
from placeproof.evaluation.methods.places_cnn import PlacesCnn
from placeproof.patches import as_batch


def picture(seed: int, width: int = 300, height: int = 200) -> NDArray[np.uint8]:
    blocks = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return np.kron(blocks, np.ones((height // 5, width // 5, 1), np.uint8))


def random_network(architecture: str, classes: int = 365) -> torch.nn.Module:
    torch.manual_seed(0)
    network: torch.nn.Module = getattr(models, architecture)(weights=None, num_classes=classes)
    return network.eval()


def save_as_published(state: dict[str, Tensor], path: Path, **options: Any) -> Path:
    """As the authors' training leaves it; their version of torch did not count batches."""
    old = {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}
    content = {"epoch": 90, "arch": "x", "state_dict": old, "best_prec1": torch.tensor(54.7)}
    torch.save(content, path, **options)
    return path


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = {f"module.{n}": t for n, t in random_network("resnet18").state_dict().items()}
    return save_as_published(state, tmp_path_factory.mktemp("places") / "r18_places365.pth.tar")


def test_it_is_the_network_before_its_classifier(resnet18: Path) -> None:
    method = PlacesCnn(resnet18)
    network = random_network("resnet18")
    seen: list[Tensor] = []
    network.get_submodule("fc").register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0]))
    with torch.inference_mode():
        network(imagenet_normalised(as_batch(picture(0), (224, 224))))
    expected = torch.nn.functional.normalize(seen[0], dim=1).numpy()
    found = method.features(picture(0), panorama=False)["descriptors"]
    assert found.shape == (1, 512)
    assert np.allclose(found, expected, atol=1e-5)
    assert method.name == "places-cnn" and "resnet18" in method.weights


def test_resnet50_as_published_in_the_old_file_format(tmp_path: Path) -> None:
    state = {f"module.{n}": t for n, t in random_network("resnet50").state_dict().items()}
    path = save_as_published(state, tmp_path / "a.tar", _use_new_zipfile_serialization=False)
    found = PlacesCnn(path).features(picture(0, 400, 200), panorama=True)["descriptors"]
    assert found.shape == (1, 2048)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


def test_vgg16_gives_its_last_hidden_layer(tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = {n: t.shape for n, t in random_network("vgg16").state_dict().items()}
    # Equal numbers take no room in the file. "module." stands in the middle of VGG's names.
    state = {
        n.replace("features.", "features.module."): torch.full((1,), 1e-3).expand(s)
        for n, s in shapes.items()
    }
    found = PlacesCnn(save_as_published(state, tmp_path / "vgg.pth.tar"))
    assert found.features(picture(0), panorama=False)["descriptors"].shape == (1, 4096)


def test_other_weights_have_other_features(resnet18: Path, tmp_path: Path) -> None:
    state = torch.load(resnet18, weights_only=True)["state_dict"]
    state["module.conv1.weight"] = state["module.conv1.weight"] + 1
    other = save_as_published(state, tmp_path / resnet18.name)
    assert PlacesCnn(other).features_key != PlacesCnn(resnet18).features_key


def error_of(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        PlacesCnn(path)
    message = str(caught.value)
    assert path.name in message and "\n" not in message
    return message


def test_files_that_are_none(resnet18: Path, tmp_path: Path) -> None:
    path = tmp_path / "file.pth.tar"
    error_of(path)
    data = resnet18.read_bytes()
    for content in (b"", b"not torch's", data[: len(data) // 2], data[1000:]):
        path.write_bytes(content)
        error_of(path)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    class Code:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "was-run",)

    path = tmp_path / "code.pth.tar"
    path.write_bytes(pickle.dumps(Code(), protocol=2))
    error_of(path)
    torch.save({"state_dict": Code()}, path)
    error_of(path)
    assert not (tmp_path / "was-run").exists()


def test_other_networks(tmp_path: Path) -> None:
    path = tmp_path / "other.pth.tar"
    torch.save(torch.zeros(3), path)
    assert "state_dict" in error_of(path)
    torch.save({"state_dict": {"epoch": 3}}, path)
    assert "state_dict" in error_of(path)
    save_as_published(random_network("resnet18", classes=1000).state_dict(), path)
    assert "365" in error_of(path)
    with pytest.raises(WeightsMismatchError):
        PlacesCnn(path)


def test_the_stand_in_says_what_it_is() -> None:
    method = PlacesCnn()
    assert method.name == "places-cnn-imagenet"
    assert method.weights.startswith("NOT the published weights")
    one, again, other = (method.features(picture(seed), panorama=False) for seed in (0, 0, 1))
    assert one["descriptors"].shape == (1, 352)
    assert np.array_equal(one["descriptors"], again["descriptors"])
    same = method.compare(one, again, panorama=False).score
    assert same == pytest.approx(1) and method.compare(one, other, panorama=False).score < same
