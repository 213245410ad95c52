import itertools
import json
import threading

import pytest
from geocoder_server import FakeClock, FakeGeocoders, fake_geocoders_fixture, recorded  # noqa: F401

import placeproof
from placeproof.claims.geocoding import ATTRIBUTION, Geocoder
from placeproof.claims.geocoding_services import REST_S
from placeproof.claims.place_cache import LIFETIME_S
from placeproof.errors import LocationError, NetworkError, StorageError
from placeproof.location import Location

SPRINGFIELD = "Springfield"


@pytest.fixture
def known(fake: FakeGeocoders) -> FakeGeocoders:
    fake.places[SPRINGFIELD] = recorded("nominatim_springfield")
    fake.places["Example Tower"] = recorded("nominatim_tower")
    fake.photon_places[SPRINGFIELD] = recorded("photon_springfield")
    return fake


def test_towns_of_one_name_stay_apart_and_one_town_is_given_once(known: FakeGeocoders) -> None:
    illinois, massachusetts = known.geocoder().find(SPRINGFIELD)
    assert illinois.label == "Springfield, Sangamon County, Illinois, United States"
    assert illinois.location == Location(39.7990175, -89.6439575)
    assert massachusetts.label.startswith("Springfield, Hampden County")
    assert {c.origin for c in (illinois, massachusetts)} == {"place name"}
    assert {c.words for c in (illinois, massachusetts)} == {SPRINGFIELD}


def test_precision_is_half_the_extent(known: FakeGeocoders) -> None:
    tower = known.geocoder().find("Example Tower")[0]
    assert tower.precision_m == pytest.approx(123.5, abs=1)  # half of 175 m by 174 m, diagonally
    town = known.geocoder().find(SPRINGFIELD)[0]
    assert town.precision_m == pytest.approx(15_050, rel=0.01)


def test_every_candidate_says_whose_data_it_is(known: FakeGeocoders) -> None:
    for fails in (False, True):
        known.status = {"nominatim": 500} if fails else {}
        found = known.geocoder().find(SPRINGFIELD)
        assert found
        assert all(c.attribution == ATTRIBUTION for c in found)
    assert "© OpenStreetMap contributors" in ATTRIBUTION


def test_the_service_learns_who_asks_and_the_name_only(known: FakeGeocoders) -> None:
    known.geocoder().find("  Example \n Tower ")
    (asked,) = known.asked
    assert asked.user_agent == (
        f"placeproof/{placeproof.__version__} (+https://pypi.org/project/placeproof/)"
    )
    assert asked.path == "/search"
    assert asked.query == {
        "q": "Example Tower",
        "format": "json",
        "limit": "10",
        "accept-language": "en",
    }


def test_one_request_a_second(known: FakeGeocoders) -> None:
    geocoder = known.geocoder()
    for name in ("a", "b", "c", "d"):
        geocoder.find(name)
    times = [asked.time for asked in known.asked]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(gaps) == 3
    assert min(gaps) >= 1.0
    assert len(known.clock.waits) == 3


def test_geocoders_of_one_folder_share_the_limit(known: FakeGeocoders) -> None:
    for name in ("a", "b", "c"):
        known.geocoder().find(name)  # as another process would
    assert len(known.clock.waits) == 2


def test_no_wait_after_a_pause_or_when_the_clock_was_set_back(known: FakeGeocoders) -> None:
    known.geocoder().find("a")
    known.clock.time += 1.0
    known.geocoder().find("b")
    known.clock.time -= 3600
    known.geocoder().find("c")
    assert known.clock.waits == []


def test_threads_ask_one_after_the_other(known: FakeGeocoders) -> None:
    geocoder = known.geocoder()
    threads = [threading.Thread(target=geocoder.find, args=(f"place {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(known.asked) == 6
    assert known.most_at_once == 1
    assert len(known.clock.waits) == 5


def test_threads_with_one_question_ask_once(known: FakeGeocoders) -> None:
    geocoder = known.geocoder()
    threads = [threading.Thread(target=geocoder.find, args=(SPRINGFIELD,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(known.asked) == 1


def test_an_answer_is_kept_for_a_month_over_runs(known: FakeGeocoders) -> None:
    first = known.geocoder().find(SPRINGFIELD)
    known.clock.time += LIFETIME_S - 1
    again = known.geocoder().find("springfield ")
    assert [c.location for c in again] == [c.location for c in first]
    assert len(known.asked) == 1
    known.clock.time += 2
    known.geocoder().find(SPRINGFIELD)
    assert len(known.asked) == 2


def test_that_a_name_is_unknown_is_kept_too(known: FakeGeocoders) -> None:
    assert known.geocoder().find("Nowhere") == []
    assert known.geocoder().find("Nowhere") == []
    assert known.queries() == ["Nowhere"]
    assert known.queries("photon") == []  # an answer is no failure


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"asked": 1e99, "places": []}', b'{"asked": "x"}', b"\xff"]
)
def test_a_damaged_answer_is_asked_for_anew(known: FakeGeocoders, damage: bytes) -> None:
    known.geocoder().find(SPRINGFIELD)
    (file,) = known.folder.glob("*.json")
    file.write_bytes(damage)
    assert len(known.geocoder().find(SPRINGFIELD)) == 2
    assert len(known.asked) == 2
    assert len(json.loads(file.read_bytes())["places"]) == 3


def test_damaged_times_of_requests_do_not_matter(known: FakeGeocoders) -> None:
    known.geocoder().find("a")
    (known.folder / "Nominatim.last").write_bytes(b"no time")
    known.geocoder().find("b")
    assert len(known.asked) == 2


@pytest.mark.parametrize("status", [400, 403, 429, 500, 502, 503])
def test_photon_is_asked_where_nominatim_fails(known: FakeGeocoders, status: int) -> None:
    known.status = {"nominatim": status}
    illinois, missouri = known.geocoder().find(SPRINGFIELD)
    assert illinois.label == "Springfield, Illinois, United States"
    assert missouri.location == Location(37.2081729, -93.2922715)
    assert missouri.precision_m == 100
    assert illinois.precision_m == pytest.approx(15_050, rel=0.01)
    assert [asked.service for asked in known.asked] == ["nominatim", "photon"]
    assert known.asked[1].path == "/api"


@pytest.mark.filterwarnings("ignore:Latitude normalization")  # geopy's, of 91 degrees
@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"",
        b"[1]",
        b'[{"lat": "x", "lon": "y"}]',
        b'[{"display_name": "no place"}]',
        b'[{"lat": "91", "lon": "0", "display_name": "too far north"}]',
        b'[{"lat": "1", "lon": "2", "display_name": "x", "boundingbox": ["1"]}]',
        b'{"error": "down"}',
    ],
)
def test_photon_is_asked_where_nominatim_answers_nonsense(
    known: FakeGeocoders, body: bytes
) -> None:
    known.body = body
    assert len(known.geocoder().find(SPRINGFIELD)) == 2
    assert known.queries("photon") == [SPRINGFIELD]


def test_photon_is_asked_where_nominatim_is_gone(known: FakeGeocoders) -> None:
    known.urls["nominatim"] = "http://127.0.0.1:1"
    assert len(known.geocoder().find(SPRINGFIELD)) == 2


def test_a_service_that_failed_rests(known: FakeGeocoders) -> None:
    known.status = {"nominatim": 503}
    geocoder = known.geocoder()
    geocoder.find("a")
    geocoder.find("b")
    assert known.queries() == ["a"]
    known.status = {}
    known.clock.time += REST_S
    geocoder.find("c")
    assert known.queries() == ["a", "c"]


def test_nothing_is_sent_again_behind_the_limit(known: FakeGeocoders) -> None:
    known.status, known.headers = {"nominatim": 429}, {"Retry-After": "0"}
    known.geocoder().find("a")
    assert known.queries() == ["a"]


def test_it_rests_as_long_as_the_service_asks_and_nobody_sleeps(known: FakeGeocoders) -> None:
    known.status, known.headers = {"nominatim": 429}, {"Retry-After": "600"}
    geocoder = known.geocoder()
    geocoder.find("a")
    known.clock.time += 500
    geocoder.find("b")
    assert known.queries() == ["a"]
    known.clock.time += 101
    geocoder.find("c")
    assert known.queries() == ["a", "c"]


def test_where_both_fail_the_error_says_why_and_not_what_was_asked(known: FakeGeocoders) -> None:
    known.status = {"nominatim": 429, "photon": 500}
    with pytest.raises(NetworkError) as caught:
        known.geocoder().find("a secret place")
    assert str(caught.value) == (
        "no place can be looked up: Nominatim takes no more requests for now, and Photon fails"
    )
    assert caught.value.__cause__ is None
    assert not list(known.folder.glob("*.json"))


def test_a_failed_look_up_takes_its_turn_too(known: FakeGeocoders) -> None:
    known.status = {"nominatim": 500, "photon": 500}
    for _ in range(2):
        with pytest.raises(NetworkError):
            known.geocoder().find("a")
    for service in ("nominatim", "photon"):
        first, second = (asked.time for asked in known.asked if asked.service == service)
        assert second - first >= 1.0


def test_what_a_server_calls_a_place_cannot_move_the_cursor(fake: FakeGeocoders) -> None:
    fake.places["x"] = [{"lat": "1", "lon": "2", "display_name": "a\x1b[2J\nb\u202ec" + "d" * 500}]
    (place,) = fake.geocoder().find("x")
    assert place.label.startswith("a [2J b c")
    assert len(place.label) == 200


@pytest.mark.parametrize("name", ["", "  ", "\x00\ud800", "x" * 301])
def test_no_name(fake: FakeGeocoders, name: str) -> None:
    with pytest.raises(LocationError, match="1 to 300 characters"):
        fake.geocoder().find(name)
    assert not fake.asked


def test_a_folder_that_cannot_be_made(fake: FakeGeocoders) -> None:
    fake.folder.write_bytes(b"")
    with pytest.raises(StorageError, match="cannot make"):
        fake.geocoder()


def test_a_folder_that_is_gone(known: FakeGeocoders) -> None:
    geocoder = known.geocoder()
    known.folder.rmdir()
    known.folder.write_bytes(b"")
    with pytest.raises(StorageError):
        geocoder.find("a")


def test_the_public_services_are_the_default(fake: FakeGeocoders) -> None:
    services = Geocoder(fake.folder, _clock=FakeClock())._services
    assert [s.url for s in services] == [
        "https://nominatim.openstreetmap.org",
        "https://photon.komoot.io",
    ]
    assert services[0]._geocoder.api == "https://nominatim.openstreetmap.org/search"
