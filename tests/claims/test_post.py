import pytest
from geocoder_server import FakeGeocoders, fake_geocoders_fixture, recorded  # noqa: F401

from placeproof.claims.post import MOST_LOOKUPS, read_post
from placeproof.errors import NetworkError
from placeproof.location import Location

POST = """Great view of Example Tower (48.85831, 2.29444), far from Springfield!
Map: https://osm.org/?mlat=51.5110&mlon=0.0550. More at https://example.org/41.12345,2.12345
8FW4V75V+8Q #ExampleTower"""


def test_every_place_of_a_post_with_its_words(fake: FakeGeocoders) -> None:
    fake.places["Springfield"] = recorded("nominatim_springfield")
    fake.places["Example Tower"] = recorded("nominatim_tower")
    found = read_post(POST, geocoder=fake.geocoder())
    assert [(c.origin, c.words) for c in found] == [
        ("coordinates", "48.85831, 2.29444 · 8FW4V75V+8Q · #ExampleTower"),
        ("map link", "https://osm.org/?mlat=51.5110&mlon=0.0550"),
        ("place name", "Springfield"),
        ("place name", "Springfield"),
    ]
    assert found[0].location == Location(48.85831, 2.29444)


def test_without_a_geocoder_names_count_for_nothing() -> None:
    assert [c.origin for c in read_post(POST)] == ["coordinates", "map link"]
    assert read_post("Lunch in Springfield") == []
    assert read_post("") == []


def test_numbers_in_other_links_are_no_coordinates() -> None:
    assert read_post("https://example.org/@48.8584,2.2945 8FW4V75V8Q") == []


def test_nothing_but_names_is_sent(fake: FakeGeocoders) -> None:
    read_post("My number is 0123 456, meet me in Springfield at 8", geocoder=fake.geocoder())
    assert fake.queries() == ["Springfield"]


def test_the_next_spelling_is_asked_for_only_if_the_first_is_unknown(fake: FakeGeocoders) -> None:
    fake.places["Example Tower"] = recorded("nominatim_tower")
    (tower,) = read_post("Visiting Example Tower", geocoder=fake.geocoder())
    assert tower.words == "Visiting Example Tower"
    assert fake.queries() == ["Visiting Example Tower", "Example Tower"]


def test_a_list_of_names_is_looked_up_one_by_one(fake: FakeGeocoders) -> None:
    fake.places["Springfield"] = recorded("nominatim_springfield")
    fake.places["Example Tower"] = recorded("nominatim_tower")
    found = read_post("via Springfield, Example Tower", geocoder=fake.geocoder())
    assert [c.words for c in found] == ["Springfield", "Springfield", "Example Tower"]


def test_a_long_post_is_not_looked_up_in_bulk(fake: FakeGeocoders) -> None:
    post = " and ".join(f"Town{chr(97 + n)}" for n in range(26))
    read_post(f"we saw {post}", geocoder=fake.geocoder())
    assert len(fake.queries()) == MOST_LOOKUPS


def test_a_failure_is_no_empty_answer(fake: FakeGeocoders) -> None:
    fake.status = {"nominatim": 500, "photon": 500}
    with pytest.raises(NetworkError):
        read_post(POST, geocoder=fake.geocoder())
