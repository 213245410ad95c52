"""A web server on this machine that stands in for the providers of panoramas."""

import functools
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placeproof.net.client import HttpClient
from placeproof.net.pace import Clock

ANSWERS = Path(__file__).parent / "answers"
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: Any  # of a POST, read as JSON


@dataclass(frozen=True)
class Answer:
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(value: object, status: int = 200) -> Answer:
    return Answer(json.dumps(value).encode(), status)


def as_picture(pixels: Pixels, kind: str = "PNG") -> Answer:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, compress_level=1)
    return Answer(file.getvalue())


def redirect(url: str) -> Answer:
    return Answer(b"", 302, {"Location": url})


NOTHING = as_json({"message": "not found"}, 404)
Respond = Callable[[Asked], Answer]


@dataclass
class ProviderServer:
    """Answers by the longest of ``routes`` that the path begins with; remembers what it was asked.

    An answer is fixed, or is made for each request.
    """

    url: str = ""
    routes: dict[str, Answer | Respond] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def recorded(self, name: str) -> Any:
        """An answer in the shape that the provider documents, with this server's addresses."""
        return json.loads((ANSWERS / name).read_text().replace("SERVER", self.url))

    def to(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path.startswith(path)]

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        for path in sorted(self.routes, key=len, reverse=True):
            if asked.path.startswith(path):
                route = self.routes[path]
                return route if isinstance(route, Answer) else route(asked)
        return NOTHING


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    answers: ProviderServer


class _Handler(BaseHTTPRequestHandler):
    server: _Http

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        parts = urlsplit(self.path)
        answer = self.server.answers.answer(
            Asked(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(self.rfile.read(length)) if length else None,
            )
        )
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_POST = do_GET  # noqa: N815


@contextmanager
def serving() -> Iterator[ProviderServer]:
    with _Http(("127.0.0.1", 0), _Handler) as http:
        http.answers = ProviderServer(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield http.answers
        http.shutdown()
        thread.join()


class Patient(Clock):
    """A clock whose waits take no time."""

    def __init__(self) -> None:
        super().__init__()
        self._waited_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._waited_s

    def wait(self, seconds: float) -> None:
        self._waited_s += seconds


def local_client(keys: tuple[str, ...] = ()) -> HttpClient:
    """A client that may ask this machine, twice, and does not wait."""
    return HttpClient(keys=keys, allow_private=True, attempts=2, _clock=Patient())


@functools.cache
def panorama(width: int = 2048, seed: int = 0) -> Pixels:
    """Coloured noise, coarse enough to survive a change of its size."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 16, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((width, width // 2), Image.Resampling.BICUBIC)
    return np.asarray(image)  # read-only, so that it can be shared
