import itertools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from provider_server import (
    Answer,
    Asked,
    ProviderServer,
    as_json,
    as_picture,
    panorama,
    redirect,
    serving,
)

from placeproof.errors import (
    LocationError,
    NetworkError,
    NotEquirectangularError,
    TruncatedImageError,
)
from placeproof.location import Location
from placeproof.net.client import HttpClient
from placeproof.panoramas.providers import panoramax
from placeproof.panoramas.providers.panoramax import Panoramax
from placeproof.panoramas.providers.picture_cache import PictureCache

PLACE = Location(48.8584, 2.2945)
ALICES = "7f1c2a34-0b5e-4c1d-9a77-2d1f4e6b8c01"
CITYS = "e6a1b7c8-1d2e-4f30-8a41-77e5d6c4b303"


@pytest.fixture(name="source")
def source_fixture(server: ProviderServer, client: HttpClient, cache: PictureCache) -> Panoramax:
    server.routes["/api/search"] = as_json(server.recorded("panoramax_search.json"))
    return Panoramax(cache, client, server.url)


def item(name: str, location: Location, server: ProviderServer) -> dict[str, Any]:
    """One more panorama."""
    new = server.recorded("panoramax_search.json")["features"][0]
    new["id"] = name
    new["geometry"]["coordinates"] = [location.longitude, location.latitude]
    return dict(new)


def collection(items: list[dict[str, Any]], *links: dict[str, str]) -> Answer:
    return as_json({"type": "FeatureCollection", "features": items, "links": list(links)})


def test_a_search(source: Panoramax, server: ProviderServer) -> None:
    nearer, farther = source.search(PLACE, 50)
    assert (nearer.id, farther.id) == (CITYS, ALICES)  # 11 m and 22 m away, and no flat picture
    assert farther.location == Location(48.8586, 2.2945)
    assert farther.heading == 250
    assert farther.captured == "2024-05-01T09:30:00+00:00"
    assert farther.source == "Panoramax"
    assert farther.licence == "CC-BY-SA-4.0, picture by alice, Panoramax"
    assert farther.page == f"{server.url}/#focus=pic&pic={ALICES}"
    assert (farther.width, farther.height) == (2048, 1024)
    assert farther.may_keep
    assert nearer.heading is None
    assert nearer.licence == "etalab-2.0, picture by Ville de Paris, Panoramax"


def test_what_is_asked_for(source: Panoramax, server: ProviderServer) -> None:
    source.search(PLACE, 50)
    (asked,) = server.asked
    assert asked.params["place_position"] == "2.2945000,48.8584000"
    # From 0, and far enough for the polygon that stands for the server's circle.
    assert asked.params["place_distance"] == "0-52"
    assert asked.params["limit"] == "1000"


def test_what_lies_beyond_the_radius_is_left_out(source: Panoramax) -> None:
    assert [record.id for record in source.search(PLACE, 15)] == [CITYS]


def test_the_same_search_is_not_sent_again(
    source: Panoramax, server: ProviderServer, client: HttpClient, cache: PictureCache
) -> None:
    records = source.search(PLACE, 50)
    assert Panoramax(cache, client, server.url).search(PLACE, 50) == records
    assert len(server.asked) == 1


def test_pages_are_followed(source: Panoramax, server: ProviderServer) -> None:
    near = [Location(48.8584 + step / 1e5, 2.2945) for step in range(3)]
    pages = [collection([item(f"p{n}", place, server)]) for n, place in enumerate(near)]

    def answer(asked: Asked) -> Answer:
        page = int(asked.params.get("page", 0))
        if page == 2:
            return pages[2]
        link = {"rel": "next", "method": "GET", "href": f"/api/search?page={page + 1}"}
        return collection([item(f"p{page}", near[page], server)], link)

    server.routes["/api/search"] = answer
    assert [record.id for record in source.search(PLACE, 50)] == ["p0", "p1", "p2"]
    assert [asked.params.get("page") for asked in server.asked] == [None, "1", "2"]


def test_pages_without_end_are_given_up_for_boxes(
    source: Panoramax, server: ProviderServer
) -> None:
    def answer(asked: Asked) -> Answer:
        if "bbox" in asked.params:
            return collection([item("box", PLACE, server)])
        page = int(asked.params.get("page", 0)) + 1
        return collection([], {"rel": "next", "href": f"{server.url}/api/search?page={page}"})

    server.routes["/api/search"] = answer
    assert [record.id for record in source.search(PLACE, 50)] == ["box"]
    assert len(server.asked) == 6


def test_a_page_that_links_to_itself_ends(source: Panoramax, server: ProviderServer) -> None:
    link = {"rel": "next", "href": f"{server.url}/api/search?page=1"}
    server.routes["/api/search"] = collection([item("p", PLACE, server)], link)
    assert [record.id for record in source.search(PLACE, 50)] == ["p"]
    assert len(server.asked) == 2


class Crowded:
    """A server with more panoramas than it puts into an answer, and no links to the rest."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.items = items

    def __call__(self, asked: Asked) -> Answer:
        found = self.items
        if "bbox" in asked.params:
            west, south, east, north = map(float, asked.params["bbox"].split(","))
            found = [
                one
                for one in found
                if west <= one["geometry"]["coordinates"][0] <= east
                and south <= one["geometry"]["coordinates"][1] <= north
            ]
        return collection(found[: int(asked.params["limit"])])


def test_more_panoramas_than_an_answer_holds(
    source: Panoramax, server: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panoramax, "PAGE_LIMIT", 10)
    steps = itertools.product(range(-4, 5), range(-4, 5))
    places = [Location(48.8584 + a * 5e-5, 2.2945 + b * 5e-5) for a, b in steps]
    server.routes["/api/search"] = Crowded(
        [item(f"p{n}", place, server) for n, place in enumerate(places)]
    )
    records = source.search(PLACE, 50)
    assert {record.id for record in records} == {f"p{n}" for n in range(81)}
    distances = [PLACE.distance_m(record.location) for record in records]
    assert distances == sorted(distances)


def test_more_panoramas_at_one_place_than_an_answer_holds(
    source: Panoramax,
    server: ProviderServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(panoramax, "PAGE_LIMIT", 2)
    server.routes["/api/search"] = Crowded([item(f"p{n}", PLACE, server) for n in range(5)])
    assert len(source.search(PLACE, 10)) == 2
    assert "more pictures" in caplog.text


def test_a_wide_search_is_one_by_boxes(source: Panoramax, server: ProviderServer) -> None:
    source.search(Location(-16.5, 179.999), 5000)
    assert all("place_position" not in asked.params for asked in server.asked)
    boxes = [tuple(map(float, asked.params["bbox"].split(","))) for asked in server.asked]
    assert len(boxes) == 2
    assert 179 < boxes[0][0] < boxes[0][2] == 180
    assert -180 == boxes[1][0] < boxes[1][2] < -179


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": None}, "no id"),
        ({"id": "../../x"}, "no id"),
        ({"geometry": None}, "no position"),
        ({"geometry": {"type": "Point", "coordinates": ["a", 1]}}, "no position"),
        ({"geometry": {"type": "Point", "coordinates": [2, 95]}}, "latitude 95"),
        ({"assets": {}}, "no picture"),
    ],
)
def test_a_malformed_item_is_left_out(
    source: Panoramax,
    server: ProviderServer,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, Any],
    why: str,
) -> None:
    answer = server.recorded("panoramax_search.json")
    answer["features"][0] |= change
    answer["features"].append("nonsense")
    server.routes["/api/search"] = as_json(answer)
    assert [record.id for record in source.search(PLACE, 50)] == [CITYS]
    assert why in caplog.text


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("license",), "proprietary", "no open licence"),
        (("pers:interior_orientation", "visible_area"), [0, 700, 0, 700], "only a part"),
        (("pers:interior_orientation", "sensor_array_dimensions"), [5760, 1200], "no full"),
    ],
)
def test_panoramas_that_are_of_no_use(
    source: Panoramax,
    server: ProviderServer,
    caplog: pytest.LogCaptureFixture,
    path: tuple[str, ...],
    value: object,
    why: str,
) -> None:
    answer = server.recorded("panoramax_search.json")
    target = answer["features"][0]["properties"]
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = value
    server.routes["/api/search"] = as_json(answer)
    assert [record.id for record in source.search(PLACE, 50)] == [CITYS]
    assert why in caplog.text


def test_the_size_from_the_tiles(source: Panoramax, server: ProviderServer) -> None:
    answer = server.recorded("panoramax_search.json")
    properties = answer["features"][0]["properties"]
    del properties["pers:interior_orientation"]["sensor_array_dimensions"]
    tiles = properties["tiles:tile_matrix_sets"]["geovisio"]["tileMatrix"][0]
    tiles["tileWidth"] = tiles["tileHeight"] = 100
    server.routes["/api/search"] = as_json(answer)
    record = source.search(PLACE, 50)[1]
    assert (record.width, record.height) == (800, 400)


@pytest.mark.parametrize("answer", [as_json({}), as_json([]), as_json({"features": 3})])
def test_an_answer_of_another_kind(
    source: Panoramax, server: ProviderServer, answer: Answer
) -> None:
    server.routes["/api/search"] = answer
    with pytest.raises(NetworkError, match="no 'features'"):
        source.search(PLACE, 50)


def test_a_server_that_fails(source: Panoramax, server: ProviderServer) -> None:
    server.routes["/api/search"] = as_json({"message": "oh"}, 503)
    with pytest.raises(NetworkError, match="503"):
        source.search(PLACE, 50)
    with pytest.raises(LocationError):
        source.search(PLACE, -1)


def test_a_picture_is_fetched_once(
    source: Panoramax, server: ProviderServer, client: HttpClient, cache: PictureCache
) -> None:
    pixels = panorama()
    server.routes[f"/api/pictures/{ALICES}/sd.jpg"] = as_picture(pixels)
    record = source.search(PLACE, 50)[1]
    np.testing.assert_array_equal(source.fetch(record), pixels)
    np.testing.assert_array_equal(source.fetch(record), pixels)
    again = Panoramax(cache, client, server.url)
    np.testing.assert_array_equal(again.fetch(record), pixels)
    assert len(server.to("/api/pictures/")) == 1
    assert len(server.asked) == 2


def test_a_picture_on_another_server(source: Panoramax, server: ProviderServer) -> None:
    pixels = panorama(seed=1)
    with serving() as other:
        other.routes["/storage/a.jpg"] = as_picture(pixels)
        server.routes[f"/api/pictures/{ALICES}/sd.jpg"] = redirect(f"{other.url}/storage/a.jpg")
        np.testing.assert_array_equal(source.fetch(source.search(PLACE, 50)[1]), pixels)
        assert len(other.asked) == 1


def test_without_sd_hd_is_fetched_and_scaled(source: Panoramax, server: ProviderServer) -> None:
    server.routes[f"/api/pictures/{CITYS}/hd.jpg"] = as_picture(panorama(3000), "JPEG")
    record = source.search(PLACE, 50)[0]
    pixels = source.fetch(record)
    assert pixels.shape == (record.height, record.width, 3) == (1024, 2048, 3)
    # Scaling may change no more than the picture's own softness.
    assert np.abs(pixels.astype(int) - panorama(2048)).mean() < 3


def test_a_damaged_picture_in_the_cache_is_fetched_anew(
    source: Panoramax, server: ProviderServer, cache: PictureCache
) -> None:
    server.routes[f"/api/pictures/{ALICES}/sd.jpg"] = as_picture(panorama())
    record = source.search(PLACE, 50)[1]
    source.fetch(record)
    path = cache.find(record)
    assert path is not None
    path.write_bytes(path.read_bytes()[:-9])
    np.testing.assert_array_equal(source.fetch(record), panorama())
    assert len(server.to("/api/pictures/")) == 2


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_address_that_has_expired_is_asked_for_again(
    source: Panoramax, server: ProviderServer, status: int
) -> None:
    record = source.search(PLACE, 50)[1]
    server.routes[f"/api/pictures/{ALICES}/"] = as_json({}, status)
    answer = server.recorded("panoramax_search.json")
    del answer["features"][1:]
    answer["features"][0]["assets"]["sd"]["href"] = f"{server.url}/new.jpg"
    server.routes["/api/search"] = as_json(answer)
    server.routes["/new.jpg"] = as_picture(panorama())
    np.testing.assert_array_equal(source.fetch(record), panorama())
    assert [dict(asked.params) for asked in server.to("/api/search")][1:] == [
        {"ids": ALICES, "limit": "1"}
    ]


def test_a_picture_that_is_gone(source: Panoramax, server: ProviderServer) -> None:
    record = source.search(PLACE, 50)[1]
    with pytest.raises(NetworkError, match="404"):
        source.fetch(record)  # asked for again once, and no more
    assert len(server.asked) == 4
    server.routes["/api/search"] = collection([])
    with pytest.raises(NetworkError, match=f"no longer has panorama {ALICES}"):
        source.fetch(record)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (as_picture(panorama()[:600]), NotEquirectangularError),
        (Answer(as_picture(panorama()).body[:-999]), TruncatedImageError),
    ],
)
def test_a_picture_of_no_use_is_not_kept(
    source: Panoramax,
    server: ProviderServer,
    cache: PictureCache,
    answer: Answer,
    error: type[Exception],
) -> None:
    server.routes[f"/api/pictures/{ALICES}/sd.jpg"] = answer
    record = source.search(PLACE, 50)[1]
    with pytest.raises(error, match=f"panorama {ALICES} of Panoramax cannot be used"):
        source.fetch(record)
    assert cache.find(record) is None
    assert [path for path in Path(cache.folder, "pictures").rglob("*") if path.is_file()] == []


def test_what_is_no_picture(source: Panoramax, server: ProviderServer) -> None:
    server.routes[f"/api/pictures/{ALICES}/sd.jpg"] = Answer(b"<html>" + b" " * 200)
    with pytest.raises(NetworkError, match="picture"):
        source.fetch(source.search(PLACE, 50)[1])


def test_a_flat_picture_is_no_cause_for_a_warning(
    source: Panoramax, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        source.search(PLACE, 50)
    assert caplog.text == ""
