import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from geocoder_server import FakeGeocoders, fake_geocoders_fixture, recorded  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st
from osm_shortlink import shortlink_encode

from placeproof.claims.candidate import Candidate
from placeproof.claims.map_links import find_links, hide_links, read_link
from placeproof.errors import ForbiddenAddressError, LocationError, NetworkError
from placeproof.location import Location
from placeproof.net.client import HttpClient

TOWER = Location(48.8584, 2.2945)
VIEW = "middle of the view"


def only(url: str) -> Candidate:
    (candidate,) = read_link(url, None, None)
    assert candidate.origin == "map link"
    assert candidate.words == url
    return candidate


# Links that hold the place

PINS = [
    # Google
    "https://www.google.com/maps?q=48.8584,2.2945",
    "https://maps.google.com/?q=48.8584,2.2945",
    "https://maps.google.co.uk/maps?q=loc:48.8584,2.2945&z=12",
    "http://google.de/maps/place/48.8584,2.2945/@1,1,17z",
    "https://www.google.com/maps/place/48.8584+2.2945",
    "https://www.google.com/maps/place/48%C2%B051%2730.24%22N+2%C2%B017%2740.2%22E/",
    "https://www.google.com/maps/search/?api=1&query=48.8584%2C2.2945",
    "https://www.google.com/maps/search/48.8584,+2.2945?entry=tts",
    "https://www.google.com/maps/place/Some+Tower/@48.9,2.9,17z/data=!3m1!4b1!4m6!3m5!1s0x1:0x2"
    "!8m2!3d48.8584!4d2.2945!16zL20vMDJqODE?entry=ttu",
    "https://www.google.com/maps/@48.8584,2.2945,3a,75y,90h,90t/data=!3m6!1e1!3m4!1sPANO!2e0",
    "https://www.google.com/maps/@?api=1&map_action=pano&viewpoint=48.8584,2.2945",
    "https://maps.google.com/maps?layer=c&cbll=48.8584,2.2945",
    "https://www.google.com/maps/dir/?api=1&destination=48.8584,2.2945",
    "www.google.com/maps?q=48.8584,2.2945",
    # OpenStreetMap
    "https://www.openstreetmap.org/?mlat=48.8584&mlon=2.2945#map=17/48.9/2.9",
    "https://osm.org/?mlat=48.8584&mlon=2.2945",
    "openstreetmap.org/directions?to=48.8584%2C2.2945",
    # Apple
    "https://maps.apple.com/?ll=48.8584,2.2945&q=Some%20Tower",
    "https://maps.apple.com/?q=48.8584,2.2945",
    "https://maps.apple.com/?daddr=48.8584,2.2945",
    "https://maps.apple.com/place?address=A%20Street&coordinate=48.8584,2.2945&name=Tower",
    # others
    "https://www.bing.com/maps?cp=48.9~2.9&lvl=16&sp=point.48.8584_2.2945_Some%20Tower",
    "https://bing.com/maps/?where1=48.8584,2.2945",
    "https://share.here.com/l/48.8584,2.2945,Some%20Tower?z=15",
    "geo:48.8584,2.2945",
    "geo:48.8584,2.2945,35;crs=wgs84",
    "GEO:48.8584,2.2945?z=17",
    "geo:0,0?q=48.8584,2.2945(Some+Tower)",
]


@pytest.mark.parametrize("url", PINS)
def test_a_pin_is_read_exactly(url: str) -> None:
    candidate = only(url)
    assert candidate.location.distance_m(TOWER) < 0.1
    assert candidate.precision_m < 6
    assert VIEW not in candidate.label


VIEWS = [
    "https://www.google.com/maps/@48.8584,2.2945,17z",
    "https://www.google.com/maps/place/Some+Tower/@48.8584,2.2945,17z",
    "https://www.google.com/maps/search/cafe/@48.8584,2.2945,17z/data=!3m1!4b1",
    "https://maps.google.com/?ll=48.8584,2.2945&z=17",
    "https://www.google.com/maps/@?api=1&map_action=map&center=48.8584%2C2.2945&zoom=17",
    "https://www.openstreetmap.org/#map=17/48.8584/2.2945",
    "https://www.openstreetmap.org/node/12#map=17/48.8584/2.2945&layers=N",
    "https://www.openstreetmap.org/?lat=48.8584&lon=2.2945&zoom=17",
    "https://www.openstreetmap.org/search?query=Tower#map=17/48.8584/2.2945",
    "https://maps.apple.com/?sll=48.8584,2.2945&z=17&q=Some+Tower",
    "https://www.bing.com/maps?cp=48.8584~2.2945&lvl=17",
    "https://wego.here.com/?map=48.8584,2.2945,17,normal",
]


@pytest.mark.parametrize("url", VIEWS)
def test_the_middle_of_a_view_is_as_vague_as_the_view(url: str) -> None:
    candidate = only(url)
    assert candidate.location == TOWER
    assert candidate.precision_m == pytest.approx(393, rel=0.01)  # 500 pixels of 0.786 m
    assert VIEW in candidate.label


def test_views_of_other_kinds() -> None:
    satellite = only("https://www.google.com/maps/@48.8584,2.2945,1200m/data=!3m1!1e3")
    assert satellite.precision_m == 600
    embedded = only(
        "https://www.google.com/maps/embed?pb=!1m18!1m12!1m3!1d624.99!2d2.2945!3d48.8584!2m3"
    )
    assert embedded.location == TOWER
    world = only("https://www.google.com/maps/@0,0,0z")
    assert world.precision_m > 20_000_000


def test_uncertainty_of_a_geo_link() -> None:
    assert only("geo:48.8584,2.2945;u=35").precision_m == 35


def test_the_name_in_a_link_is_shown() -> None:
    assert only("https://maps.apple.com/?ll=48.8584,2.2945&q=Some%20Tower").label == (
        "Some Tower: 48.858400,2.294500 (Apple Maps, pin)"
    )


def test_all_stops_of_a_route() -> None:
    for url in (
        "https://www.google.com/maps/dir/48.85,2.29/Some+Museum/@48.8,2.3,14z/data=!4m8!4m7!1m0"
        "!1m5!1m1!1s0x47:0x1!2m2!1d2.3376!2d48.8606",
        "https://www.google.com/maps/dir/?api=1&origin=48.85,2.29&destination=48.8606,2.3376",
        "https://www.openstreetmap.org/directions?engine=x&route=48.85%2C2.29%3B48.8606%2C2.3376",
        "https://maps.apple.com/?saddr=48.85,2.29&daddr=48.8606,2.3376",
    ):
        stops = read_link(url, None, None)
        assert [s.location for s in stops] == [Location(48.85, 2.29), Location(48.8606, 2.3376)]


def test_plus_codes_in_links() -> None:
    for url in (
        "https://plus.codes/8FW4V75V+8Q",
        "https://www.google.com/maps/place/8FW4V75V%2B8Q",
        "https://www.google.com/maps/place/8FW4V75V+8Q/",
    ):
        (candidate,) = read_link(url, None, None)
        assert candidate.label == "8FW4V75V+8Q"
        assert candidate.origin == "plus code"
        assert candidate.words == url


# OpenStreetMap's short links are decoded here


@pytest.mark.parametrize(
    ("url", "place"),
    [  # published examples
        ("https://osm.org/go/0EEQjEEb?m", Location(51.5110, 0.0550)),
        ("http://osm.org/go/0E4_JiVhs?m=", Location(52.30103, 4.862927)),
        ("https://openstreetmap.org/go/0Ik3VNr_A-?m", Location(46.05141, 14.50604)),
    ],
)
def test_known_short_links_of_openstreetmap(url: str, place: Location) -> None:
    candidate = only(url)
    assert candidate.location.distance_m(place) <= 2 * candidate.precision_m
    assert candidate.precision_m < 4
    assert "marker" in candidate.label


@given(st.floats(-85, 85), st.floats(-179.9, 179.9), st.integers(3, 20), st.booleans())
def test_short_links_round_trip(latitude: float, longitude: float, zoom: int, marker: bool) -> None:
    code = shortlink_encode(longitude, latitude, zoom)
    candidate = only(f"https://osm.org/go/{code}{'?m' if marker else ''}")
    steps = 2 * 360 / 2 ** (zoom + 8)  # degrees of longitude
    assert abs(candidate.location.longitude - longitude) <= steps
    assert abs(candidate.location.latitude - latitude) <= steps
    assert (VIEW in candidate.label) != marker


def test_old_and_damaged_short_links() -> None:
    assert only("https://osm.org/go/0EEQjE==").location == only("osm.org/go/0EEQjE--").location
    for code in ("", "0", "!!!!", "0EEQjEEb" * 4):
        with pytest.raises(LocationError):
            read_link(f"https://osm.org/go/{code}", None, None)


# Links that say no place


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://www.google.com/maps", "says no place"),
        ("https://maps.google.com/?cid=123", "says no place"),
        ("https://www.google.com/maps/@95,2.29,17z", "says no place"),
        ("https://www.google.com/maps?q=95,200", "has no coordinates"),
        ("https://www.openstreetmap.org/node/1", "says no place"),
        ("https://maps.apple.com/", "says no place"),
        ("https://www.bing.com/maps?cp=x", "says no place"),
        ("https://share.here.com/l/x", "says no place"),
        ("geo:95,0", "says no place"),
        ("geo:37.78,-122.39;crs=Moon-2011", "says no place"),
        ("https://www.google.com/search?q=48.8584,2.2945", "no link to a map"),
        ("https://www.bing.com/search?q=48.8584,2.2945", "no link to a map"),
        ("https://maps.google.com.example.org/?q=48.8584,2.2945", "no link to a map"),
        ("https://example.org/@48.8584,2.2945", "no link to a map"),
        ("https://[", "is no link"),
        ("https://www.google.com/maps/search/?api=1&query=Some+Tower", "'Some Tower' and has no"),
        ("https://maps.apple.com/?address=1%20Street", "'1 Street' and has no"),
        ("https://www.openstreetmap.org/search?query=Tower", "'Tower' and has no"),
        ("geo:0,0?q=Some+Tower", "'Some Tower' and has no"),
        ("https://maps.app.goo.gl/abc", "short link, which has to be followed"),
        ("https://goo.gl/maps/abc", "short link, which has to be followed"),
        ("maps.apple/p/abc", "short link, which has to be followed"),
    ],
)
def test_links_without_a_place_say_why(url: str, message: str) -> None:
    with pytest.raises(LocationError, match=message) as caught:
        read_link(url, None, None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "48.8584,2.2945", "Some Tower", "see https://osm.org/go/0E"])
def test_texts_that_are_no_link(text: str) -> None:
    assert read_link(text, None, None) == []


def test_names_in_links_are_looked_up(fake: FakeGeocoders) -> None:
    fake.places["Example Tower"] = recorded("nominatim_tower")
    url = "https://www.google.com/maps/search/?api=1&query=Example+Tower"
    (candidate,) = read_link(url, fake.geocoder(), None)
    assert candidate.origin == "place name"
    assert candidate.words == url
    assert "OpenStreetMap" in (candidate.attribution or "")


def test_a_pin_is_not_looked_up(fake: FakeGeocoders) -> None:
    for url in PINS:
        read_link(url, fake.geocoder(), None)
    assert not fake.asked


# Inside of a text


def test_links_inside_a_text_are_found_where_they_are() -> None:
    text = (
        "Look (https://osm.org/?mlat=48.8584&mlon=2.2945). And https://example.org/x, "
        "geo:48.8584,2.2945! maps.app.goo.gl/abc; mail me@osm.org/go/0EEQjE"
    )
    found = find_links(text, None, None)
    assert [text[f.start : f.end] for f in found] == [
        "https://osm.org/?mlat=48.8584&mlon=2.2945",
        "geo:48.8584,2.2945",
    ]


def test_brackets_that_belong_to_a_link_stay() -> None:
    (finding,) = find_links("(geo:0,0?q=48.8584,2.2945(Tower))", None, None)
    assert finding.candidates[0].words == "geo:0,0?q=48.8584,2.2945(Tower)"


def test_hidden_links_leave_the_rest_in_place() -> None:
    text = "See https://example.org/48.8584,2.2945. Paris"
    hidden = hide_links(text)
    assert len(hidden) == len(text)
    assert hidden.startswith("See ")
    assert hidden.endswith(". Paris")
    assert "48" not in hidden


@given(
    st.sampled_from(["https://www.google.com/maps", "https://osm.org/", "geo:", "maps.apple.com/"]),
    st.text(alphabet="@48.8584,2945?&=!3d4dq/#map%+;()é", max_size=40),
)
def test_any_link_is_read_or_refused(start: str, rest: str) -> None:
    try:
        for candidate in read_link(start + rest, None, None):
            assert candidate.precision_m > 0
    except LocationError as error:
        assert "\n" not in str(error)


# Short links that are followed


class _Redirects(BaseHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        targets: dict[str, str] = self.server.targets  # type: ignore[attr-defined]
        target = targets.get(self.path)
        self.send_response(302 if target else (404 if self.path == "/gone" else 200))
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A server that answers as every host of the web, once a client looks names up with it."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Redirects)
    server.targets = {}  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def client_to(*, allow_private: bool = True) -> HttpClient:
    return HttpClient(
        allow_private=allow_private, attempts=1, _resolve=lambda _host, _port: ["127.0.0.1"]
    )


def test_a_short_link_is_followed_past_a_page_that_asks_for_consent(
    web: ThreadingHTTPServer,
) -> None:
    port = web.server_port
    web.targets = {  # type: ignore[attr-defined]
        "/abc": "/step",
        "/step": f"http://www.google.com:{port}/maps/place/Tower/data=!3d48.8584!4d2.2945",
        "/maps/place/Tower/data=!3d48.8584!4d2.2945": f"http://consent.google.com:{port}/ml?x=1",
    }
    url = f"http://maps.app.goo.gl:{port}/abc"
    with client_to() as client:
        (candidate,) = read_link(url, None, client)
        (finding,) = find_links(f"see {url}.", None, client)
    assert candidate.location == TOWER
    assert candidate.words == url
    assert finding.candidates == (candidate,)


def test_a_short_link_that_leads_elsewhere_says_no_place(web: ThreadingHTTPServer) -> None:
    web.targets = {"/abc": f"http://example.org:{web.server_port}/"}  # type: ignore[attr-defined]
    with client_to() as client, pytest.raises(LocationError, match="says no place"):
        read_link(f"http://maps.app.goo.gl:{web.server_port}/abc", None, client)


def test_a_short_link_that_is_unknown_or_in_a_private_network(web: ThreadingHTTPServer) -> None:
    url = f"http://maps.app.goo.gl:{web.server_port}/gone"
    with client_to() as client, pytest.raises(NetworkError, match="404"):
        read_link(url, None, client)
    with client_to(allow_private=False) as client, pytest.raises(ForbiddenAddressError):
        read_link(url, None, client)
