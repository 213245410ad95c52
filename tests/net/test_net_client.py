from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from threading import Barrier, Lock

import pytest
from scripted_server import JPEG, Answer, FakeClock, ScriptedServer, answer_json

from placeproof import __version__
from placeproof.errors import NetworkError
from placeproof.net import client as client_module
from placeproof.net.client import HttpClient
from placeproof.net.failures import HttpError


@pytest.fixture(autouse=True)
def _longest_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module.random, "random", lambda: 1.0)


def test_json_is_asked_for_with_parameters_and_headers(
    client: HttpClient, server: ScriptedServer
) -> None:
    server.script["/search"] = [answer_json({"features": [1, None, "é"]})]
    found = client.get_json(
        f"{server.url}/search?limit=5", params={"bbox": "1,2 3"}, headers={"Authorization": "x"}
    )
    assert found == {"features": [1, None, "é"]}
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/search?limit=5&bbox=1%2C2+3")
    assert asked.headers["authorization"] == "x"
    assert asked.headers["user-agent"].startswith(f"placeproof/{__version__} ")
    assert "cookie" not in asked.headers


def test_json_is_posted(client: HttpClient, server: ScriptedServer) -> None:
    server.script["/session"] = [Answer(b"", 503), answer_json({"session": "s"})]
    assert client.post_json(f"{server.url}/session", {"a": [1]}, params={"k": "v"}) == {
        "session": "s"
    }
    assert [(a.method, a.path, a.body) for a in server.asked] == [
        ("POST", "/session?k=v", b'{"a": [1]}')
    ] * 2
    assert server.asked[0].headers["content-type"] == "application/json"


def test_a_callers_user_agent_takes_the_place_of_ours(
    client: HttpClient, server: ScriptedServer
) -> None:
    server.script["/"] = [answer_json(1)]
    client.get_json(server.url, headers={"user-agent": "mine"})
    assert server.asked[0].headers["user-agent"] == "mine"


def test_neither_cookies_nor_passwords_of_a_netrc_file_are_sent(
    client: HttpClient, server: ScriptedServer, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.script["/"] = [answer_json(1, Set_Cookie="a=b; Path=/")]
    client.get_json(server.url)
    client.get_json(server.url)
    for asked in server.asked:
        assert "cookie" not in asked.headers
        assert "authorization" not in asked.headers


def test_one_connection_serves_many_requests(client: HttpClient, server: ScriptedServer) -> None:
    server.script["/"] = [answer_json(1)]
    server.script["/picture"] = [Answer(JPEG)]
    server.script["/chunked"] = [Answer(b"[]", chunked=True)]
    for _ in range(3):
        client.get_json(server.url)
        client.get_picture(f"{server.url}/picture")
        client.get_json(f"{server.url}/chunked")
    assert server.connections == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again_after_a_wait_that_doubles(
    client: HttpClient, server: ScriptedServer, clock: FakeClock, status: int
) -> None:
    server.script["/"] = [*[Answer(b"", status)] * 4, answer_json("found")]
    assert client.get_json(server.url) == "found"
    assert clock.waits == [1, 2, 4, 8]
    assert len(server.asked) == 5


def test_the_wait_is_jittered(
    client: HttpClient, server: ScriptedServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module.random, "random", iter([0.5, 0.875]).__next__)
    server.script["/"] = [Answer(b"", 503), Answer(b"", 503), answer_json("found")]
    client.get_json(server.url)
    assert clock.waits == [0.5, 1.75]


def test_after_the_last_attempt_the_error_says_so(
    client: HttpClient, server: ScriptedServer, clock: FakeClock
) -> None:
    server.script["/a"] = [Answer(b"", 503)]
    with pytest.raises(
        HttpError, match=r"/a answers 503 Service Unavailable, after 5 attempts$"
    ) as caught:
        client.get_json(f"{server.url}/a?q=1")
    assert caught.value.status == 503
    assert isinstance(caught.value, NetworkError)
    assert len(server.asked) == 5
    assert len(clock.waits) == 4  # not after the last


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_what_will_not_pass_is_asked_once_and_its_status_told(
    client: HttpClient, server: ScriptedServer, status: int
) -> None:
    server.script["/expired.jpg"] = [Answer(b"", status)]
    with pytest.raises(HttpError, match=f"/expired.jpg answers {status}") as caught:
        client.get_picture(f"{server.url}/expired.jpg?signature=s")
    assert caught.value.status == status
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Invalid\n OAuth token", "code": 190}},
        {"message": "Invalid OAuth token", "other": 1},
        {"detail": "Invalid OAuth token"},
        {"error": "Invalid OAuth token"},
    ],
)
def test_an_apis_own_words_are_in_the_error(
    client: HttpClient, server: ScriptedServer, body: object
) -> None:
    server.script["/"] = [answer_json(body, 400)]
    with pytest.raises(HttpError, match=r"400 Bad Request \(Invalid OAuth token\)$"):
        client.get_json(server.url)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": {"message": 3}}', b'{"a": 1}'])
def test_other_words_are_not(client: HttpClient, server: ScriptedServer, body: bytes) -> None:
    server.script["/"] = [Answer(body, 400)]
    with pytest.raises(HttpError, match=r"400 Bad Request$"):
        client.get_json(server.url)


def test_an_error_is_one_short_line(client: HttpClient, server: ScriptedServer) -> None:
    server.script["/" + "p" * 1000] = [answer_json({"message": "a\r\nb\x1b[31m" * 1000}, 400)]
    with pytest.raises(HttpError) as caught:
        client.get_json(f"{server.url}/{'p' * 1000}")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_respected(
    client: HttpClient, server: ScriptedServer, clock: FakeClock, status: int
) -> None:
    server.script["/"] = [answer_json({}, status, Retry_After="17"), answer_json("found")]
    assert client.get_json(server.url) == "found"
    assert clock.time == 1017


def test_retry_after_as_a_date_is_respected(
    client: HttpClient, server: ScriptedServer, clock: FakeClock
) -> None:
    date = formatdate(clock.now() + 40, usegmt=True)
    server.script["/"] = [answer_json({}, 429, Retry_After=date), answer_json("found")]
    assert client.get_json(server.url) == "found"
    assert clock.time == 1040


def test_retry_after_holds_other_requests_to_the_host_too(
    client: HttpClient, server: ScriptedServer, clock: FakeClock
) -> None:
    client._attempts = 2
    server.script["/a"] = [answer_json({}, 429, Retry_After="50"), answer_json("a")]
    server.script["/b"] = [answer_json("b")]
    times = []
    wait = clock.wait

    def wait_and_ask(_seconds: float) -> None:  # another thread's request comes in the meantime
        clock.wait = wait  # type: ignore[method-assign]
        client.get_json(f"{server.url}/b")
        times.append(clock.time)

    clock.wait = wait_and_ask  # type: ignore[method-assign]
    assert client.get_json(f"{server.url}/a") == "a"
    assert times == [1050]


def test_a_longer_wait_than_a_person_has_is_told_instead(
    client: HttpClient, server: ScriptedServer, clock: FakeClock
) -> None:
    server.script["/"] = [answer_json({}, 429, Retry_After="3600")]
    with pytest.raises(HttpError, match="asks to wait 3600 s") as caught:
        client.get_json(server.url)
    assert caught.value.status == 429
    assert len(server.asked) == 1
    assert clock.waits == []


def test_no_answer_in_time_is_tried_again_and_then_told(server: ScriptedServer) -> None:
    clock = FakeClock()
    released = Barrier(3)
    server.script["/"] = [Answer(before=released.wait)]
    with (
        HttpClient(allow_private=True, attempts=2, timeout_s=0.05, _clock=clock) as client,
        pytest.raises(HttpError, match=r"has not answered for 0\.05 s, after 2 attempts") as caught,
    ):
        client.get_json(server.url)
    released.wait()
    assert caught.value.status is None


def test_a_server_that_is_not_there_is_tried_again_and_then_told(
    client: HttpClient, server: ScriptedServer, clock: FakeClock
) -> None:
    server.shutdown()
    server.socket.close()
    with pytest.raises(HttpError, match="cannot be reached, after 5 attempts") as caught:
        client.get_json(server.url)
    assert caught.value.status is None
    assert clock.waits == [1, 2, 4, 8]


def test_a_connection_that_breaks_off_is_tried_again(
    client: HttpClient, server: ScriptedServer
) -> None:
    def break_off() -> None:
        raise ConnectionResetError

    server.script["/"] = [Answer(before=break_off), answer_json("found")]
    assert client.get_json(server.url) == "found"


def test_a_name_without_an_address_is_tried_again_and_then_told(
    client: HttpClient, clock: FakeClock
) -> None:
    with pytest.raises(HttpError, match=r"nowhere\.invalid/ has no address that can be found"):
        client.get_json("https://nowhere.invalid/?key=k")
    assert len(clock.waits) == 4


@pytest.mark.parametrize(
    "headers", [{"Authorization": "line\nbreak"}, {"Authorization": "snowman ☃"}]
)
def test_a_header_that_cannot_be_sent_is_an_error_that_does_not_repeat_it(
    client: HttpClient, server: ScriptedServer, headers: dict[str, str]
) -> None:
    with pytest.raises(HttpError, match="a header is damaged") as caught:
        client.get_json(server.url, headers=headers)
    assert headers["Authorization"] not in str(caught.value)
    assert server.asked == []


def test_the_rate_is_limited_for_each_host(server: ScriptedServer, clock: FakeClock) -> None:
    server.script["/"] = [answer_json(1)]
    with HttpClient(
        allow_private=True,
        requests_per_second=2,
        _clock=clock,
        _resolve=lambda _host, _port: ["127.0.0.1"],
    ) as client:
        for host in ("a", "b"):
            for _ in range(3):
                client.get_json(f"http://{host}.example:{server.server_port}/")
    assert clock.time == 1002  # 0, 0.5, 1 for each


def test_no_more_requests_than_allowed_are_under_way(server: ScriptedServer) -> None:
    pairs, lock = Barrier(2), Lock()
    under_way: set[int] = set()
    most = 0

    def meet() -> None:
        nonlocal most
        with lock:
            me = len(server.asked) * 1000 + len(under_way)
            under_way.add(me)
            most = max(most, len(under_way))
        pairs.wait(60)  # so two are under way at a time
        with lock:
            under_way.remove(me)

    server.script["/"] = [Answer(before=meet)]
    with (
        ThreadPoolExecutor(16) as pool,
        HttpClient(
            allow_private=True, concurrent=2, requests_per_second=1e6, timeout_s=60
        ) as client,
    ):
        assert list(pool.map(client.get_json, [server.url] * 16)) == [{}] * 16
    assert most == 2
