"""A Hugging Face hub on this machine: repositories, redirects to another server, and faults."""

import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from placeproof import weights_store

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Request:
    server: str  # "hub", or "storage" to which the hub redirects
    method: str
    path: str
    headers: dict[str, str]  # keys in lower case
    sent: int = 0  # bytes of the file


@dataclass
class FakeHub:
    files: dict[str, bytes] = field(default_factory=dict)  # "owner/name/file"
    renamed: dict[str, str] = field(default_factory=dict)  # old "owner/name": new one
    token: str | None = None  # without it, nothing is shown
    hub_status: int | None = None  # what the hub answers instead of the truth
    storage_status: list[int] = field(default_factory=list)  # the same, for the next requests
    cuts: list[int] = field(default_factory=list)  # bytes after which connections break off
    stated_sha256: str | None = None
    states_checksums: bool = True
    answers: bool = True
    knows_ranges: bool = True
    requests: list[Request] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    storage_url: str = ""

    def add(self, repository: str, filename: str, content: bytes) -> None:
        self.files[f"{repository}/{filename}"] = content

    def transfers(self) -> list[Request]:
        return [r for r in self.requests if r.server == "storage"]

    def ranges(self) -> list[str | None]:
        return [request.headers.get("range") for request in self.transfers()]


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def log_message(self, *_args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub, role = self.server.hub, self.server.role
        headers = {key.lower(): value for key, value in self.headers.items()}
        request = Request(role, self.command, self.path, headers)
        hub.requests.append(request)
        if not hub.answers:
            hub.closing.wait()
        elif role == "hub":
            self._describe(hub, request)
        else:
            self._deliver(hub, request)

    def _describe(self, hub: FakeHub, request: Request) -> None:
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/(main|[0-9a-f]{40})/(.+)", self.path)
        if found is None:
            self._status(404)
        elif hub.hub_status is not None:
            self._status(hub.hub_status)
        elif hub.token and request.headers.get("authorization") != f"Bearer {hub.token}":
            self._status(401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Restricted"})
        elif (new := hub.renamed.get(found[1])) is not None:
            self._status(307, {"Location": f"/{new}/resolve/{found[2]}/{found[3]}"})
        elif (content := hub.files.get(f"{found[1]}/{found[3]}")) is None:
            self._status(404, {"X-Error-Code": "EntryNotFound"})
        else:
            if found[3].endswith(".safetensors"):
                checksum = hashlib.sha256(content).hexdigest()
            else:  # small files are in git itself
                checksum = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            headers = {
                "X-Repo-Commit": COMMIT,
                "X-Linked-Etag": f'"{hub.stated_sha256 or checksum}"',
                "X-Linked-Size": str(len(content)),
                "Location": f"{hub.storage_url}/{found[1]}/{found[3]}?Signature=secret",
            }
            if not hub.states_checksums:
                headers["X-Linked-Etag"] = f'"{"0" * 40}"'  # git's, of what is no LFS file
            self._status(302, headers)

    def _deliver(self, hub: FakeHub, request: Request) -> None:
        if hub.storage_status:
            self._status(hub.storage_status.pop(0))
            return
        content = hub.files[self.path.split("?")[0].lstrip("/")]
        start = 0
        if hub.knows_ranges and (wanted := request.headers.get("range")):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        body = content[start:][: hub.cuts.pop(0) if hub.cuts else None]
        self.wfile.write(body)
        request.sent = len(body)

    def _status(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: FakeHub, role: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        self.role = role
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture(name="hub")
def hub_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """The hub that placeproof downloads from, into an empty cache, with no token set."""
    hub = FakeHub()
    servers = [_Server(hub, "hub"), _Server(hub, "storage")]
    hub.url, hub.storage_url = (server.url for server in servers)
    threads = [threading.Thread(target=s.serve_forever, args=(0.01,)) for s in servers]
    for thread in threads:
        thread.start()
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(weights_store, "downloads_folder", lambda: tmp_path / "weights")
    close_session()  # the environment counts when a session begins
    yield hub
    close_session()
    hub.closing.set()
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()
