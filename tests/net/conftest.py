import threading
from collections.abc import Callable, Iterator

import pytest
from scripted_server import FakeClock, ScriptedServer

from placeproof.net.client import HttpClient


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(name="servers")
def servers_fixture() -> Iterator[Callable[[], ScriptedServer]]:
    """Starts as many servers as a test wants."""
    started: list[tuple[ScriptedServer, threading.Thread]] = []

    def start() -> ScriptedServer:
        server = ScriptedServer()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.socket.close()


@pytest.fixture(name="server")
def server_fixture(servers: Callable[[], ScriptedServer]) -> ScriptedServer:
    return servers()


@pytest.fixture(name="clock")
def clock_fixture() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="client")
def client_fixture(clock: FakeClock) -> Iterator[HttpClient]:
    """One that may ask this machine, and whose waits take no time."""
    with HttpClient(allow_private=True, timeout_s=10, _clock=clock) as client:
        yield client
