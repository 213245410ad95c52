import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub import FakeHub, hub_fixture  # noqa: F401
from placeproof.errors import DownloadError, DownloadNotAllowedError, WeightsError
from placeproof.network.checkpoint import load_checkpoint
from placeproof.weights_store import CHECKPOINT_FILE, SHIPPED

NAME = "someone/weights"
TOKEN = "hf_this-must-never-be-shown"
Cli = Callable[..., Any]


@pytest.fixture(autouse=True)
def stocked(hub: FakeHub, checkpoint_path: Path) -> None:
    hub.add(NAME, CHECKPOINT_FILE, checkpoint_path.read_bytes())


def test_fetch_says_where_the_weights_are(
    cli: Cli, hub: FakeHub, checkpoint_path: Path, tmp_path: Path
) -> None:
    run = cli("weights", "fetch", NAME)
    assert (run.code, run.err) == (0, "")
    path = tmp_path / "weights" / "someone--weights" / CHECKPOINT_FILE
    assert str(path) in run.out
    assert path.read_bytes() == checkpoint_path.read_bytes()
    del hub.requests[:]
    assert cli("weights", "fetch", NAME) == run
    assert not hub.requests


def test_fetch_goes_on_where_it_broke_off(cli: Cli, hub: FakeHub) -> None:
    hub.cuts = [100_000, 0]
    run = cli("weights", "fetch", NAME)
    assert run.code == DownloadError.exit_code
    assert run.err.startswith("placeproof: error: cannot download")
    assert run.err.count("\n") == 1
    assert run.out == ""
    assert cli("weights", "fetch", NAME).code == 0
    assert hub.ranges() == [None, "bytes=100000-", "bytes=100000-"]


def test_the_token_is_never_shown(cli: Cli, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.token = "hf_the-right-one"
    for token, code in ((TOKEN, DownloadError.exit_code), (hub.token, 0)):
        monkeypatch.setenv("HF_TOKEN", token)
        run = cli("--debug", "weights", "fetch", NAME)
        assert run.code == code
        assert token not in run.out + run.err


def test_unknown_names(cli: Cli, hub: FakeHub) -> None:
    run = cli("weights", "fetch", "no-such-model")
    assert run.code == WeightsError.exit_code
    assert "no-such-model" in run.err
    assert not hub.requests


def test_list_shows_what_ships_and_what_was_fetched(cli: Cli) -> None:
    first = cli("weights", "list")
    assert SHIPPED in first.out
    assert NAME not in first.out
    cli("weights", "fetch", NAME)
    run = cli("weights", "list")
    assert run.code == 0
    assert SHIPPED in run.out
    assert NAME in run.out
    assert "someone--weights" in "".join(run.out.split())


def test_show_prints_the_card(cli: Cli, checkpoint_path: Path) -> None:
    run = cli("weights", "show", checkpoint_path)
    assert run.code == 0
    card = load_checkpoint(checkpoint_path).card
    for part in (card.name, card.extractor, card.created, "temperature: 1.0", "seed"):
        assert part.lower() in run.out.lower()


def test_show_as_json(cli: Cli, checkpoint_path: Path) -> None:
    document = json.loads(cli("weights", "show", checkpoint_path, "--json").out)
    checkpoint = load_checkpoint(checkpoint_path)
    assert document["name"] == "hand-set"
    assert document["operation"]["consistent_from"] == 0.8
    assert document["sha256"] == checkpoint.sha256
    assert document["file"] == str(checkpoint_path)


def test_show_downloads_nothing(cli: Cli, hub: FakeHub) -> None:
    run = cli("weights", "show", NAME)
    assert run.code == DownloadNotAllowedError.exit_code
    assert run.err.rstrip().endswith(f"placeproof weights fetch {NAME}")
    assert not hub.requests
    cli("weights", "fetch", NAME)
    assert cli("weights", "show", NAME).code == 0


def test_show_refuses_what_is_no_checkpoint(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"\x80\x04\x95")
    assert cli("weights", "show", path).code == WeightsError.exit_code
    assert cli("weights", "show", tmp_path / "missing.safetensors").code == WeightsError.exit_code
