import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from placeproof import errors
from placeproof.claims.candidate import Candidate
from placeproof.claims.geocoding import ATTRIBUTION, Geocoder
from placeproof.location import Location

Run = Any  # exit code, stdout, stderr; see conftest.py
TOWER = (48.8584, 2.2945)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever connects or resolves a name fails the test; answers are kept in a folder of it."""

    def refuse(*arguments: object, **_named: object) -> None:
        pytest.fail(f"the network was used: {arguments[:2]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("PLACEPROOF_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A geocoder that knows two towns; gives what was asked of it."""
    names: list[str] = []
    towns = {"Springfield": [(39.8, -89.6, "Illinois"), (42.1, -72.6, "Massachusetts")]}

    def find(_self: Geocoder, name: str) -> list[Candidate]:
        names.append(name)
        return [
            Candidate(Location(lat, lon), f"{name}, {state}", "place name", 9e3, name, ATTRIBUTION)
            for lat, lon, state in towns.get(name, ())
        ]

    monkeypatch.setattr(Geocoder, "find", find)
    return names


EXACT = [
    "48.8584, 2.2945",
    "48°51'30.24\"N 2°17'40.2\"E",
    "Seen at https://www.openstreetmap.org/?mlat=48.8584&mlon=2.2945#map=18/48.8/2.2 today",
    "https://www.google.com/maps/@48.8584,2.2945,17z",
    "8FW4V75V+9Q",
]


@pytest.mark.parametrize("text", EXACT)
def test_what_is_exact_is_read_without_the_network(cli: Callable[..., Run], text: str) -> None:
    run = cli("claim", text)
    assert run.code == 0, run.err
    assert run.err == ""
    header, row, *_ = run.out.splitlines()
    assert header.split()[0] == "Location"
    latitude, longitude = map(float, row.split()[0].split(","))
    assert (latitude, longitude) == pytest.approx(TOWER, abs=3e-4)


@pytest.mark.parametrize("text", EXACT)
def test_json(cli: Callable[..., Run], text: str) -> None:
    run = cli("claim", text, "--json")
    assert run.code == 0, run.err
    (found,) = json.loads(run.out)
    assert (found["latitude"], found["longitude"]) == pytest.approx(TOWER, abs=3e-4)
    assert set(found) == {
        *("latitude", "longitude", "precision_m", "origin", "label", "words", "attribution"),
    }
    assert found["precision_m"] > 0


def test_all_places_are_shown_and_none_is_chosen(cli: Callable[..., Run]) -> None:
    text = "From 48.8584, 2.2945 to 51.5007, -0.1246"
    found = json.loads(cli("claim", text, "--json").out)
    assert [round(entry["latitude"]) for entry in found] == [49, 52]
    out = cli("claim", text).out
    assert "48.858400,2.294500" in out
    assert "51.500700,-0.124600" in out


@pytest.mark.parametrize("text", ["Springfield", "", "nothing to see", "https://example.org/a"])
def test_a_text_without_a_place_is_an_error_and_no_look_up(
    cli: Callable[..., Run], asked: list[str], text: str
) -> None:
    run = cli("claim", text)
    assert run.code == errors.LocationError.exit_code == 20
    assert run.out == ""
    assert run.err.count("\n") == 1
    assert "--look-up" in run.err
    assert asked == []


def test_a_short_link_is_not_followed_unasked(cli: Callable[..., Run]) -> None:
    assert cli("claim", "https://maps.app.goo.gl/abcdefgh").code == errors.LocationError.exit_code


def test_names_are_looked_up_when_that_is_asked_for(
    cli: Callable[..., Run], asked: list[str]
) -> None:
    run = cli("claim", "Springfield", "--look-up")
    assert run.code == 0, run.err
    assert "Illinois" in run.out
    assert "Massachusetts" in run.out
    assert "OpenStreetMap contributors" in " ".join(run.out.split())
    assert asked == ["Springfield"]
    found = json.loads(cli("claim", "Springfield", "--look-up", "--json").out)
    assert [entry["origin"] for entry in found] == ["place name", "place name"]
    assert {entry["attribution"] for entry in found} == {ATTRIBUTION}


def test_a_name_that_nobody_knows(cli: Callable[..., Run], asked: list[str]) -> None:
    run = cli("claim", "Nowhereville", "--look-up")
    assert run.code == errors.LocationError.exit_code
    assert run.err.count("\n") == 1
    assert "--look-up" not in run.err, "that has been done"
    assert asked == ["Nowhereville"]


def test_what_a_text_holds_cannot_command_the_terminal(cli: Callable[..., Run]) -> None:
    run = cli("claim", "[red]here[/red] \x1b[31m 48.8584, 2.2945 \x1b[0m [link=x]")
    assert run.code == 0, run.err
    assert "\x1b" not in run.out
    assert "48.858400,2.294500" in run.out
