"""That nothing is fetched from a private network, whatever an address, a name or a server says."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from scripted_server import FakeClock, ScriptedServer, answer_json, redirect
from urllib3.util.connection import create_connection

from placeproof.errors import ForbiddenAddressError
from placeproof.net import connections
from placeproof.net.client import HttpClient
from placeproof.net.failures import HttpError

PUBLIC = "93.184.216.34"


class Internet:
    """Names and what they lead to; every public address leads to this machine."""

    def __init__(self) -> None:
        self.names: dict[str, list[list[str]]] = {}  # the answers to a name, one after another
        self.looked_up: list[str] = []
        self.connected: list[str] = []

    def look_up(self, host: str, _port: int) -> list[str]:
        self.looked_up.append(host)
        if host not in self.names:
            return [host]
        answers = self.names[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
        self.connected.append(address[0])
        return create_connection(("127.0.0.1", address[1]), *args, **options)


@pytest.fixture(name="internet")
def internet_fixture(monkeypatch: pytest.MonkeyPatch) -> Internet:
    internet = Internet()
    monkeypatch.setattr(connections, "create_connection", internet.connect)
    return internet


@pytest.fixture(name="client")
def client_fixture(internet: Internet, clock: FakeClock) -> Iterator[HttpClient]:
    """One that may ask the public internet only."""
    with HttpClient(_clock=clock, _resolve=internet.look_up) as client:
        yield client


def test_the_connection_goes_to_the_address_that_was_checked(
    client: HttpClient, internet: Internet, server: ScriptedServer
) -> None:
    internet.names["h.example"] = [[PUBLIC], ["127.0.0.1"]]  # rebinding: the second is private
    server.script["/"] = [answer_json("found")]
    assert client.get_json(f"http://h.example:{server.server_port}/") == "found"
    assert internet.looked_up == ["h.example"]
    assert internet.connected == [PUBLIC]
    assert server.asked[0].headers["host"] == f"h.example:{server.server_port}"


def test_a_name_is_checked_again_for_each_new_connection(
    client: HttpClient, internet: Internet, server: ScriptedServer
) -> None:
    internet.names["h.example"] = [[PUBLIC], ["10.0.0.1"]]
    server.script["/"] = [answer_json("found", Connection="close")]
    client.get_json(f"http://h.example:{server.server_port}/")
    with pytest.raises(ForbiddenAddressError, match=r"h\.example is in a private"):
        client.get_json(f"http://h.example:{server.server_port}/")
    assert internet.connected == [PUBLIC]


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "fd00::1"])
def test_a_name_that_leads_to_a_private_address_is_refused_at_once(
    client: HttpClient, internet: Internet, clock: FakeClock, address: str
) -> None:
    internet.names["h.example"] = [[PUBLIC, address]]
    for ask in (client.get_json, client.get_picture, client.follow_redirects):
        with pytest.raises(ForbiddenAddressError):
            ask("http://h.example/")
    with pytest.raises(ForbiddenAddressError):
        client.post_json("https://h.example/", {})
    assert internet.connected == []
    assert clock.waits == pytest.approx([0.2] * 3)  # for the rate; no attempt was repeated


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "localhost", "１２７.０.０.１"],
)
def test_an_address_that_names_this_machine_is_refused_before_anything_is_looked_up(
    client: HttpClient, internet: Internet, host: str
) -> None:
    with pytest.raises(ForbiddenAddressError):
        client.get_json(f"http://{host}/")
    assert internet.looked_up == []


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://[::ffff:a9fe:a9fe]/",
        "//127.0.0.1/",
        "http://inside.example/",
        "https://localhost/",
    ],
)
def test_a_redirect_into_a_private_network_is_refused(
    client: HttpClient, internet: Internet, server: ScriptedServer, target: str
) -> None:
    internet.names = {"h.example": [[PUBLIC]], "inside.example": [["192.168.1.1"]]}
    server.script["/"] = [redirect(target)]
    with pytest.raises(ForbiddenAddressError, match="private or local network"):
        client.get_json(f"http://h.example:{server.server_port}/")
    assert internet.connected == [PUBLIC]


def test_the_next_address_is_tried_when_one_does_not_answer(
    client: HttpClient,
    internet: Internet,
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def connect(address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
        if address[0] == "2606:4700::1":
            raise OSError(101, "Network is unreachable")
        return internet.connect(address, *args, **options)

    monkeypatch.setattr(connections, "create_connection", connect)
    internet.names["h.example"] = [["2606:4700::1", PUBLIC]]
    server.script["/"] = [answer_json("found")]
    assert client.get_json(f"http://h.example:{server.server_port}/") == "found"


def test_a_proxy_of_the_environment_looks_names_up_and_literal_addresses_are_still_refused(
    client: HttpClient,
    internet: Internet,
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)  # a private address, as most proxies have
    monkeypatch.setenv("http_proxy", server.url)
    server.script["http://h.example/a"] = [answer_json("through the proxy")]
    assert client.get_json("http://h.example/a") == "through the proxy"
    assert internet.looked_up == []
    for url in ("http://169.254.169.254/", "http://2130706433/", "http://localhost/"):
        with pytest.raises(ForbiddenAddressError):
            client.get_json(url)
    assert len(server.asked) == 1


def test_a_proxy_that_is_not_there_is_told(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(HttpError, match="through the proxy of the environment"):
        client.get_json("https://h.example/")


@pytest.fixture(name="tls_server")
def tls_server_fixture(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ScriptedServer:
    """Has a certificate for h.example, of an authority that is trusted."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("h.example").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    server.script["/"] = [answer_json("found")]
    return server


def test_the_certificate_is_checked_against_the_name(
    client: HttpClient, internet: Internet, tls_server: ScriptedServer, clock: FakeClock
) -> None:
    internet.names = {"h.example": [[PUBLIC]], "other.example": [[PUBLIC]]}
    assert client.get_json(f"https://h.example:{tls_server.server_port}/") == "found"
    with pytest.raises(HttpError, match=r"certificate that is not valid$"):
        client.get_json(f"https://other.example:{tls_server.server_port}/")
    assert internet.connected == [PUBLIC] * 2
    assert clock.waits == []  # it would not pass


def test_a_certificate_of_nobody_is_refused(
    client: HttpClient,
    internet: Internet,
    tls_server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    internet.names["h.example"] = [[PUBLIC]]
    with pytest.raises(HttpError, match=r"certificate that is not valid$"):
        client.get_json(f"https://h.example:{tls_server.server_port}/")
    assert tls_server.asked == []
