"""That a key reaches no log, error, traceback or repr."""

import io
import logging
import traceback
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from scripted_server import JPEG, Answer, FakeClock, ScriptedServer, answer_json

from placeproof.errors import NetworkError
from placeproof.net.client import HttpClient
from placeproof.net.keys import MASKED

KEY = "MLY|4711|s3cr3t/t0ken"


@pytest.fixture(name="log")
def log_fixture() -> Iterator[io.StringIO]:
    """Everything that any package logs, at the lowest level, as a program would print it."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(name="keyed")
def keyed_fixture(clock: FakeClock) -> Iterator[HttpClient]:
    with HttpClient(keys=[KEY], allow_private=True, attempts=2, _clock=clock) as client:
        yield client


def hides_key(text: str) -> bool:
    return not any(word in text for word in (KEY, quote(KEY), quote(KEY, safe=""), "s3cr3t"))


def test_logs_at_debug_level_hold_no_key(
    keyed: HttpClient, server: ScriptedServer, log: io.StringIO
) -> None:
    server.script["/tiles"] = [Answer(b"", 503), Answer(JPEG)]
    keyed.get_picture(
        f"{server.url}/tiles",
        params={"key": KEY, "z": "5"},
        headers={"Authorization": f"OAuth {KEY}"},
    )
    server.script[f"/{quote(KEY, safe='')}/tiles"] = [Answer(b"", 503), Answer(b"", 404)]
    with pytest.raises(NetworkError):
        keyed.get_json(f"{server.url}/{quote(KEY, safe='')}/tiles?key={KEY}")
    assert quote(KEY, safe="") in server.asked[0].path  # it was sent,
    assert f'"GET /tiles?key={MASKED}&z=5 HTTP/1.1" 200' in log.getvalue()  # and logged,
    assert "answers 503 Service Unavailable; asking again" in log.getvalue()
    assert hides_key(log.getvalue())  # but masked


def test_a_warning_of_urllib3_with_a_traceback_holds_no_key(
    keyed: HttpClient, log: io.StringIO
) -> None:
    assert keyed
    try:
        raise ValueError(f"cannot parse the headers of /tiles?key={quote(KEY, safe='')}")
    except ValueError:
        logging.getLogger("urllib3.connectionpool").warning("url=%s", KEY, exc_info=True)
    assert "cannot parse the headers" in log.getvalue()
    assert hides_key(log.getvalue())


def test_other_lines_of_urllib3_stay_as_they_are(keyed: HttpClient, log: io.StringIO) -> None:
    assert keyed
    logging.getLogger("urllib3.connectionpool").debug("%s://%s?%s 100%%", "https", "h", "key=k")
    assert "https://h?key=k 100%" in log.getvalue()


Act = Callable[[HttpClient, ScriptedServer], object]


def _refused(client: HttpClient, server: ScriptedServer) -> object:
    server.script["/a"] = [answer_json({"error": {"message": f"bad key {KEY}"}}, 403)]
    return client.get_json(f"{server.url}/a", params={"key": KEY})


def _in_path(client: HttpClient, server: ScriptedServer) -> object:
    return client.get_json(f"{server.url}/{KEY}/a")


def _nobody(client: HttpClient, _server: ScriptedServer) -> object:
    return client.get_json("https://nowhere.invalid/a", params={"key": KEY})


def _broken(client: HttpClient, server: ScriptedServer) -> object:
    server.script["/a"] = [Answer(b'{"a": 1}', cut=3)]
    return client.get_json(f"{server.url}/a", params={"key": KEY})


def _no_json(client: HttpClient, server: ScriptedServer) -> object:
    server.script["/a"] = [Answer(b'{"key": "' + KEY.encode())]
    return client.get_json(f"{server.url}/a", params={"key": KEY})


def _forbidden(_client: HttpClient, _server: ScriptedServer) -> object:
    with HttpClient(keys=["s3cr3t"]) as public_only:
        return public_only.get_json(f"https://s3cr3t.localhost/?key={KEY}")


def _bad_header(client: HttpClient, server: ScriptedServer) -> object:
    return client.get_json(server.url, headers={"Authorization": f"OAuth {KEY}\nx"})


def _bad_address(client: HttpClient, _server: ScriptedServer) -> object:
    return client.get_json(f"ftp://{KEY}/?key={KEY}")


@pytest.mark.parametrize(
    "act",
    [_refused, _in_path, _nobody, _broken, _no_json, _forbidden, _bad_header, _bad_address],
)
def test_no_error_holds_a_key_nor_do_those_that_caused_it(
    keyed: HttpClient, server: ScriptedServer, log: io.StringIO, act: Act
) -> None:
    with pytest.raises(NetworkError) as caught:
        act(keyed, server)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert hides_key(f"{error} {error!r} {error.args} {vars(error)}")
    printed = "".join(traceback.format_exception_only(error))
    assert hides_key(printed)
    assert hides_key(log.getvalue())


def test_no_repr_holds_a_key(keyed: HttpClient) -> None:
    assert hides_key(repr(keyed))
    assert all(hides_key(repr(part)) for part in vars(keyed).values())


def test_a_secret_that_came_later_is_hidden_too(
    keyed: HttpClient, server: ScriptedServer, log: io.StringIO
) -> None:
    keyed.hide("session-8b1f")
    server.script["/a"] = [answer_json(1)]
    keyed.get_json(f"{server.url}/a", params={"session": "session-8b1f"})
    assert f"/a?session={MASKED}" in log.getvalue()
    assert "8b1f" not in log.getvalue()
