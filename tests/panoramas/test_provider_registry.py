import pytest

from placeproof.errors import KeyMissingError, PlaceproofError
from placeproof.net.client import HttpClient
from placeproof.panoramas.providers.google import GoogleStreetView
from placeproof.panoramas.providers.mapillary import Mapillary
from placeproof.panoramas.providers.panoramax import Panoramax
from placeproof.panoramas.providers.picture_cache import PictureCache
from placeproof.panoramas.providers.registry import PROVIDERS, make_source


def test_every_provider(
    cache: PictureCache, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPILLARY_TOKEN", "a-token")
    monkeypatch.setenv("GOOGLE_MAPS_API_KEY", "a-key")
    made = [type(make_source(name, cache=cache, client=client)) for name in PROVIDERS]
    assert made == [Panoramax, Mapillary, GoogleStreetView]
    assert isinstance(make_source("panoramax", cache=cache), Panoramax)
    assert not cache.folder.exists()


@pytest.mark.parametrize(
    ("name", "variable"), [("mapillary", "MAPILLARY_TOKEN"), ("google", "GOOGLE_MAPS_API_KEY")]
)
def test_without_a_key(
    cache: PictureCache, monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("placeproof.net.keys._from_keyring", lambda _provider: None)
    with pytest.raises(KeyMissingError, match=variable):
        make_source(name, cache=cache)


def test_a_name_that_is_none(cache: PictureCache) -> None:
    with pytest.raises(PlaceproofError, match="no provider 'bing'; there are: panoramax, "):
        make_source("bing", cache=cache)
