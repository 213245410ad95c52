from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from hub import FakeHub, hub_fixture  # noqa: F401
from placeproof import weights_store
from placeproof.errors import DownloadError, DownloadNotAllowedError, WeightsError
from placeproof.network.checkpoint import load_checkpoint
from placeproof.weights_store import (
    CHECKPOINT_FILE,
    SHIPPED,
    SHIPPED_FILE,
    TIMM_FILE,
    downloaded,
    fetch,
    find_checkpoint,
    find_published,
)

SOME_TENSORS = save({"numbers": np.zeros(8)})


def test_the_shipped_checkpoint_needs_no_download(hub: FakeHub) -> None:
    assert find_checkpoint(allow_download=False) == SHIPPED_FILE
    assert find_checkpoint(None, allow_download=True) == SHIPPED_FILE
    assert find_checkpoint(SHIPPED, allow_download=True) == SHIPPED_FILE
    assert fetch(SHIPPED) == SHIPPED_FILE
    assert not hub.requests


def test_a_file_is_taken_as_it_is(
    hub: FakeHub, checkpoint_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_checkpoint(str(checkpoint_path), allow_download=False) == checkpoint_path
    missing = tmp_path / "missing.safetensors"
    assert find_checkpoint(str(missing), allow_download=True) == missing
    monkeypatch.chdir(tmp_path)
    Path("owner").mkdir()
    Path("owner/name").write_bytes(checkpoint_path.read_bytes())
    assert find_checkpoint("owner/name", allow_download=True) == Path("owner/name")
    assert not hub.requests


def test_a_repositorys_checkpoint_is_downloaded_once(hub: FakeHub, checkpoint_path: Path) -> None:
    hub.add("someone/weights", CHECKPOINT_FILE, checkpoint_path.read_bytes())
    reports: list[tuple[int, int]] = []
    path = find_checkpoint(
        "someone/weights", allow_download=True, progress=lambda *report: reports.append(report)
    )
    size = checkpoint_path.stat().st_size
    assert reports[-1] == (size, size)
    assert load_checkpoint(path).sha256 == load_checkpoint(checkpoint_path).sha256
    del hub.requests[:]
    assert find_checkpoint("someone/weights", allow_download=False) == path
    assert find_checkpoint("someone/weights", allow_download=True) == path
    assert fetch("someone/weights") == path
    assert not hub.requests


@pytest.mark.parametrize(
    ("find", "name"), [(find_checkpoint, "someone/weights"), (find_published, "resnet50")]
)
def test_nothing_is_downloaded_unasked(hub: FakeHub, find, name: str) -> None:
    with pytest.raises(DownloadNotAllowedError, match=f"run: placeproof weights fetch {name}$"):
        find(name, allow_download=False)
    assert not hub.requests
    assert downloaded() == []


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("resnet50", "timm/resnet50.tv_in1k"),
        ("efficientnet-lite2", "timm/tf_efficientnet_lite2.in1k"),
        ("test_resnet", "timm/test_resnet.r160_in1k"),
        ("resnet50.a1_in1k", "timm/resnet50.a1_in1k"),
    ],
)
def test_an_extractors_weights_come_from_timms_repository(
    hub: FakeHub, name: str, repository: str
) -> None:
    hub.add(repository, TIMM_FILE, SOME_TENSORS)
    assert fetch(name).read_bytes() == SOME_TENSORS
    assert find_published(name, allow_download=False) == fetch(name)
    assert {file.path.split("?")[0] for file in hub.transfers()} == {f"/{repository}/{TIMM_FILE}"}


@pytest.mark.parametrize("name", ["no-such-model", "resnet50.no_such_tag", "hf-hub:a/b", ""])
def test_an_extractor_without_published_weights(hub: FakeHub, name: str) -> None:
    with pytest.raises(WeightsError, match="publishes no weights"):
        fetch(name)
    assert not hub.requests


@pytest.mark.parametrize(
    "name", ["resnet50", "a/b/c", "../weights", "a/..", "a--b/c", "https://a.example/b", "", "ä/b"]
)
def test_names_that_no_checkpoint_can_have(hub: FakeHub, name: str) -> None:
    with pytest.raises(WeightsError, match=SHIPPED):
        find_checkpoint(name, allow_download=True)
    assert not hub.requests


def test_a_failed_download_leaves_nothing_to_find(hub: FakeHub) -> None:
    hub.add("someone/weights", CHECKPOINT_FILE, SOME_TENSORS)
    hub.stated_sha256 = "0" * 64
    with pytest.raises(DownloadError):
        fetch("someone/weights")
    assert downloaded() == []
    with pytest.raises(DownloadNotAllowedError):
        find_checkpoint("someone/weights", allow_download=False)


def test_what_is_downloaded_is_listed(hub: FakeHub) -> None:
    hub.add("someone/weights", CHECKPOINT_FILE, SOME_TENSORS)
    hub.add("timm/test_resnet.r160_in1k", TIMM_FILE, SOME_TENSORS)
    paths = [fetch("someone/weights"), fetch("test_resnet")]
    assert [(file.repository, file.path) for file in downloaded()] == [
        ("someone/weights", paths[0]),
        ("timm/test_resnet.r160_in1k", paths[1]),
    ]


def test_downloads_are_kept_in_the_users_cache() -> None:
    assert weights_store.downloads_folder().parts[-1] == "weights"
    assert "placeproof" in weights_store.downloads_folder().parts
