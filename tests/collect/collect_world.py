"""A small world to collect in: photos of every kind, panoramas at some, and what is asked for.

Every photo's picture is a pure function of its id, so that any process sees the same world.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from placeproof.collect.areas import Area
from placeproof.collect.cameras import Camera
from placeproof.collect.criteria import Criteria
from placeproof.collect.finish import Summary, finish
from placeproof.collect.run import Collector, Sources
from placeproof.collect.store import Store
from placeproof.location import Location
from placeproof.net.failures import HttpError
from placeproof.panoramas.providers.boxes import Box
from placeproof.panoramas.source import PanoramaRecord

AREA = Area("Town", 2.0, 48.0, 2.02, 48.02)  # four tiles
KINDS = (
    "good",
    "camera",
    "far",
    "gone",
    "broken",
    "dark",
    "blurred",
    "double",
    "sky",
    "panorama-gone",
    "panorama-broken",
)
REASON_OF = {
    "camera": "camera not on the list",
    "far": "no panorama near enough",
    "gone": "photo no longer there",
    "broken": "photo cannot be read",
    "dark": "too dark",
    "blurred": "blurred",
    "double": "duplicate",
    "sky": "too little of it shows buildings",
    "panorama-gone": "panorama no longer there",
    "panorama-broken": "panorama cannot be read",
}
CRITERIA = Criteria("Photos", "Panoramas", (Camera("Apple", "iPhone 8*"),))


@dataclass(frozen=True)
class WorldPhoto:
    id: str
    location: Location
    make: str | None = "Apple"
    model: str | None = "iPhone 8 Plus"
    captured: str | None = "2024-05-01T12:00:00"
    creator: str | None = "somebody"
    page: str | None = "https://photos.example/1"
    licence: str | None = "CC BY-SA 4.0"

    @property
    def kind(self) -> str:
        return self.id.partition(" ")[0]


def photo(kind: str, number: int) -> WorldPhoto:
    """Photo ``number`` of a kind, at a place of its own on a lattice of about 75 m by 110 m."""
    place = number * len(KINDS) + KINDS.index(kind)
    location = Location(48.0005 + place // 19 * 0.001, 2.0005 + place % 19 * 0.001)
    model = "HERO8" if kind == "camera" else "iPhone 8 Plus"
    return WorldPhoto(f"{kind} {number}", location, model=model)


def blocks_of(text: str, size: tuple[int, int], channel: int) -> NDArray[np.uint8]:
    """Bright rectangles that differ for each text, reddish (channel 0) or bluish (2)."""
    random = np.random.default_rng(list(text.encode()))
    small = random.integers(60, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    small[..., 2 - channel] //= 3
    return np.repeat(np.repeat(small, 8, axis=0), 8, axis=1)


def picture(photo_id: str) -> bytes:
    """The file of a photo."""
    kind, _, number = photo_id.partition(" ")
    same = f"good {number}" if kind == "double" else photo_id
    image = Image.fromarray(blocks_of(same, (160, 120), 2 if kind == "sky" else 0))
    if kind == "dark":
        image = image.point(lambda value: value // 12)
    if kind == "blurred":
        image = image.filter(ImageFilter.GaussianBlur(6))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=85 if kind == "double" else 95)
    return data.getvalue()[: 200 if kind == "broken" else None]


@dataclass
class World:
    """Lists and fetches photos and panoramas, and counts what it is asked for."""

    known: list[WorldPhoto]
    asked: Counter[str] = field(default_factory=Counter)
    on_ask: Callable[[str], None] = lambda _what: None
    may_keep: bool = True

    def _ask(self, what: str) -> None:
        self.asked[what] += 1
        self.on_ask(what)

    def photos(self, area: Box, /) -> Iterator[WorldPhoto]:
        self._ask(f"list {area}")
        yield from (entry for entry in self.known if area.contains(entry.location))

    def fetch_photo(self, entry: WorldPhoto) -> bytes:
        self._ask(f"photo {entry.id}")
        if entry.kind == "gone":
            raise HttpError("it is gone", 404)
        return picture(entry.id)

    def search(self, location: Location, radius_m: float) -> list[PanoramaRecord]:
        found = [
            record(entry, self.may_keep)
            for entry in self.known
            if entry.kind != "far" and location.distance_m(record(entry).location) <= radius_m
        ]
        self._ask(f"search {location}")
        return sorted(found, key=lambda each: location.distance_m(each.location))

    def fetch(self, wanted: PanoramaRecord) -> NDArray[np.uint8]:
        self._ask(f"panorama {wanted.id}")
        if wanted.id.startswith("panorama-gone"):
            raise HttpError("it is gone", 410)
        if wanted.id.startswith("panorama-broken"):
            from placeproof.errors import NotEquirectangularError

            raise NotEquirectangularError("only a part of a panorama")
        return blocks_of(wanted.id, (256, 128), 0)


def record(entry: WorldPhoto, may_keep: bool = True) -> PanoramaRecord:
    """The panorama 5 m north of a photo."""
    north = Location(entry.location.latitude + 5 / 111_195, entry.location.longitude)
    return PanoramaRecord(
        id=f"{entry.id} panorama",
        location=north,
        heading=90.0,
        captured="2023-01-01",
        source="Panoramas",
        licence="CC BY 4.0, Town",
        content_hash=None,
        width=256,
        height=128,
        page=None,
        may_keep=may_keep,
    )


class Photos:
    """The world as a source of photos."""

    def __init__(self, world: World) -> None:
        self.photos = world.photos
        self.fetch = world.fetch_photo


class Reddish:
    """A building detector: whatever is more red than blue is a building."""

    name = "reddish"

    def __call__(
        self,
        pixels: NDArray[np.uint8],
        *,
        wraps: bool = False,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        return (pixels[..., 0] > pixels[..., 2]).astype(np.float32)


def small_world(numbers: int = 4) -> World:
    """Some photos of every kind, the good ones before their doubles."""
    return World([photo(kind, number) for number in range(numbers) for kind in KINDS])


def collect(
    world: World,
    folder: Path,
    criteria: Criteria = CRITERIA,
    *,
    areas: tuple[Area, ...] = (AREA,),
    most: int | None = None,
    progress: Callable[..., None] = lambda *_all: None,
) -> tuple[Collector, Summary]:
    """One run into a folder, which is made."""
    folder.mkdir(exist_ok=True)
    sources = Sources(Photos(world), world, Reddish())
    with Store(folder, criteria.settings()) as store:
        collector = Collector(folder, store, sources, criteria)
        collector.run(areas, progress, most)
        return collector, finish(folder, store, criteria, complete=collector.complete)
