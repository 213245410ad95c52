"""Photos of Mapillary and panoramas of Panoramax on this machine, in the shapes they document.

Photo ``n`` of ``count`` stands on a square lattice; every picture is a pure function of ``n``, so
that a server holds nothing however many there are. Of ten photos one comes from a camera with poor
GPS, one has no panorama, one is dark, one blurred, one the copy of another; five are good.
"""

import io
import json
import math
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image, ImageFilter

WEST, SOUTH = 2.0, 48.0
STEP = 0.0005  # degrees between photos
KINDS = ("good", "camera", "good", "no panorama", "good", "dark", "blurred", "good", "copy", "good")
GOOD = KINDS.count("good")
PHOTO_SIZE, PANORAMA_SIZE = (160, 120), (512, 256)
_LIMIT = 1000  # photos in an answer


class World:
    """What the server knows.

    Args:
        count: Photos.
        url: The server's address.
    """

    def __init__(self, count: int, url: str) -> None:
        self.count = count
        self.url = url
        self.side = math.ceil(math.sqrt(count))

    @property
    def area(self) -> str:
        """The box that holds all photos, as ``placeproof collect`` takes it."""
        return f"{WEST},{SOUTH},{WEST + self.side * STEP:.4f},{SOUTH + self.side * STEP:.4f}"

    def position(self, number: int) -> tuple[float, float]:
        """Longitude and latitude of a photo."""
        row, column = divmod(number, self.side)
        return WEST + (column + 0.5) * STEP, SOUTH + (row + 0.5) * STEP

    def within(self, west: float, south: float, east: float, north: float) -> list[int]:
        """The photos in a box, by number."""
        rows = range(max(0, _cell(south - SOUTH)), min(self.side, _cell(north - SOUTH) + 1))
        columns = range(max(0, _cell(west - WEST)), min(self.side, _cell(east - WEST) + 1))
        found = []
        for number in (row * self.side + column for row in rows for column in columns):
            longitude, latitude = self.position(number)
            inside = west <= longitude <= east and south <= latitude <= north
            if inside and number < self.count:
                found.append(number)
        return found

    def images(self, query: dict[str, str]) -> dict[str, Any]:
        """Mapillary's ``/images``; pages follow each other by their first photo's number."""
        west, south, east, north = map(float, query["bbox"].split(","))
        after = int(query.get("after", -1))
        numbers = [n for n in self.within(west, south, east, north) if n > after]
        page = numbers[: min(int(query["limit"]), _LIMIT)]
        answer: dict[str, Any] = {"data": [self._image(number) for number in page]}
        if len(numbers) > len(page):
            answer["paging"] = {"cursors": {"after": str(page[-1])}, "next": "more"}
        return answer

    def items(self, query: dict[str, str]) -> dict[str, Any]:
        """Panoramax's ``/api/search``: a panorama by name, or those at a position."""
        if "ids" in query:
            numbers = [int(query["ids"].rpartition("-")[2])]
        else:
            lon, lat = map(float, query["place_position"].split(","))
            near = STEP / 4
            numbers = self.within(lon - near, lat - near, lon + near, lat + near)
        found = [self._item(n) for n in numbers if KINDS[n % len(KINDS)] != "no panorama"]
        return {"type": "FeatureCollection", "features": found, "links": []}

    def _image(self, number: int) -> dict[str, Any]:
        make, model = ("Apple", "iPhone10,4")
        if KINDS[number % len(KINDS)] == "camera":
            make, model = ("GoPro", "HERO8 Black")
        point = {"type": "Point", "coordinates": list(self.position(number))}
        return {
            "id": str(number),
            "captured_at": 1_700_000_000_000 + 1000 * number,
            "geometry": point,
            "computed_geometry": point,
            "computed_compass_angle": number % 360,
            "is_pano": False,
            "camera_type": "perspective",
            "make": make,
            "model": model,
            "width": PHOTO_SIZE[0],
            "height": PHOTO_SIZE[1],
            "sequence": str(number // 100),
            "creator": {"username": f"person{number % 7}", "id": str(number % 7)},
            "thumb_2048_url": f"{self.url}/photo/{number}",
        }

    def _item(self, number: int) -> dict[str, Any]:
        longitude, latitude = self.position(number)
        name = f"00000000-0000-4000-8000-{number:012}"
        return {
            "id": name,
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [longitude, latitude + 3e-5]},
            "properties": {
                "datetime": "2023-05-01T12:00:00+00:00",
                "view:azimuth": 90,
                "license": "CC-BY-SA-4.0",
                "geovisio:producer": f"person{number % 5}",
                "pers:interior_orientation": {
                    "field_of_view": 360,
                    "sensor_array_dimensions": list(PANORAMA_SIZE),
                },
            },
            "assets": {"sd": {"href": f"{self.url}/panorama/{number}", "type": "image/jpeg"}},
        }


def photo(number: int) -> bytes:
    """The file of a photo: rectangles of random colours."""
    kind = KINDS[number % len(KINDS)]
    shown = number - 1 if kind == "copy" else number
    image = _rectangles(shown, PHOTO_SIZE)
    if kind == "dark":
        image = image.point(lambda value: value // 12)
    if kind == "blurred":
        image = image.filter(ImageFilter.GaussianBlur(8))
    return _jpeg(image)


def panorama(number: int) -> bytes:
    """The file of a panorama."""
    return _jpeg(_rectangles(number, PANORAMA_SIZE))


@contextmanager
def served(count: int) -> Iterator[World]:
    """A world and its server, in a process of its own, on a free port of this machine."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(count, there), daemon=True)
    process.start()
    try:
        yield World(count, here.recv())
    finally:
        process.terminate()
        process.join()


def _serve(count: int, pipe: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    url = f"http://127.0.0.1:{server.server_port}"
    _Handler.world = World(count, url)
    pipe.send(url)
    server.serve_forever()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: World

    def do_GET(self) -> None:
        """Answers one request."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path.split("/")[1:]:
            case ["images"]:
                self._answer(json.dumps(self.world.images(query)).encode(), "application/json")
            case ["api", "search"]:
                self._answer(json.dumps(self.world.items(query)).encode(), "application/geo+json")
            case ["photo", number]:
                self._answer(photo(int(number)), "image/jpeg")
            case ["panorama", number]:
                self._answer(panorama(int(number)), "image/jpeg")
            case _:
                self.send_error(404)

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Says nothing."""


def _rectangles(seed: int, size: tuple[int, int]) -> Image.Image:
    random = np.random.default_rng(seed)
    small = random.integers(40, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    return Image.fromarray(np.repeat(np.repeat(small, 8, axis=0), 8, axis=1))


def _jpeg(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=80)
    return data.getvalue()


def _cell(degrees: float) -> int:
    return math.floor(degrees / STEP)
