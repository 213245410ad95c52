import pytest
from geocoder_server import FakeGeocoders, fake_geocoders_fixture, recorded  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st

from placeproof.claims.claim_text import Candidate, only_candidate, read_claim
from placeproof.errors import AmbiguousClaimError, LocationError, NetworkError
from placeproof.location import Location, parse_location

TOWER = Location(48.8584, 2.2945)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("48.8584,2.2945", "coordinates"),
        ("48°51'30.24\"N 2°17'40.2\"E", "coordinates"),
        ("https://www.google.com/maps?q=48.8584,2.2945", "map link"),
        ("geo:48.8584,2.2945", "map link"),
        ("8FW4V75V+9Q", "plus code"),
        ("u09tunquc", "geohash"),
        ("geohash u09tunquc", "geohash"),
        ("Example Tower (48.8584, 2.2945)", "coordinates"),
        ("Example Tower https://osm.org/?mlat=48.8584&mlon=2.2945", "map link"),
        ("48.8584, 2.2945, 35 m", "coordinates"),
    ],
)
def test_every_kind_of_claim_without_the_network(text: str, origin: str) -> None:
    candidate = only_candidate(read_claim(text, geocoder=None))
    assert candidate.origin == origin
    assert candidate.location.distance_m(TOWER) < 10


def test_exact_claims_ask_no_server(fake: FakeGeocoders) -> None:
    for text in ("48.8584,2.2945", "geo:48.8584,2.2945", "8FW4V75V+9Q", "geohash u09tunquc"):
        read_claim(text, geocoder=fake.geocoder())
    assert not fake.asked


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_what_parse_location_reads_means_the_same(latitude: float, longitude: float) -> None:
    text = f"{latitude:.7f},{longitude:.7f}"
    assert only_candidate(read_claim(text, geocoder=None)).location == parse_location(text)


def test_a_name_that_two_towns_share_is_two_candidates(fake: FakeGeocoders) -> None:
    fake.places["Springfield"] = recorded("nominatim_springfield")
    candidates = read_claim("Springfield", geocoder=fake.geocoder())
    assert len(candidates) == 2
    with pytest.raises(AmbiguousClaimError) as caught:
        only_candidate(candidates)
    assert str(caught.value) == (
        "'Springfield' may mean 2 places; name one of them by its coordinates: "
        "Springfield, Sangamon County, Illinois, United States at 39.799017,-89.643957; "
        "Springfield, Hampden County, Massachusetts, United States at 42.101876,-72.588673 "
        "(© OpenStreetMap contributors (ODbL, openstreetmap.org/copyright))"
    )


def test_a_name_of_one_place(fake: FakeGeocoders) -> None:
    fake.places["Example Tower"] = recorded("nominatim_tower")
    candidate = only_candidate(read_claim("Example Tower", geocoder=fake.geocoder()))
    assert candidate.origin == "place name"
    assert candidate.location == Location(48.8582599, 2.2945006)


def test_a_postcode_that_could_be_a_geohash_is_both(fake: FakeGeocoders) -> None:
    fake.places["1012jk"] = [{"lat": "52.37", "lon": "4.89", "display_name": "1012JK, Amsterdam"}]
    candidates = read_claim("1012jk", geocoder=fake.geocoder())
    assert [c.origin for c in candidates] == ["geohash", "place name"]


def test_letter_o_is_two_candidates() -> None:
    with pytest.raises(AmbiguousClaimError, match=r"German Ost.*French Ouest"):
        only_candidate(read_claim("48,8584° N, 2,2945° O", geocoder=None))


def test_one_place_said_twice_is_one_candidate() -> None:
    text = "48.8584, 2.2945 = https://osm.org/?mlat=48.85840&mlon=2.29450"
    candidate = only_candidate(read_claim(text, geocoder=None))
    assert candidate.location == TOWER


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("Springfield", "allow names of places to be looked up"),
        ("95,10", "latitude 95 is not between"),
        ("https://example.org", "no link to a map"),
        ("V75V+8Q Paris", "has to be looked up"),
        ("Spring\nfield", "'Spring field' is no location"),
    ],
)
def test_claims_without_a_place_say_why(text: str, message: str) -> None:
    with pytest.raises(LocationError, match=message) as caught:
        read_claim(text, geocoder=None)
    assert "\n" not in str(caught.value)


def test_a_name_that_nobody_knows(fake: FakeGeocoders) -> None:
    with pytest.raises(LocationError, match="no place is known as 'Nowhere'"):
        read_claim("Nowhere", geocoder=fake.geocoder())


def test_a_failure_is_no_unknown_name(fake: FakeGeocoders) -> None:
    fake.status = {"nominatim": 500, "photon": 500}
    with pytest.raises(NetworkError, match="Nominatim fails, and Photon fails"):
        read_claim("Springfield", geocoder=fake.geocoder())


def test_long_lists_are_cut_and_empty_ones_refused() -> None:
    many = [Candidate(Location(n, 0), f"town {n}", "place name", 10, "town") for n in range(8)]
    with pytest.raises(
        AmbiguousClaimError, match=r"8 places; .*town 4 at 4\.000000,0\.000000; 3 more$"
    ):
        only_candidate(many)
    with pytest.raises(LocationError):
        only_candidate([])


@given(st.text(max_size=40))
def test_any_text_means_something_or_is_refused_in_one_line(text: str) -> None:
    try:
        assert read_claim(text, geocoder=None)
    except LocationError as error:
        assert "\n" not in str(error)
