import dataclasses
import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from provider_server import (
    NOTHING,
    Answer,
    Asked,
    Pixels,
    ProviderServer,
    as_json,
    as_picture,
    local_client,
    panorama,
)

from placeproof.errors import KeyMissingError, LocationError, NetworkError
from placeproof.location import Location
from placeproof.net.client import HttpClient
from placeproof.panoramas.providers.google import GoogleStreetView
from placeproof.panoramas.providers.google_api import GoogleApi
from placeproof.panoramas.providers.google_tiles import Level, joined, level_of

PLACE = Location(48.8584, 2.2945)
KEY = "AIzaSyNotARealKeyNotARealKeyNotAReal123"
NEAR, FAR = "rZ9KeTyhA11i0VppYNzsSg", "Yw4pqzA4FEq1qs-BwZSvSQ"
NEAREST, TILES = "/maps/api/streetview/metadata", "/v1/streetview/tiles/"


class Google:
    """Google's servers, with two panoramas; the nearer one lies 22 m north of the place."""

    def __init__(self, server: ProviderServer) -> None:
        self.pixels = panorama(1664)
        near = server.recorded("google_metadata.json")
        self.metadata: dict[str, Any] = {
            NEAR: near,
            FAR: near | {"panoId": FAR, "lat": 48.8587, "date": "2019-07"},
        }
        server.routes |= {
            NEAREST: as_json(server.recorded("google_nearest.json")),
            "/v1/createSession": as_json(server.recorded("google_session.json")),
            "/v1/streetview/panoIds": as_json(server.recorded("google_panorama_ids.json")),
            "/v1/streetview/metadata": self._describe,
            TILES: self._tile,
        }

    def _describe(self, asked: Asked) -> Answer:
        found = self.metadata.get(asked.params["panoId"])
        return NOTHING if found is None else as_json(found)

    def _tile(self, asked: Asked) -> Answer:
        level, column, row = map(int, asked.path.split("/")[-3:])
        assert level == 2
        return as_picture(tile_of(self.pixels, column, row, 512))


def tile_of(pixels: Pixels, column: int, row: int, side: int) -> Pixels:
    """A tile, black where it reaches over the edge."""
    tile = np.zeros((side, side, 3), np.uint8)
    part = pixels[row * side : (row + 1) * side, column * side : (column + 1) * side]
    tile[: part.shape[0], : part.shape[1]] = part
    return tile


@pytest.fixture(name="google")
def google_fixture(server: ProviderServer) -> Google:
    return Google(server)


@pytest.fixture(name="source")
def source_fixture(google: Google, server: ProviderServer, client: HttpClient) -> GoogleStreetView:
    assert google
    return GoogleStreetView(client, KEY, server.url, server.url)


def test_a_search(source: GoogleStreetView) -> None:
    near, far = source.search(PLACE, 50)
    assert (near.id, far.id) == (NEAR, FAR)
    assert near.location == Location(48.8586, 2.2945)
    assert near.heading == 250.25
    assert near.captured == "2023-01"
    assert near.source == "Google Street View"
    assert near.licence == "© 2023 Google; under the terms of Google Maps Platform, not to be kept"
    assert near.page == f"https://www.google.com/maps/@?api=1&map_action=pano&pano={NEAR}"
    assert (near.width, near.height) == (1664, 832)
    assert not near.may_keep
    assert source.search(PLACE, 25) == [near]
    with pytest.raises(LocationError):
        source.search(PLACE, -5)


def test_what_is_asked_for(source: GoogleStreetView, server: ProviderServer) -> None:
    source.search(PLACE, 50)
    free, opened, ids, *metadata = server.asked
    assert free.path == NEAREST
    assert free.params["location"] == "48.8584000,2.2945000"
    assert (free.params["radius"], free.params["source"]) == ("50", "outdoor")
    assert opened.method == "POST"
    assert opened.body["mapType"] == "streetview"
    session = server.recorded("google_session.json")["session"]
    assert ids.params == {"session": session, "key": KEY}
    assert ids.body["radius"] == 15
    assert 30 < len(ids.body["locations"]) <= 100
    assert ids.body["locations"][0] == {"lat": PLACE.latitude, "lng": PLACE.longitude}
    for place in ids.body["locations"]:
        assert PLACE.distance_m(Location(place["lat"], place["lng"])) <= 50.5
    assert [asked.params["panoId"] for asked in metadata] == [NEAR, FAR]


@pytest.mark.parametrize("radius_m", [1, 14, 80, 500, 20_000])
def test_no_more_places_than_google_takes(
    source: GoogleStreetView, server: ProviderServer, radius_m: float
) -> None:
    source.search(Location(-80, 179.99), radius_m)
    assert 1 <= len(server.to("/v1/streetview/panoIds")[0].body["locations"]) <= 100


@pytest.mark.parametrize("status", ["ZERO_RESULTS", "NOT_FOUND"])
def test_where_nothing_is_only_the_free_metadata_are_asked(
    source: GoogleStreetView, server: ProviderServer, status: str
) -> None:
    server.routes[NEAREST] = as_json({"status": status})
    assert source.search(PLACE, 50) == []
    assert [asked.path for asked in server.asked] == [NEAREST]


def test_a_key_that_is_refused(
    source: GoogleStreetView, server: ProviderServer, caplog: pytest.LogCaptureFixture
) -> None:
    denied = server.recorded("google_denied.json")
    denied["error_message"] = denied["error_message"].replace("KEY", KEY)
    server.routes[NEAREST] = as_json(denied)
    with pytest.raises(KeyMissingError, match=r"is invalid. •••.*GOOGLE_MAPS_API_KEY") as at:
        source.search(PLACE, 50)
    assert KEY not in str(at.value) + caplog.text


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"status": "OVER_QUERY_LIMIT"}, "quota .* is used up .*no reason given"),
        ({"status": "UNKNOWN_ERROR", "error_message": "a\nb"}, r"UNKNOWN_ERROR: a b"),
        ({"status": "OK"}, "does not name it"),
        ([], "cannot be searched"),
    ],
)
def test_other_answers(
    source: GoogleStreetView, server: ProviderServer, answer: object, message: str
) -> None:
    server.routes[NEAREST] = as_json(answer)
    with pytest.raises(NetworkError, match=message):
        source.search(PLACE, 50)


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("path", ["/v1/createSession", "/v1/streetview/panoIds", TILES])
def test_a_key_that_the_tiles_refuse(
    source: GoogleStreetView, server: ProviderServer, path: str, status: int
) -> None:
    server.routes[path] = as_json({"error": {"message": f"bad key {KEY}"}}, status)
    with pytest.raises(KeyMissingError, match="Map Tiles API") as caught:
        source.fetch(source.search(PLACE, 50)[0])
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("answer", [{}, {"session": "s"}, {"session": "s", "expiry": "soon"}, []])
def test_a_session_that_is_none(
    source: GoogleStreetView, server: ProviderServer, answer: object
) -> None:
    server.routes["/v1/createSession"] = as_json(answer)
    with pytest.raises(NetworkError, match="opens no session"):
        source.search(PLACE, 50)


def test_a_session_is_used_until_it_ends(server: ProviderServer, google: Google) -> None:
    assert google
    now = 1_899_999_000.0  # it ends at 1 900 000 000
    with local_client() as client:
        api = GoogleApi(client, KEY, server.url, server.url, _now=lambda: now)
        api.metadata(NEAR)
        api.metadata(FAR)
        assert len(server.to("/v1/createSession")) == 1
        now += 941  # less than a minute is left
        api.metadata(NEAR)
        assert len(server.to("/v1/createSession")) == 2


def test_places_without_panoramas(source: GoogleStreetView, server: ProviderServer) -> None:
    for answer in ({}, {"panoIds": ["", ""]}, {"panoIds": [3, None, "../x"]}):
        server.routes["/v1/streetview/panoIds"] = as_json(answer)
        assert [record.id for record in source.search(PLACE, 50)] == [NEAR]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"lat": "x"}, "no position"),
        ({"imageHeight": 2000}, "no full panorama"),
        ({"imageWidth": None}, "not said"),
        ({"tileWidth": 0}, "size of its tiles"),
        ({"imageWidth": 26624, "imageHeight": 13312}, "more than its tiles hold"),
        (None, "it is gone"),
        ({"imageryType": "indoor"}, ""),
    ],
)
def test_a_panorama_of_no_use_is_left_out(
    source: GoogleStreetView,
    google: Google,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, Any] | None,
    why: str,
) -> None:
    if change is None:
        del google.metadata[NEAR]
    else:
        google.metadata[NEAR] |= change
    assert [record.id for record in source.search(PLACE, 50)] == [FAR]
    assert why in caplog.text


def test_a_panorama_is_joined(
    source: GoogleStreetView, google: Google, server: ProviderServer
) -> None:
    record = source.search(PLACE, 50)[0]
    np.testing.assert_array_equal(source.fetch(record), google.pixels)
    assert len(server.to(TILES)) == 4 * 2
    assert all(asked.params["panoId"] == NEAR for asked in server.to(TILES))


def test_a_panorama_of_an_earlier_search(
    source: GoogleStreetView, google: Google, server: ProviderServer, client: HttpClient
) -> None:
    record = source.search(PLACE, 50)[0]
    other = GoogleStreetView(client, KEY, server.url, server.url)
    np.testing.assert_array_equal(other.fetch(record), google.pixels)
    google.metadata[NEAR]["imageHeight"] = 1
    with pytest.raises(NetworkError, match=f"panorama {NEAR} of Google Street View"):
        GoogleStreetView(client, KEY, server.url, server.url).fetch(record)


def test_the_last_panoramas_stay_in_memory(
    source: GoogleStreetView, server: ProviderServer
) -> None:
    record = source.search(PLACE, 50)[0]
    others = [dataclasses.replace(record, captured=f"{n}", width=1600 - 2 * n) for n in range(8)]
    source.fetch(record)
    assert source.fetch(record) is source.fetch(record)
    assert len(server.to(TILES)) == 8
    for other in others:
        assert source.fetch(other).shape == (832, other.width, 3)
    before = len(server.to(TILES))
    source.fetch(others[0])
    assert len(server.to(TILES)) == before
    source.fetch(record)
    assert len(server.to(TILES)) == before + 8


def test_a_missing_tile(source: GoogleStreetView, server: ProviderServer) -> None:
    record = source.search(PLACE, 50)[0]
    server.routes[f"{TILES}2/3/1"] = NOTHING
    with pytest.raises(NetworkError, match=f"panorama {NEAR} .* incomplete: there is no tile 3,1"):
        source.fetch(record)


def test_nothing_is_written(
    source: GoogleStreetView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    opened: list[str] = []
    real = io.open

    def watched(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if set(mode) & set("wax+"):
            opened.append(str(file))
        return real(file, mode, *args, **kwargs)

    monkeypatch.setattr("builtins.open", watched)
    monkeypatch.setattr("io.open", watched)
    for record in source.search(PLACE, 50):
        source.fetch(record)
    assert opened == []
    assert list(tmp_path.rglob("*")) == []


def test_the_key_is_shown_nowhere(
    source: GoogleStreetView, server: ProviderServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        record = source.search(PLACE, 50)[0]
        server.routes[TILES] = as_json({"error": {"message": KEY}}, 500)
        with pytest.raises(NetworkError, match="500") as caught:
            source.fetch(record)
    session = server.recorded("google_session.json")["session"]
    shown = f"{caught.value!r} {caplog.text} {record!r} {source!r} {vars(source)!r}"
    assert KEY not in shown
    assert session not in shown


def metadata(width: int, tile: int = 512) -> dict[str, int]:
    return {
        "imageWidth": width,
        "imageHeight": width // 2,
        "tileWidth": tile,
        "tileHeight": tile,
    }


@pytest.mark.parametrize(
    ("width", "level", "across"),
    [
        (16384, 2, 2048),  # a car of today
        (13312, 2, 1664),
        (8192, 2, 2048),  # uploaded pictures have fewer levels
        (5376, 3, 2688),
        (3328, 2, 1664),
        (1600, 2, 1600),  # not enough, and all there is
        (512, 0, 512),
    ],
)
def test_the_smallest_level_that_is_enough(width: int, level: int, across: int) -> None:
    chosen = level_of(metadata(width))
    assert (chosen.number, chosen.width, chosen.height) == (level, across, across // 2)


@given(st.integers(256, 8192), st.sampled_from([256, 512]))
def test_levels_are_ones_that_there_are(half: int, tile: int) -> None:
    level = level_of(metadata(2 * half, tile)) if 2 * half <= 32 * tile else None
    if level is not None:
        assert 0 <= level.number <= 5
        assert level.columns <= 2**level.number  # as many as there are at this level
        assert level.rows <= max(1, 2**level.number // 2)
        assert level.width >= min(2 * half, 1664)


@given(
    st.integers(1, 200),
    st.integers(1, 100),
    st.integers(64, 96),
    st.integers(64, 96),
    st.booleans(),
)
def test_tiles_are_joined_to_the_pixel(
    width: int, height: int, tile_width: int, tile_height: int, filled_up: bool
) -> None:
    level = Level(0, width, height, tile_width, tile_height)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)

    def tile(column: int, row: int) -> bytes:
        left, top = column * tile_width, row * tile_height
        part = pixels[top : top + tile_height, left : left + tile_width]
        if filled_up:
            lacks = (tile_height - part.shape[0], tile_width - part.shape[1])
            part = np.pad(part, ((0, lacks[0]), (0, lacks[1]), (0, 0)))
        return as_picture(part).body

    np.testing.assert_array_equal(joined(level, tile), pixels)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x89PNG\r\n\x1a\n and nothing else", "damaged"),
        (as_picture(np.zeros((100, 64, 3), np.uint8)).body, "64 x 100 pixels instead of 128 x 128"),
        (as_picture(np.zeros((64, 4000, 3), np.uint8)).body, "4000 x 64 pixels"),
        (as_picture(panorama(256)).body[:-999], "damaged"),
    ],
)
def test_a_tile_of_no_use(data: bytes, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        joined(Level(0, 128, 128, 128, 128), lambda _column, _row: data)


def test_a_grey_tile() -> None:
    file = io.BytesIO()
    Image.new("L", (64, 64), 7).save(file, "JPEG")
    tile = joined(Level(0, 64, 64, 64, 64), lambda _column, _row: file.getvalue())
    assert np.abs(tile.astype(int) - 7).max() <= 1
