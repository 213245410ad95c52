"""A whole verification with each provider's panoramas."""

from pathlib import Path

import numpy as np
import pytest
from provider_server import (
    NOTHING,
    Answer,
    Asked,
    Pixels,
    ProviderServer,
    as_json,
    as_picture,
)
from test_google_street_view import FAR, KEY, NEAR, NEAREST, TILES, tile_of
from test_mapillary import ALICES as MAPILLARYS
from test_mapillary import TOKEN
from test_panoramax import ALICES as PANORAMAX

from placeproof.location import Location
from placeproof.net.client import HttpClient
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.panoramas.library import Library
from placeproof.panoramas.providers.google import GoogleStreetView
from placeproof.panoramas.providers.mapillary import Mapillary
from placeproof.panoramas.providers.panoramax import Panoramax
from placeproof.panoramas.providers.picture_cache import PictureCache
from placeproof.panoramas.source import PanoramaSource
from placeproof.results import Verdict, Verification
from placeproof.verify import Verifier

PLACE = Location(48.8584, 2.2945)
PHOTO_YAW = 90.0  # of the photo in the panorama


@pytest.fixture(name="shown")
def shown_fixture(library_folder: Path) -> Pixels:
    """The panorama that shows the photo; 1024 x 512 pixels."""
    library = Library.open(library_folder)
    return library.fetch(library.search(PLACE, 50)[0])


class Checked:
    """A verification of a photo, twice: with empty caches and with full ones."""

    def __init__(
        self, checkpoint: Path, model: Path, photo: Path, folder: Path, server: ProviderServer
    ) -> None:
        self.checkpoint = checkpoint
        self.model = model
        self.photo = photo
        self.features = FeatureCache(folder / "features")
        self.server = server

    def __call__(self, source: PanoramaSource) -> Verification:
        verifier = Verifier(source, self.features, self.checkpoint, self.model)
        first = verifier.verify(self.photo, PLACE)
        self.first_requests = len(self.server.asked)
        second = verifier.verify(self.photo, PLACE)
        assert first.probability == second.probability
        return second

    @property
    def second_requests(self) -> int:
        return len(self.server.asked) - self.first_requests


@pytest.fixture(name="checked")
def checked_fixture(
    checkpoint_path: Path,
    model_path: Path,
    photo_path: Path,
    tmp_path: Path,
    server: ProviderServer,
) -> Checked:
    return Checked(checkpoint_path, model_path, photo_path, tmp_path, server)


def test_with_panoramax(
    server: ProviderServer, client: HttpClient, cache: PictureCache, shown: Pixels, checked: Checked
) -> None:
    answer = server.recorded("panoramax_search.json")
    camera = answer["features"][0]["properties"]["pers:interior_orientation"]
    camera["sensor_array_dimensions"] = [1024, 512]
    del answer["features"][2]
    server.routes["/api/search"] = as_json(answer)
    server.routes["/api/pictures/"] = as_picture(shown)
    verification = checked(Panoramax(cache, client, server.url))
    (evidence,) = verification.evidence
    assert verification.verdict is Verdict.CONSISTENT
    assert evidence.record.id == PANORAMAX
    assert evidence.record.licence == "CC-BY-SA-4.0, picture by alice, Panoramax"
    assert evidence.comparison.yaw == pytest.approx(PHOTO_YAW, abs=6)
    assert checked.second_requests == 0


def test_with_mapillary(
    server: ProviderServer, client: HttpClient, cache: PictureCache, shown: Pixels, checked: Checked
) -> None:
    answer = server.recorded("mapillary_images.json")
    answer["data"][0] |= {"width": 1024, "height": 512}
    del answer["data"][1]
    server.routes["/images"] = as_json(answer)
    server.routes["/m1/"] = as_picture(shown)
    verification = checked(Mapillary(cache, client, TOKEN, server.url))
    (evidence,) = verification.evidence
    assert verification.verdict is Verdict.CONSISTENT
    assert evidence.record.id == MAPILLARYS
    assert checked.second_requests == 0


def test_with_google(
    server: ProviderServer, client: HttpClient, tmp_path: Path, shown: Pixels, checked: Checked
) -> None:
    metadata = server.recorded("google_metadata.json") | {"imageWidth": 1024, "imageHeight": 512}

    def describe(asked: Asked) -> Answer:
        return NOTHING if asked.params["panoId"] == FAR else as_json(metadata)

    def tile(asked: Asked) -> Answer:
        level, column, row = map(int, asked.path.split("/")[-3:])
        assert level == 1
        return as_picture(tile_of(shown, column, row, 512))

    server.routes |= {
        NEAREST: as_json(server.recorded("google_nearest.json")),
        "/v1/createSession": as_json(server.recorded("google_session.json")),
        "/v1/streetview/panoIds": as_json(server.recorded("google_panorama_ids.json")),
        "/v1/streetview/metadata": describe,
        TILES: tile,
    }
    verification = checked(GoogleStreetView(client, KEY, server.url, server.url))
    (evidence,) = verification.evidence
    assert verification.verdict is Verdict.CONSISTENT
    assert evidence.record.id == NEAR
    assert len(server.to(TILES)) == 2  # kept in memory only
    assert not (tmp_path / "features").exists()


def test_no_panorama_is_no_error(
    server: ProviderServer, client: HttpClient, cache: PictureCache, checked: Checked
) -> None:
    server.routes["/api/search"] = as_json({"type": "FeatureCollection", "features": []})
    verification = checked(Panoramax(cache, client, server.url))
    assert verification.verdict is Verdict.INCONCLUSIVE
    assert np.size(verification.evidence) == 0
