"""Nominatim and Photon on this machine: recorded shapes, and faults."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from placeproof.claims.geocoding import Geocoder
from placeproof.net.pace import Clock

ANSWERS = Path(__file__).parent / "answers"


def recorded(name: str) -> Any:
    return json.loads((ANSWERS / f"{name}.json").read_bytes())


class FakeClock(Clock):
    """Waits take no time, but the clock says they did. Requests take a tenth of a second."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1_800_000_000.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds


@dataclass
class Asked:
    service: str
    path: str
    query: dict[str, str]
    user_agent: str
    time: float  # of the fake clock


@dataclass
class FakeGeocoders:
    """``places`` and ``photon_places`` hold what each service knows under a name."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    places: dict[str, Any] = field(default_factory=dict)
    photon_places: dict[str, Any] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)  # by service, instead of an answer
    headers: dict[str, str] = field(default_factory=dict)  # sent with such a status
    body: bytes | None = None  # sent by Nominatim instead of JSON
    asked: list[Asked] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    urls: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def geocoder(self) -> Geocoder:
        return Geocoder(
            self.folder,
            nominatim_url=self.urls["nominatim"],
            photon_url=self.urls["photon"],
            _clock=self.clock,
        )

    def queries(self, service: str = "nominatim") -> list[str]:
        return [asked.query["q"] for asked in self.asked if asked.service == service]


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        fake, service = self.server.fake, self.server.service
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with fake.lock:
            fake.at_once += 1
            fake.most_at_once = max(fake.at_once, fake.most_at_once)
            fake.asked.append(
                Asked(service, parts.path, query, self.headers["User-Agent"], fake.clock.time)
            )
            fake.clock.time += 0.1
        if service == "nominatim":
            answer = fake.places.get(query["q"], [])
        else:
            nothing = {"type": "FeatureCollection", "features": []}
            answer = fake.photon_places.get(query["q"], nothing)
        body = json.dumps(answer).encode()
        if service == "nominatim" and fake.body is not None:
            body = fake.body
        status = fake.status.get(service, 200)
        with fake.lock:
            fake.at_once -= 1
        self.send_response(status)
        for name, text in fake.headers.items() if status != 200 else ():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fake: FakeGeocoders, service: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fake = fake
        self.service = service


@pytest.fixture(name="fake")
def fake_geocoders_fixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeGeocoders]:
    """Both services, which know nothing yet, and an empty folder for answers."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    fake = FakeGeocoders(tmp_path / "places")
    servers = [_Server(fake, service) for service in ("nominatim", "photon")]
    threads = [threading.Thread(target=s.serve_forever, args=(0.01,)) for s in servers]
    for server, thread in zip(servers, threads, strict=True):
        fake.urls[server.service] = f"http://127.0.0.1:{server.server_port}"
        thread.start()
    yield fake
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()
