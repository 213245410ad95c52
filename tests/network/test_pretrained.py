from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file as read_tensors
from safetensors.torch import save, save_file
from torch import Tensor

from hub import FakeHub, hub_fixture  # noqa: F401
from placeproof.errors import DownloadNotAllowedError, WeightsError, WeightsMismatchError
from placeproof.network.features import FeatureExtractor
from placeproof.network.pretrained import load_file, load_pretrained
from placeproof.weights_store import TIMM_FILE

# One for each way in which timm makes a model yield feature maps.
MODELS = ["test_resnet", "test_efficientnet", "test_convnext", "test_vit"]


def published(name: str, seed: int = 1) -> torch.nn.Module:
    """A whole timm model of which every tensor, also normalisation's, differs from the default."""
    torch.manual_seed(seed)
    model: torch.nn.Module = timm.create_model(name).eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor) * 0.05)
    return model


def states_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("name", MODELS)
def test_the_extractor_computes_what_the_published_model_does(name: str, tmp_path: Path) -> None:
    model = published(name)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    extractor = FeatureExtractor(name)
    load_file(extractor, tmp_path / "model.safetensors")
    model, extractor = model.double(), extractor.double()
    side = model.pretrained_cfg["input_size"][1]
    seeded = torch.Generator().manual_seed(0)
    picture = torch.rand(2, 3, side, side, generator=seeded, dtype=torch.float64)
    with torch.inference_mode():
        normalised = (picture - extractor.mean) / extractor.std
        expected = model.forward_intermediates(normalised, intermediates_only=True)[-1]
        torch.testing.assert_close(extractor(picture, wraps=False), expected)


def test_every_tensor_of_the_backbone_is_replaced(tmp_path: Path) -> None:
    model = published("test_resnet")
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    extractor = FeatureExtractor("test_resnet")
    load_file(extractor, tmp_path / "model.safetensors")
    whole = model.state_dict()
    assert states_equal(
        extractor.backbone.state_dict(), {n: whole[n] for n in extractor.backbone.state_dict()}
    )


@pytest.mark.parametrize("change", ["lacks", "adds", "shape", "other model"])
def test_another_models_tensors_are_refused_and_change_nothing(change: str, tmp_path: Path) -> None:
    tensors = dict(published("test_resnet").state_dict())
    if change == "lacks":
        del tensors["layer2.0.bn1.running_var"]
    elif change == "adds":
        tensors["layer9.weight"] = torch.zeros(1)
    elif change == "shape":
        tensors["layer2.0.bn1.weight"] = torch.ones(3)
    else:
        tensors = published("test_efficientnet").state_dict()
    path = tmp_path / "model.safetensors"
    save_file(tensors, path)
    extractor = FeatureExtractor("test_resnet")
    before = {name: t.clone() for name, t in extractor.state_dict().items()}
    with pytest.raises(WeightsMismatchError, match="test_resnet") as caught:
        load_file(extractor, path)
    assert str(caught.value).isprintable()
    assert states_equal(before, extractor.state_dict())


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95pickle", None])
def test_what_is_no_safetensors_file_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match="cannot read weights"):
        load_file(FeatureExtractor("test_resnet"), path)


def test_published_weights_are_downloaded_once_and_only_when_asked(hub: FakeHub) -> None:
    tensors = published("test_resnet").state_dict()
    hub.add("timm/test_resnet.r160_in1k", TIMM_FILE, save(tensors))
    extractor = FeatureExtractor("test_resnet")
    command = "placeproof weights fetch test_resnet"
    with pytest.raises(DownloadNotAllowedError, match=f"{command}$"):
        load_pretrained(extractor, allow_download=False)
    assert not hub.requests
    reports: list[int] = []
    load_pretrained(extractor, allow_download=True, progress=lambda here, _: reports.append(here))
    assert reports[-1] == len(save(tensors))
    assert torch.equal(extractor.backbone.state_dict()["conv1.0.weight"], tensors["conv1.0.weight"])
    assert {r.path.rpartition("/")[2].split("?")[0] for r in hub.requests} == {TIMM_FILE}
    del hub.requests[:]
    load_pretrained(FeatureExtractor("test_resnet"), allow_download=False)
    load_pretrained(FeatureExtractor("test_resnet"), allow_download=True)
    assert not hub.requests


def test_a_checkpoint_of_placeproofs_is_no_published_model(
    checkpoint_path: Path,
) -> None:
    assert read_tensors(checkpoint_path)
    with pytest.raises(WeightsMismatchError):
        load_file(FeatureExtractor("test_resnet"), checkpoint_path)
