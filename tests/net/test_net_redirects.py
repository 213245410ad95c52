from collections.abc import Callable

import pytest
from scripted_server import JPEG, Answer, FakeClock, ScriptedServer, answer_json, redirect

from placeproof.errors import ForbiddenAddressError
from placeproof.net.client import HttpClient
from placeproof.net.failures import HttpError

SECRET = {"Authorization": "OAuth MLY|1|secret", "X-Api-Key": "secret"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(client: HttpClient, server: ScriptedServer, status: int) -> None:
    server.script["/a"] = [redirect("/b?x=1", status)]
    server.script["/b"] = [redirect(f"{server.url}/c", status)]
    server.script["/c"] = [Answer(JPEG)]
    assert client.get_picture(f"{server.url}/a", params={"y": "2"}) == JPEG
    assert [asked.path for asked in server.asked] == ["/a?y=2", "/b?x=1", "/c"]


def test_headers_go_on_to_the_same_host_only(
    client: HttpClient, servers: Callable[[], ScriptedServer]
) -> None:
    here, there = servers(), servers()
    here.script["/a"] = [redirect("/b")]
    here.script["/b"] = [redirect(f"{there.url}/c")]
    there.script["/c"] = [redirect(f"{here.url}/d")]
    here.script["/d"] = [answer_json("found")]
    assert client.get_json(f"{here.url}/a", headers=SECRET) == "found"
    for asked in here.asked[:2]:
        assert asked.headers["authorization"] == SECRET["Authorization"]
        assert asked.headers["x-api-key"] == "secret"
    for asked in (*there.asked, here.asked[2]):
        assert "authorization" not in asked.headers
        assert "x-api-key" not in asked.headers
        assert "placeproof" in asked.headers["user-agent"]


def test_a_redirect_that_carries_a_key_to_another_host_is_not_followed(
    servers: Callable[[], ScriptedServer], clock: FakeClock
) -> None:
    here, there = servers(), servers()
    here.script["/a"] = [redirect(f"{there.url}/c?from=k%7Cey")]
    here.script["/b"] = [redirect("/d?key=k%7Cey")]
    here.script["/d"] = [answer_json("found")]
    with HttpClient(keys=["k|ey"], allow_private=True, _clock=clock) as client:
        with pytest.raises(HttpError, match="passes the key on"):
            client.get_json(f"{here.url}/a", params={"key": "k|ey"})
        assert client.get_json(f"{here.url}/b") == "found"
    assert there.asked == []


def test_five_redirects_are_followed_and_no_sixth(
    client: HttpClient, server: ScriptedServer
) -> None:
    for hop in range(6):
        server.script[f"/{hop}"] = [redirect(f"/{hop + 1}")]
    server.script["/6"] = [answer_json("found")]
    assert client.get_json(f"{server.url}/1") == "found"
    with pytest.raises(HttpError, match="more than 5 times"):
        client.get_json(f"{server.url}/0")
    assert [asked.path for asked in server.asked[6:]] == [f"/{hop}" for hop in range(6)]


@pytest.mark.parametrize("location", ["", " ", "http://[::1", "https://"])
def test_a_redirect_to_no_address_is_told(
    client: HttpClient, server: ScriptedServer, location: str
) -> None:
    server.script["/"] = [redirect(location)]
    with pytest.raises((HttpError, ForbiddenAddressError)):
        client.get_json(server.url)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://h.example/", "intent://maps", "http://me:pw@h.example/"],
)
def test_a_redirect_to_what_is_not_fetched_is_refused(
    client: HttpClient, server: ScriptedServer, location: str
) -> None:
    server.script["/"] = [redirect(location)]
    with pytest.raises(ForbiddenAddressError) as caught:
        client.get_json(server.url)
    assert "pw" not in str(caught.value)


def test_what_was_posted_is_sent_nowhere_else(client: HttpClient, server: ScriptedServer) -> None:
    server.script["/"] = [redirect("/b", 307)]
    with pytest.raises(HttpError, match="not followed"):
        client.post_json(server.url, {"a": 1})
    assert len(server.asked) == 1


def test_a_failure_after_a_redirect_names_the_host_that_failed_and_begins_anew(
    client: HttpClient, server: ScriptedServer
) -> None:
    server.script["/a"] = [redirect("/b?signature=1"), redirect("/b?signature=2")]
    server.script["/b"] = [Answer(b"", 503), answer_json("found")]
    assert client.get_json(f"{server.url}/a") == "found"
    assert [asked.path for asked in server.asked][1::2] == ["/b?signature=1", "/b?signature=2"]
    server.script["/b"] = [Answer(b"", 403)]
    with pytest.raises(HttpError, match="/b answers 403"):
        client.get_json(f"{server.url}/a")


def test_the_body_of_a_redirect_is_not_read(client: HttpClient, server: ScriptedServer) -> None:
    endless = {"Location": "/b", "Content-Length": str(10**12)}
    server.script["/a"] = [Answer(b"x", 302, endless, states_length=False)]
    server.script["/b"] = [answer_json("found")]
    assert client.get_json(f"{server.url}/a") == "found"


def test_a_shortened_address_is_followed_to_its_end(
    client: HttpClient, server: ScriptedServer
) -> None:
    server.script["/short"] = [redirect("/consent?continue=/maps")]
    server.script["/consent"] = [redirect("/maps/@48.2,16.3,17z?Ã©=1#map=17/48.2/16.3")]
    server.script["/maps/@48.2,16.3,17z"] = [Answer(b"<html>", 429)]
    assert client.follow_redirects(f"{server.url}/short") == [
        f"{server.url}/short",
        f"{server.url}/consent?continue=/maps",
        f"{server.url}/maps/@48.2,16.3,17z?%C3%A9=1#map=17/48.2/16.3",
    ]


def test_a_shortened_address_that_nobody_knows_is_an_error(
    client: HttpClient, server: ScriptedServer
) -> None:
    with pytest.raises(HttpError, match="404"):
        client.follow_redirects(f"{server.url}/short")
    server.script["/page"] = [Answer(b"<html>")]
    assert client.follow_redirects(f"{server.url}/page") == [f"{server.url}/page"]
