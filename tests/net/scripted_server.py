"""A web server on this machine that answers what a test tells it to."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from placeproof.net.pace import Clock

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(200))


@dataclass
class Answer:
    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None  # bytes of the body after which the connection ends
    states_length: bool = True
    chunked: bool = False
    before: Callable[[], object] | None = None  # called before anything is sent


def answer_json(value: Any, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(json.dumps(value).encode(), status, named)


def redirect(location: str, status: int = 302) -> Answer:
    return Answer(b"", status, {"Location": location})


@dataclass
class Asked:
    method: str
    path: str  # with the query
    headers: dict[str, str]  # keys in lower case
    body: bytes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "ScriptedServer"

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        headers = {name.lower(): text for name, text in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile.read(length))
        answer = self.server.next_answer(asked)
        if answer.before is not None:
            answer.before()
        self.send_response(answer.status)
        for name, text in answer.headers.items():
            self.send_header(name, text)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.states_length:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        body = answer.body[: answer.cut]
        try:
            if answer.chunked:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
                if answer.cut is None:
                    self.wfile.write(b"0\r\n\r\n")
            else:
                self.wfile.write(body)
        except OSError:  # the client has gone, as it may
            self.close_connection = True
        if answer.cut is not None or not (answer.states_length or answer.chunked):
            self.close_connection = True

    do_POST = do_GET  # noqa: N815


class ScriptedServer(ThreadingHTTPServer):
    """Give ``script`` the answers to each path; the last one is given again and again."""

    daemon_threads = True
    request_queue_size = 50

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        self.connections = 0
        self._lock = threading.Lock()

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()

    def handle_error(self, *_args: object) -> None:
        pass  # a client that breaks off is what some tests are about

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next_answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            answers = self.script.get(asked.path.split("?")[0], [Answer(b"", 404)])
            return answers.pop(0) if len(answers) > 1 else answers[0]


class FakeClock(Clock):
    """Waits take no time, but the clock says they did."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1000.0
        self.waits: list[float] = []
        self.creep = 0.0  # seconds that pass at each look at the clock
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        with self._lock:
            self.time += self.creep
            return self.time

    def now(self) -> float:
        return 1_800_000_000.0 + self.time - 1000

    def wait(self, seconds: float) -> None:
        with self._lock:
            self.time += seconds
            self.waits.append(seconds)
