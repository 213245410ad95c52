import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from provider_server import Answer, Asked, ProviderServer, as_json, as_picture, panorama

from placeproof.errors import KeyMissingError, LocationError, NetworkError
from placeproof.location import Location
from placeproof.net.client import HttpClient
from placeproof.panoramas.providers import mapillary_images
from placeproof.panoramas.providers.boxes import Box
from placeproof.panoramas.providers.mapillary import Mapillary, MapillaryPhotos
from placeproof.panoramas.providers.picture_cache import PictureCache

PLACE = Location(48.8584, 2.2945)
TOKEN = "MLY|1234567890123456|0123456789abcdef0123456789abcdef"  # no real one
ALICES, BOBS = "498763468214164", "305122874569310"


class Images:
    """The server's search: images in a box, as many as the limit allows."""

    def __init__(self, images: list[dict[str, Any]], *, pages: bool = False) -> None:
        self.images = images
        self.pages = pages

    def __call__(self, asked: Asked) -> Answer:
        west, south, east, north = map(float, asked.params["bbox"].split(","))
        assert (east - west) * (north - south) < 0.01
        found = [
            image
            for image in self.images
            if west <= image["geometry"]["coordinates"][0] <= east
            and south <= image["geometry"]["coordinates"][1] <= north
            and image["is_pano"] == (asked.params["is_pano"] == "true")
        ]
        limit, start = int(asked.params["limit"]), int(asked.params.get("after", "0"))
        answer: dict[str, Any] = {"data": found[start : start + limit]}
        if self.pages and start + limit < len(found):
            answer["paging"] = {
                "cursors": {"after": str(start + limit)},
                "next": f"https://graph.mapillary.com/images?access_token={TOKEN}",
            }
        return as_json(answer)


@pytest.fixture(name="images")
def images_fixture(server: ProviderServer) -> list[dict[str, Any]]:
    return list(server.recorded("mapillary_images.json")["data"])


@pytest.fixture(name="source")
def source_fixture(
    server: ProviderServer,
    client: HttpClient,
    cache: PictureCache,
    images: list[dict[str, Any]],
) -> Mapillary:
    server.routes["/images"] = Images(images)
    for image in images:
        server.routes[f"/{image['id']}"] = as_json(image)
    return Mapillary(cache, client, TOKEN, server.url)


@pytest.fixture(name="photos")
def photos_fixture(server: ProviderServer, client: HttpClient) -> MapillaryPhotos:
    return MapillaryPhotos(client, TOKEN, server.url)


def photo(name: str, latitude: float, longitude: float, template: dict[str, Any]) -> dict[str, Any]:
    """One more photo."""
    new = template | {"id": name, "is_pano": False, "camera_type": "perspective"}
    new |= {"width": 4032, "height": 3024, "make": "Apple", "model": "iPhone 13"}
    new["geometry"] = {"type": "Point", "coordinates": [longitude, latitude]}
    new.pop("computed_geometry", None)
    return new


def test_a_search(source: Mapillary) -> None:
    nearer, farther = source.search(PLACE, 50)
    assert (nearer.id, farther.id) == (BOBS, ALICES)
    assert farther.location == Location(48.8586, 2.2945)  # the computed one
    assert farther.heading == 250.25
    assert farther.captured == "2024-05-01T09:00:00+00:00"
    assert farther.source == "Mapillary"
    assert farther.licence == "CC BY-SA 4.0, picture by alice, Mapillary"
    assert farther.page == f"https://www.mapillary.com/app/?pKey={ALICES}&focus=photo"
    assert (farther.width, farther.height) == (2048, 1024)
    assert farther.may_keep
    assert nearer.location == Location(48.8583, 2.2945)  # the camera's
    assert nearer.heading == 12.5


def test_a_bearing_of_0_is_none_unless_it_was_computed(
    source: Mapillary, images: list[dict[str, Any]]
) -> None:
    images[0]["computed_compass_angle"] = 0
    images[1]["compass_angle"] = 0
    nearer, farther = source.search(PLACE, 50)
    assert nearer.heading is None
    assert farther.heading == 0


def test_the_token_travels_in_a_header_only(
    source: Mapillary, server: ProviderServer, cache: PictureCache, caplog: pytest.LogCaptureFixture
) -> None:
    server.routes["/m1/"] = as_picture(panorama())
    with caplog.at_level(logging.DEBUG):
        for record in source.search(PLACE, 50):
            source.fetch(record)
    for asked in server.asked:
        assert TOKEN not in f"{asked.path} {asked.params}"
        told = asked.headers.get("authorization")
        assert told == (None if asked.path.startswith("/m1/") else f"OAuth {TOKEN}")
    files = [path for path in Path(cache.folder).rglob("*") if path.is_file()]
    assert len(files) == 5  # a search, two pictures, two records
    assert all(b"0123456789abcdef" not in path.read_bytes() for path in files)
    assert "0123456789abcdef" not in caplog.text
    assert "0123456789abcdef" not in repr(source) + repr(vars(source))


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_token_that_is_refused(
    source: Mapillary, server: ProviderServer, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = server.recorded("mapillary_refusal.json")
    refusal["error"]["message"] += f": {TOKEN}"
    server.routes["/images"] = as_json(refusal, status)
    with pytest.raises(KeyMissingError, match="MAPILLARY_TOKEN") as caught:
        source.search(PLACE, 50)
    assert "0123456789abcdef" not in str(caught.value) + caplog.text
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": None}, "no id"),
        ({"computed_geometry": {"type": "Point"}}, "no position"),
        ({"thumb_2048_url": None, "thumb_original_url": 3}, "no picture"),
        ({"camera_type": "fisheye"}, "its camera is fisheye"),
        ({"height": 1000}, "no full panorama"),
        ({"width": None}, "not said"),
    ],
)
def test_a_panorama_of_no_use_is_left_out(
    source: Mapillary,
    images: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    change: dict[str, Any],
    why: str,
) -> None:
    images[0] |= change
    assert [record.id for record in source.search(PLACE, 50)] == [BOBS]
    assert why in caplog.text


@pytest.mark.parametrize("answer", [[], {}, {"data": None}, "x"])
def test_an_answer_of_another_kind(
    source: Mapillary, server: ProviderServer, answer: object
) -> None:
    server.routes["/images"] = as_json(answer)
    with pytest.raises(NetworkError, match="no 'data'"):
        source.search(PLACE, 50)


def test_a_wide_search_is_many_small_ones(source: Mapillary, server: ProviderServer) -> None:
    # The server asserts that no box has 0.01 square degrees.
    assert len(source.search(Location(48.8, 2.3), 20_000)) == 2
    assert len(server.to("/images")) > 9


def test_the_same_search_is_not_sent_again(source: Mapillary, server: ProviderServer) -> None:
    assert source.search(PLACE, 50) == source.search(PLACE, 50)
    assert len(server.asked) == 1
    with pytest.raises(LocationError):
        source.search(PLACE, float("nan"))


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_address_that_has_expired_is_asked_for_again(
    source: Mapillary, server: ProviderServer, images: list[dict[str, Any]], status: int
) -> None:
    record = source.search(PLACE, 50)[1]
    server.routes["/m1/"] = as_json({}, status)
    fresh = images[0] | {"thumb_2048_url": f"{server.url}/fresh.jpg?oe=68"}
    server.routes[f"/{ALICES}"] = as_json(fresh)
    server.routes["/fresh.jpg"] = as_picture(panorama())
    np.testing.assert_array_equal(source.fetch(record), panorama())
    assert [asked.path for asked in server.asked] == [
        "/images",
        "/m1/v/t6/498763468214164-2048.jpg",
        f"/{ALICES}",
        "/fresh.jpg",
    ]


def test_a_picture_that_is_gone_is_asked_for_again_only_once(
    source: Mapillary, server: ProviderServer
) -> None:
    record = source.search(PLACE, 50)[1]
    with pytest.raises(NetworkError, match="404"):
        source.fetch(record)
    assert len(server.asked) == 4


def test_another_error_is_no_reason_to_ask_for_a_new_address(
    source: Mapillary, server: ProviderServer
) -> None:
    record = source.search(PLACE, 50)[1]
    server.routes["/m1/"] = as_json({}, 500)
    with pytest.raises(NetworkError, match="500"):
        source.fetch(record)
    assert server.to(f"/{ALICES}") == []


def test_photos(photos: MapillaryPhotos, server: ProviderServer, images: list[Any]) -> None:
    server.routes["/images"] = Images([*images, photo("7", 48.8584, 2.2945, images[0])])
    (found,) = photos.photos(Box(2.29, 48.85, 2.30, 48.86))  # panoramas are left out
    assert found.id == "7"
    assert found.location == Location(48.8584, 2.2945)
    assert (found.make, found.model) == ("Apple", "iPhone 13")
    assert (found.width, found.height) == (4032, 3024)
    assert (found.creator, found.sequence) == ("alice", "k7XgLqYh0aBcDeFgHiJkLm")
    assert found.compass == 250.25
    assert found.captured == "2024-05-01T09:00:00+00:00"
    assert found.licence == "CC BY-SA 4.0, picture by alice, Mapillary"
    assert found.camera == "perspective"
    server.routes["/m1/"] = as_picture(panorama())
    assert photos.fetch(found) == as_picture(panorama()).body


def test_a_photo_whose_address_has_expired(
    photos: MapillaryPhotos, server: ProviderServer, images: list[Any]
) -> None:
    one = photo("7", 48.8584, 2.2945, images[0])
    server.routes["/images"] = Images([one])
    (found,) = photos.photos(Box(2.29, 48.85, 2.30, 48.86))
    server.routes["/m1/"] = as_json({}, 403)
    server.routes["/7"] = as_json(one | {"thumb_2048_url": f"{server.url}/fresh.jpg"})
    server.routes["/fresh.jpg"] = as_picture(panorama())
    assert photos.fetch(found) == as_picture(panorama()).body


@pytest.mark.parametrize("pages", [False, True])
def test_more_photos_than_an_answer_holds(
    photos: MapillaryPhotos,
    server: ProviderServer,
    images: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    pages: bool,
) -> None:
    monkeypatch.setattr(mapillary_images, "PAGE_LIMIT", 10)
    random = np.random.default_rng(0)
    places = random.uniform((48.80, 2.20), (48.92, 2.32), (200, 2))
    places[:40] = places[:40] / 100 + (48.4, 2.25)  # many of them close together
    many = [photo(f"{n}", float(lat), float(lon), images[0]) for n, (lat, lon) in enumerate(places)]
    server.routes["/images"] = Images(many, pages=pages)
    found = [one.id for one in photos.photos(Box(2.1, 48.7, 2.4, 49.0))]
    assert sorted(found) == sorted(f"{n}" for n in range(200))
    assert any("after" in asked.params for asked in server.asked) == pages


def test_photos_come_as_they_are_asked_for(
    photos: MapillaryPhotos, server: ProviderServer, images: list[Any]
) -> None:
    server.routes["/images"] = Images([photo("7", 10.01, 20.01, images[0])])
    found = photos.photos(Box(20, 10, 80, 70))  # more than a million boxes
    assert next(found).id == "7"
    assert len(server.asked) == 1


def test_a_box_that_is_too_much_for_the_server_is_divided(
    photos: MapillaryPhotos, server: ProviderServer, images: list[Any]
) -> None:
    answers = Images([photo("7", 48.8584, 2.2945, images[0])])

    def overloaded(asked: Asked) -> Answer:
        west, _, east, _ = map(float, asked.params["bbox"].split(","))
        return as_json({"error": {"code": 1}}, 500) if east - west > 0.02 else answers(asked)

    server.routes["/images"] = overloaded
    area = Box(2.26, 48.83, 2.31, 48.88)
    assert [one.id for one in photos.photos(area)] == ["7"]
    server.routes["/images"] = as_json({}, 500)
    before = len(server.asked)
    with pytest.raises(NetworkError, match="500"):
        list(photos.photos(area))
    assert len(server.asked) - before == 6  # three boxes, twice each: it is not divided for ever


def test_more_photos_at_one_place_than_an_answer_holds(
    photos: MapillaryPhotos,
    server: ProviderServer,
    images: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(mapillary_images, "PAGE_LIMIT", 3)
    server.routes["/images"] = Images([photo(f"{n}", 48.8584, 2.2945, images[0]) for n in range(5)])
    assert len(list(photos.photos(Box(2.2944, 48.8583, 2.2946, 48.8585)))) >= 3
    assert "more images" in caplog.text


def test_an_area_that_is_none(photos: MapillaryPhotos) -> None:
    with pytest.raises(LocationError):
        next(photos.photos(Box(0, 10, 1, 5)))
