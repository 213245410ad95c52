import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import load_file, save

from hub import COMMIT, FakeHub, hub_fixture  # noqa: F401
from placeproof.download import ATTEMPTS, Progress, download
from placeproof.errors import DownloadError, PlaceproofError, StorageError, WeightsError

REPOSITORY = "someone/weights"
FILENAME = "placeproof.safetensors"
NUMBERS = np.random.default_rng(0).random(100_000)
CONTENT = save({"numbers": NUMBERS})
TOKEN = "hf_this-must-never-be-shown"


@pytest.fixture(autouse=True)
def stocked(hub: FakeHub) -> None:
    hub.add(REPOSITORY, FILENAME, CONTENT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / FILENAME


def fetch(path: Path, repository: str = REPOSITORY) -> list[tuple[int, int]]:
    """Downloads the file and returns the progress that was reported."""
    reports: list[tuple[int, int]] = []
    download(repository, FILENAME, path, lambda *report: reports.append(report))
    return reports


def failure(path: Path, kind: type[PlaceproofError] = DownloadError) -> str:
    """The one line that a failing download says."""
    with pytest.raises(kind) as caught:
        fetch(path)
    assert not path.exists()
    message = str(caught.value)
    assert message.isprintable()
    assert "secret" not in message, "a signed address is as good as a token"
    return message


def parts(path: Path) -> list[Path]:
    return list(path.parent.glob(".*.part"))


def test_what_arrives_is_the_file_and_nothing_else_is_left(hub: FakeHub, path: Path) -> None:
    reports = fetch(path)
    np.testing.assert_array_equal(load_file(path)["numbers"], NUMBERS)
    assert reports[0] == (0, len(CONTENT))
    assert reports[-1] == (len(CONTENT), len(CONTENT))
    assert reports == sorted(reports)
    assert not parts(path)
    asked, told, sent = hub.requests
    assert (asked.method, told.method, sent.method) == ("HEAD", "GET", "GET")
    assert told.path == f"/{REPOSITORY}/resolve/{COMMIT}/{FILENAME}", "the revision that was asked"
    assert (sent.server, sent.sent) == ("storage", len(CONTENT))


def test_a_file_that_is_here_is_not_asked_for_again(hub: FakeHub, path: Path) -> None:
    fetch(path)
    del hub.requests[:]
    assert fetch(path) == []
    assert not hub.requests


def test_two_runs_at_once_load_it_once(hub: FakeHub, path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(fetch, [path] * 4))
    assert path.read_bytes() == CONTENT
    assert len(hub.transfers()) == 1


def test_the_server_learns_nothing_about_the_machine(hub: FakeHub, path: Path) -> None:
    fetch(path)
    for request in hub.requests:
        assert request.headers["user-agent"].startswith("placeproof/")
        assert ";" not in request.headers["user-agent"]
        assert not {"authorization", "cookie"} & request.headers.keys()


def test_a_broken_connection_is_taken_up_at_once(hub: FakeHub, path: Path) -> None:
    hub.cuts = [300_000, 200_000]
    reports = fetch(path)
    assert hub.ranges() == [None, "bytes=300000-", "bytes=500000-"]
    assert sum(request.sent for request in hub.transfers()) == len(CONTENT)
    assert path.read_bytes() == CONTENT
    assert reports == sorted(reports)


def test_an_interrupted_run_is_taken_up_by_the_next(hub: FakeHub, path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        download(REPOSITORY, FILENAME, path, _interrupt_at(200_000))
    assert not path.exists()
    here = parts(path)[0].stat().st_size
    assert 200_000 <= here < len(CONTENT)
    fetch(path)
    assert hub.ranges()[-1] == f"bytes={here}-"
    assert hub.transfers()[-1].sent == len(CONTENT) - here
    assert path.read_bytes() == CONTENT


def _interrupt_at(limit: int) -> Progress:
    def progress(here: int, _total: int) -> None:
        if here >= limit:
            raise KeyboardInterrupt

    return progress


def test_a_server_that_fails_midway_leaves_what_has_arrived(hub: FakeHub, path: Path) -> None:
    hub.cuts = [300_000]

    def fail_from_now_on(here: int, _total: int) -> None:
        if here >= 300_000:
            hub.storage_status = [500]

    with pytest.raises(DownloadError, match="500"):
        download(REPOSITORY, FILENAME, path, fail_from_now_on)
    assert parts(path)[0].read_bytes() == CONTENT[:300_000]
    fetch(path)
    assert hub.ranges()[-1] == "bytes=300000-"
    assert path.read_bytes() == CONTENT


def test_a_complete_part_needs_only_its_check(hub: FakeHub, path: Path) -> None:
    path.parent.mkdir()
    (path.parent / f".{hashlib.sha256(CONTENT).hexdigest()}.part").write_bytes(CONTENT)
    fetch(path)
    assert path.read_bytes() == CONTENT
    assert not hub.transfers()


def test_a_part_of_another_revision_is_dropped(hub: FakeHub, path: Path) -> None:
    path.parent.mkdir()
    (path.parent / f".{'0' * 64}.part").write_bytes(CONTENT[:100])
    fetch(path)
    assert hub.ranges() == [None]
    assert path.read_bytes() == CONTENT
    assert not parts(path)


def test_a_server_without_ranges_sends_it_all_again(hub: FakeHub, path: Path) -> None:
    hub.cuts, hub.knows_ranges = [300_000], False
    fetch(path)
    assert path.read_bytes() == CONTENT
    assert hub.transfers()[-1].sent == len(CONTENT)


def test_a_connection_that_always_breaks_off_ends_in_an_error(hub: FakeHub, path: Path) -> None:
    hub.cuts = [1000] * 100
    assert "try again" in failure(path)
    assert len(hub.transfers()) == ATTEMPTS
    assert parts(path)[0].stat().st_size == ATTEMPTS * 1000
    hub.cuts = [0]
    del hub.requests[:]
    failure(path)
    assert len(hub.transfers()) == 1, "no second attempt where the first brought nothing"


@pytest.mark.parametrize("damage", ["hub", "part"])
def test_a_wrong_checksum_deletes_the_file(hub: FakeHub, path: Path, damage: str) -> None:
    if damage == "hub":
        hub.stated_sha256 = "0" * 64
    else:
        path.parent.mkdir()
        part = path.parent / f".{hashlib.sha256(CONTENT).hexdigest()}.part"
        part.write_bytes(b"not the file's beginning")
    assert "SHA-256" in failure(path)
    assert not parts(path)
    hub.stated_sha256 = None
    fetch(path)
    assert path.read_bytes() == CONTENT


def test_what_safetensors_cannot_open_is_deleted(hub: FakeHub, path: Path) -> None:
    hub.add(REPOSITORY, FILENAME, b"\x80\x04\x95 a pickle")
    assert "no safetensors file" in failure(path, WeightsError)
    assert not parts(path)


def test_a_file_without_a_stated_checksum_is_not_downloaded(hub: FakeHub, path: Path) -> None:
    hub.states_checksums = False
    assert "states no SHA-256" in failure(path)
    assert not hub.transfers()


def test_a_small_file_is_checked_by_gits_checksum(hub: FakeHub, tmp_path: Path) -> None:
    hub.add(REPOSITORY, "config.json", b"{}\n")
    path = tmp_path / "config.json"
    hub.stated_sha256 = "0" * 40
    with pytest.raises(DownloadError, match="arrived with SHA-1 "):
        download(REPOSITORY, "config.json", path, lambda *_: None)
    assert not path.exists()
    hub.stated_sha256 = None
    download(REPOSITORY, "config.json", path, lambda *_: None)
    assert path.read_bytes() == b"{}\n"


@pytest.mark.parametrize(
    ("status", "says"),
    [(404, "does not have it"), (401, "HF_TOKEN"), (403, "HF_TOKEN"), (500, "500"), (429, "429")],
)
def test_refusals(hub: FakeHub, path: Path, status: int, says: str) -> None:
    hub.hub_status = status
    message = failure(path)
    assert says in message
    assert REPOSITORY in message
    assert len(hub.requests) == 1


def test_a_refusal_of_the_storage(hub: FakeHub, path: Path) -> None:
    hub.storage_status = [503]
    assert "503" in failure(path)


def test_a_dead_server(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "refused" in failure(path)


def test_a_server_that_says_nothing(
    hub: FakeHub, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    hub.answers = False
    assert "no answer within 0.2 s" in failure(path)


def test_offline(hub: FakeHub, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in failure(path)
    assert not hub.requests


def test_an_endpoint_that_is_no_address(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "localhost")
    assert "http://" in failure(path)


def test_the_token_goes_to_the_hub_and_nowhere_else(
    hub: FakeHub, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    hub.token = TOKEN
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "hf_wrong" not in failure(path)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fetch(path)
    assert path.read_bytes() == CONTENT
    assert [r.headers.get("authorization") for r in hub.transfers()] == [None]
    assert TOKEN not in caplog.text
    assert "hf_wrong" not in caplog.text


def test_a_renamed_repository_is_followed(hub: FakeHub, path: Path) -> None:
    hub.renamed = {"someone/old": REPOSITORY}
    fetch(path, "someone/old")
    assert path.read_bytes() == CONTENT


def test_a_redirection_in_a_circle_ends(hub: FakeHub, path: Path) -> None:
    hub.renamed = {REPOSITORY: REPOSITORY}
    failure(path)
    assert len(hub.requests) < 30


def test_a_disk_that_is_too_small_is_noticed_before(
    hub: FakeHub, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(path.parents[1])._replace(free=len(CONTENT) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert "free some space" in failure(path, StorageError)
    assert not hub.transfers()


def test_a_disk_that_fills_up(path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    path.parent.mkdir()
    (path.parent / f".{hashlib.sha256(CONTENT).hexdigest()}.part").symlink_to(full)
    assert "No space left" in failure(path, StorageError)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        fetch(tmp_path / "file" / FILENAME)
