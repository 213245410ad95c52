from collections.abc import Iterator
from pathlib import Path

import pytest
from provider_server import ProviderServer, local_client, serving

from placeproof.net.client import HttpClient
from placeproof.panoramas.providers.picture_cache import PictureCache


@pytest.fixture(name="server")
def server_fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as server:
        yield server


@pytest.fixture(name="client")
def client_fixture() -> Iterator[HttpClient]:
    with local_client() as client:
        yield client


@pytest.fixture(name="cache")
def cache_fixture(tmp_path: Path) -> PictureCache:
    return PictureCache(tmp_path / "cache")
