import functools
import io
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from hub import FakeHub, hub_fixture  # noqa: F401
from placeproof.errors import (
    DownloadError,
    DownloadNotAllowedError,
    EvaluationError,
    PlaceproofError,
    WeightsError,
    WeightsMismatchError,
)
from placeproof.evaluation.methods.dinov2 import DinoV2
from placeproof.evaluation.methods.hub import HubMethod
from placeproof.evaluation.methods.hub_models import MODELS, NESTED

HUBCONF = """
dependencies = ["torch"]
import torch
from model import Network

def get_trained_model(**options):
    print("Returning a model")
    {before}
    torch.manual_seed(0)
    return Network(**options){after}
"""
MODEL = """
import torch

class Network(torch.nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.options = options
        self.conv = torch.nn.Conv2d(3, 5, 4, stride=4)

    def forward(self, images):
        self.seen = tuple(images.shape)
        return self.conv(images).relu().mean(dim=(2, 3))
"""
TINY = "test_vit.r160_in1k"  # timm's smallest vision transformer


@pytest.fixture(autouse=True)
def hub_folder(tmp_path: Path) -> Iterator[Path]:
    """torch.hub keeps what it downloads in a folder of the test's."""
    usual = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path / "torch-hub")
    (tmp_path / "torch-hub").mkdir()
    yield tmp_path / "torch-hub"
    torch.hub.set_dir(usual)


def repository(folder: Path, *, before: str = "pass", after: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hubconf.py").write_text(HUBCONF.format(before=before, after=after))
    (folder / "model.py").write_text(MODEL)
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address at which a server offers the files in the folder "served"."""
    (tmp_path / "served").mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def picture(width: int = 640, height: int = 480, seed: int = 0) -> NDArray[np.uint8]:
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.kron(blocks, np.ones((height // 8, width // 8, 1), np.uint8))


def one_line(error: pytest.ExceptionInfo[PlaceproofError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_local_repository_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    method = HubMethod("megaloc", repository(tmp_path / "MegaLoc"))
    assert method.name == "megaloc" and method.title == "MegaLoc"
    assert "folder MegaLoc" in method.weights
    features = method.features(picture(), panorama=False)
    assert features["descriptors"].shape == (1, 5)
    assert method._model.seen == (1, 3, 322, 322)
    assert method.features(picture(640, 320), panorama=True)["descriptors"].shape == (8, 5)
    assert method.compare(features, features, panorama=False).score == pytest.approx(1)
    assert capsys.readouterr().out == ""


def test_models_that_see_pictures_in_their_own_shape(tmp_path: Path) -> None:
    method = HubMethod("eigenplaces", repository(tmp_path / "EigenPlaces"))
    assert method._model.options == {"backbone": "ResNet50", "fc_output_dim": 2048}
    method.features(picture(320, 160), panorama=False)
    assert method._model.seen == (1, 3, 512, 1024)


def test_a_repository_leaves_no_trace(tmp_path: Path) -> None:
    load, path = torch.hub.load, list(sys.path)
    repository(tmp_path / "one")
    other = repository(tmp_path / "other")
    (other / "model.py").write_text(MODEL.replace("5, 4", "7, 4"))
    sizes = [
        HubMethod("megaloc", tmp_path / name).features(picture(), panorama=False)
        for name in ("one", "other")
    ]
    assert [f["descriptors"].shape[1] for f in sizes] == [5, 7]
    assert "model" not in sys.modules and torch.hub.load is load and sys.path == path


def test_other_weights_have_other_features(tmp_path: Path) -> None:
    keys = [
        HubMethod("megaloc", repository(tmp_path / f"{n}", after=text)).features_key
        for n, text in enumerate(("", "", ".requires_grad_(False).half()"))
    ]
    assert keys[0] == keys[1] != keys[2]


def test_nothing_is_downloaded_unasked() -> None:
    for name in MODELS:
        with pytest.raises(DownloadNotAllowedError, match="--allow-download") as caught:
            HubMethod(name)
        assert name in one_line(caught)


def test_a_repository_may_not_download_unasked(tmp_path: Path, server: str) -> None:
    buffer = io.BytesIO()
    torch.save({"bias": torch.ones(5)}, buffer)
    (tmp_path / "served" / "weights.pth").write_bytes(buffer.getvalue())
    before = f"torch.hub.load_state_dict_from_url('{server}/weights.pth', progress=False)"
    folder = repository(tmp_path / "MegaLoc", before=before)
    with pytest.raises(DownloadNotAllowedError, match="megaloc would have to be downloaded") as e:
        HubMethod("megaloc", folder)
    one_line(e)
    HubMethod("megaloc", folder, allow_download=True)
    HubMethod("megaloc", folder)  # they are in torch's own cache now


def test_a_failed_download_is_one(tmp_path: Path) -> None:
    before = "torch.hub.load_state_dict_from_url('http://127.0.0.1:9/weights.pth')"
    folder = repository(tmp_path / "MegaLoc", before=before)
    with pytest.raises(DownloadError, match="megaloc") as caught:
        HubMethod("megaloc", folder, allow_download=True)
    one_line(caught)


def test_the_pinned_commit_is_downloaded_once(
    tmp_path: Path, hub_folder: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = MODELS["megaloc"].commit
    asked: list[tuple[str, str, str]] = []

    def link(owner: str, name: str, ref: str) -> str:
        asked.append((owner, name, ref))
        return f"{server}/archive.zip"

    monkeypatch.setattr("torch.hub._git_archive_link", link)
    with zipfile.ZipFile(tmp_path / "served" / "archive.zip", "w") as archive:
        archive.writestr(f"gmberton-MegaLoc-{commit[:7]}/", "")
        for file in repository(tmp_path / "MegaLoc").glob("*.py"):
            archive.write(file, f"gmberton-MegaLoc-{commit[:7]}/{file.name}")
    method = HubMethod("megaloc", allow_download=True)
    assert asked == [("gmberton", "MegaLoc", commit)]
    assert commit[:12] in method.weights
    assert (hub_folder / f"gmberton_MegaLoc_{commit}" / "hubconf.py").is_file()
    assert HubMethod("megaloc").features_key == method.features_key
    assert len(asked) == 1


def test_repositories_within_are_pinned_or_refused(tmp_path: Path, hub_folder: Path) -> None:
    known = NESTED["facebookresearch/dinov2"]
    inner = repository(hub_folder / f"facebookresearch_dinov2_{known}")
    (inner / "hubconf.py").write_text("def dinov2_vitb14():\n    return 'backbone'\n")
    before = "assert torch.hub.load('facebookresearch/dinov2', 'dinov2_vitb14') == 'backbone'"
    HubMethod("megaloc", repository(tmp_path / "known", before=before))
    before = "torch.hub.load('somebody/else:main', 'anything')"
    with pytest.raises(WeightsError, match="another repository, 'somebody/else:main'") as caught:
        HubMethod("megaloc", repository(tmp_path / "unknown", before=before))
    one_line(caught)


def test_commits_are_pinned() -> None:
    commits = [model.commit for model in MODELS.values()] + list(NESTED.values())
    assert all(len(commit) == 40 and int(commit, 16) for commit in commits)


def test_folders_that_are_no_such_repository(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"hubconf\.py") as caught:
        HubMethod("megaloc", tmp_path / "missing")
    one_line(caught)
    for number, before in enumerate(
        ("raise ValueError('one\\ntwo')", "return 3", "import no_such")
    ):
        folder = repository(tmp_path / f"{number}", before=before)
        with pytest.raises(WeightsError, match="megaloc") as caught:
            HubMethod("megaloc", folder)
        one_line(caught)


def test_a_model_that_gives_no_vector(tmp_path: Path) -> None:
    folder = repository(tmp_path / "MegaLoc")
    (folder / "model.py").write_text(MODEL.replace(".mean(dim=(2, 3))", ""))
    with pytest.raises(EvaluationError, match="one vector") as caught:
        HubMethod("megaloc", folder).features(picture(), panorama=False)
    one_line(caught)


def tiny_weights() -> bytes:
    torch.manual_seed(0)
    state = timm.create_model(TINY, pretrained=False).state_dict()
    return save({name: tensor.contiguous() for name, tensor in state.items()})


def test_dinov2_comes_from_the_hub_if_allowed(hub: FakeHub) -> None:
    hub.add(f"timm/{TINY}", "model.safetensors", tiny_weights())
    with pytest.raises(DownloadNotAllowedError, match=f"weights fetch {TINY}") as caught:
        DinoV2(model=TINY)
    one_line(caught)
    assert not hub.requests
    method = DinoV2(model=TINY, allow_download=True)
    features = method.features(picture(), panorama=False)
    assert features["descriptors"].shape == (1, 64)
    views = method.features(picture(640, 320, seed=1), panorama=True)
    assert views["descriptors"].shape == (8, 64)
    assert -1 <= method.compare(features, views, panorama=True).score <= 1
    asked = len(hub.requests)
    assert DinoV2(model=TINY).features_key == method.features_key
    assert len(hub.requests) == asked


def test_dinov2_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for content in (None, b"", b"no safetensors", tiny_weights()[:5000]):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"model\.safetensors") as caught:
            DinoV2(path, model=TINY)
        one_line(caught)
    path.write_bytes(save({"cls_token": torch.zeros(1, 1, 64)}))
    with pytest.raises(WeightsMismatchError) as mismatch:
        DinoV2(path, model=TINY)
    one_line(mismatch)
    path.write_bytes(tiny_weights())
    method = DinoV2(path, model=TINY)
    model = timm.create_model(TINY, pretrained=False, num_classes=0, dynamic_img_size=True)
    torch.manual_seed(0)
    whole = timm.create_model(TINY, pretrained=False)
    model.load_state_dict(whole.state_dict(), strict=False)
    pixels = np.full((64, 64, 3), 128, np.uint8)
    mean, std = (torch.tensor(model.pretrained_cfg[k]).view(1, 3, 1, 1) for k in ("mean", "std"))
    with torch.inference_mode():
        expected = model.eval()((torch.full((1, 3, 320, 320), 128 / 255) - mean) / std)
    expected = torch.nn.functional.normalize(expected, dim=1).numpy()
    assert np.allclose(method.features(pixels, panorama=False)["descriptors"], expected, atol=1e-4)
