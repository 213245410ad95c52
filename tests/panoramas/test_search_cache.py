import dataclasses
from pathlib import Path

import pytest
from test_picture_cache import RECORD

from placeproof.location import Location
from placeproof.panoramas.providers.search_cache import KEPT_S, SearchCache

PLACE = Location(1.5, 2.5)


class Times:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="times")
def times_fixture() -> Times:
    return Times()


@pytest.fixture(name="searches")
def searches_fixture(tmp_path: Path, times: Times) -> SearchCache:
    return SearchCache(tmp_path / "searches", _now=times)


def test_an_answer_is_kept_for_a_day(searches: SearchCache, times: Times) -> None:
    records = [RECORD, dataclasses.replace(RECORD, id="8", heading=None, page=None)]
    searches.put("http://x", PLACE, 50, records)
    times.now += KEPT_S - 1
    assert searches.get("http://x", PLACE, 50) == records
    times.now += 2
    assert searches.get("http://x", PLACE, 50) is None
    times.now -= 2 * KEPT_S  # a clock that was set back
    assert searches.get("http://x", PLACE, 50) is None


def test_another_search_is_another(searches: SearchCache) -> None:
    searches.put("http://x", PLACE, 50, [])
    assert searches.get("http://x", PLACE, 50) == []
    assert searches.get("http://y", PLACE, 50) is None
    assert searches.get("http://x", PLACE, 51) is None
    assert searches.get("http://x", Location(1.5, 2.6), 50) is None


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "[]",
        '{"schema_version": 1}',
        '{"schema_version": 1, "time": 1800000000, "records": [{"id": 3}]}',
        '{"schema_version": 1, "time": "x", "records": []}',
    ],
)
def test_damage_costs_a_search(searches: SearchCache, damaged: str) -> None:
    searches.put("http://x", PLACE, 50, [RECORD])
    (file,) = searches.folder.iterdir()
    file.write_text(damaged)
    assert searches.get("http://x", PLACE, 50) is None


def test_a_full_disk_costs_a_search(
    tmp_path: Path, times: Times, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    searches = SearchCache(tmp_path / "file", _now=times)
    searches.put("http://x", PLACE, 50, [RECORD])
    assert "not cached" in caplog.text
    assert searches.get("http://x", PLACE, 50) is None
