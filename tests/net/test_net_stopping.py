"""That a run which the user interrupts stops at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from scripted_server import Answer, FakeClock, ScriptedServer, answer_json

from placeproof.net import client as client_module
from placeproof.net.client import HttpClient
from placeproof.net.failures import HttpError

LONG = 60.0  # seconds: what a test that fails takes


def test_an_interrupt_during_a_wait_is_not_swallowed(server: ScriptedServer) -> None:
    class Interrupted(FakeClock):
        def wait(self, _seconds: float) -> None:
            raise KeyboardInterrupt

    server.script["/"] = [Answer(b"", 503)]
    with (
        HttpClient(allow_private=True, _clock=Interrupted()) as client,
        pytest.raises(KeyboardInterrupt),
    ):
        client.get_json(server.url)
    assert len(server.asked) == 1


def test_an_interrupt_during_an_answer_leaves_the_client_usable(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    server.script["/"] = [answer_json("found")]
    with HttpClient(allow_private=True, concurrent=1, _clock=FakeClock()) as client:
        with monkeypatch.context() as patch:
            patch.setattr(client_module, "read_json", interrupted)
            with pytest.raises(KeyboardInterrupt):
                client.get_json(server.url)
        assert client.get_json(server.url) == "found"  # its slot was given back
    assert len(server.asked) == 2


def test_closing_ends_requests_that_wait_for_an_answer(server: ScriptedServer) -> None:
    arrived, done = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        arrived.release()
        done.wait(LONG)

    server.script["/"] = [Answer(before=hold)]
    with (
        ThreadPoolExecutor(4) as pool,
        HttpClient(allow_private=True, timeout_s=LONG, concurrent=2) as client,
    ):
        futures = [pool.submit(client.get_json, server.url) for _ in range(4)]
        assert arrived.acquire(timeout=LONG)
        assert arrived.acquire(timeout=LONG)
        client.close()
        for future in futures:  # two wait for the server, two for a slot
            with pytest.raises(HttpError, match="the run was stopped"):
                future.result(LONG / 2)
    done.set()
    assert len(server.asked) == 2


def test_closing_ends_waits_between_attempts(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = threading.Event()

    def longest(*_args: object) -> float:
        waiting.set()
        return LONG

    monkeypatch.setattr(client_module, "backoff_s", longest)
    server.script["/"] = [Answer(b"", 503)]
    with ThreadPoolExecutor(1) as pool, HttpClient(allow_private=True) as client:
        future = pool.submit(client.get_json, server.url)
        assert waiting.wait(LONG)
        client.close()
        with pytest.raises(HttpError, match="the run was stopped"):
            future.result(LONG / 2)
    assert len(server.asked) == 1


def test_a_closed_client_asks_nothing(server: ScriptedServer) -> None:
    with HttpClient(allow_private=True) as client:
        pass
    with pytest.raises(HttpError, match="the run was stopped"):
        client.get_json(server.url)
    client.close()
    assert server.asked == []
