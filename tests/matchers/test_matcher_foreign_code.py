import functools
import pickle
import random
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants, snapshot_download

from placeproof.errors import DownloadError, DownloadNotAllowedError, WeightsError
from placeproof.matchers.foreign_code import foreign_code

Loads = Callable[..., None]
NOBODY = "http://127.0.0.1:9/weights.pth"  # a port that answers nothing


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty ones."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of weights, on a server of the test's."""
    (tmp_path / "www").mkdir()
    torch.save({"weight": torch.ones(2)}, tmp_path / "www" / "weights.pth")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path / "www")
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/weights.pth"
        server.shutdown()


def load(url: str, *, allow_download: bool) -> None:
    with foreign_code("it", allow_download=allow_download):
        torch.hub.load_state_dict_from_url(url, progress=False)


def load_and_wrap(url: str, *, allow_download: bool) -> None:
    """Has an error of its own for whatever happens."""
    with foreign_code("it", allow_download=allow_download):
        try:
            torch.hub.load_state_dict_from_url(url, progress=False)
        except Exception as error:
            raise RuntimeError("no weights") from error


@pytest.mark.parametrize("loads", [load, load_and_wrap])
def test_weights_are_downloaded_on_request_only_and_found_afterwards(
    loads: Loads, url: str, caches: Path
) -> None:
    with pytest.raises(DownloadNotAllowedError, match=r"weights of it .* add --allow-download$"):
        loads(url, allow_download=False)
    assert not list(caches.glob("torch/**/*.pth"))
    loads(url, allow_download=True)
    assert list(caches.glob("torch/**/weights.pth"))
    loads(url, allow_download=False)


@pytest.mark.parametrize("loads", [load, load_and_wrap])
def test_a_download_that_fails_is_told_in_one_line(loads: Loads) -> None:
    with pytest.raises(DownloadError, match="cannot download the weights of it: ") as error:
        loads(NOBODY, allow_download=True)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("offline", [True, False])
def test_what_the_hub_has_stored_is_found_without_the_hub(
    offline: bool, caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(DownloadNotAllowedError), foreign_code("it", allow_download=False):
        snapshot_download("somebody/weights")
    folder = caches / "hf" / "models--somebody--weights"
    (folder / "snapshots" / "1234").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("1234")
    with foreign_code("it", allow_download=False):
        assert snapshot_download("somebody/weights") == str(folder / "snapshots" / "1234")
    assert constants.HF_HUB_OFFLINE is offline


@pytest.mark.parametrize("allow_download", [True, False])
def test_code_of_others_is_not_run_whatever_is_allowed(
    allow_download: bool, tmp_path: Path
) -> None:
    (tmp_path / "hubconf.py").write_text("raise SystemExit")
    with (
        pytest.raises(WeightsError, match="it would run code from GitHub, of 'some/code'"),
        foreign_code("it", allow_download=allow_download),
    ):
        torch.hub.load(repo_or_dir="some/code", model="network", trust_repo=True)
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(SystemExit))
    with (
        pytest.raises(WeightsError, match="the code of it failed: Weights only load failed"),
        foreign_code("it", allow_download=allow_download),
    ):
        torch.load(tmp_path / "evil.pth", weights_only=False)


def test_other_failures_are_one_line() -> None:
    with (
        pytest.raises(WeightsError, match=r"the code of it failed: first$"),
        foreign_code("it", allow_download=False),
    ):
        raise IndexError("first\nsecond")
    with (
        pytest.raises(WeightsError, match=r"the code of it failed: AssertionError$"),
        foreign_code("it", allow_download=False),
    ):
        raise AssertionError


@pytest.mark.parametrize("fails", [True, False])
def test_nothing_of_the_process_stays_changed(
    fails: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (torch.load, torch.hub.load)

    def careless() -> None:
        with foreign_code("it", allow_download=False):
            monkeypatch.setattr(torch, "load", print)
            print("Loaded!")  # noqa: T201
            warnings.warn("old-fashioned", stacklevel=1)
            if fails:
                raise ValueError

    with pytest.raises(WeightsError) if fails else warnings.catch_warnings(action="error"):
        careless()
    assert (torch.load, torch.hub.load) == before
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ConnectionRefusedError):  # connections are allowed again
        socket.create_connection(("127.0.0.1", 9))


def test_chance_is_the_same_each_time_and_the_programs_own_goes_on() -> None:
    def draw() -> tuple[float, float, float]:
        return torch.rand(1).item(), float(np.random.rand()), random.random()

    def seed() -> None:
        torch.manual_seed(5)
        np.random.seed(5)
        random.seed(5)

    seed()
    undisturbed = [draw(), draw()]
    seed()
    own, foreign = [], []
    for _ in range(2):
        own.append(draw())
        with foreign_code("it", allow_download=False):
            foreign.append(draw())
    assert own == undisturbed
    assert foreign[0] == foreign[1]
