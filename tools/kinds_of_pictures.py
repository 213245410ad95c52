"""Pictures of every kind that ``tools/fit_photo_kind.py`` fits to and measures on."""

import csv
import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changed_pictures import (
    at_night,
    clouds,
    ground,
    in_a_screenshot,
    on_a_screen,
    painted,
    pencil,
    sky,
    surface,
    view,
)
from drawn_pictures import DRAWN
from placeproof.errors import TrainingError
from placeproof.geometry import View
from placeproof.images import read_picture
from placeproof.photo_kind import SCENE
from placeproof.scene.render import render_photo
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit
from placeproof.training.views import develop

Pixels = NDArray[np.uint8]

INDOORS, SKY = "an indoor scene", "the sky"
CLOSE_UP, DRAWING = "a close-up", "a screenshot or drawing"
# Every kind of picture, and what it shows.
SHOWS: dict[str, str] = {
    "street view": SCENE,
    "photo": SCENE,
    "driver's view": SCENE,
    "rendered street": SCENE,
    "street at night": SCENE,
    "street in a screenshot": SCENE,
    "street on a screen": SCENE,
    "room": INDOORS,
    "sky": SKY,
    "made sky": SKY,
    "ground": CLOSE_UP,
    "surface": CLOSE_UP,
    "blank wall": CLOSE_UP,
    "pencil drawing": DRAWING,
    "painting": DRAWING,
    **{kind: DRAWING for kind in DRAWN if kind != "blank wall"},
}
VIEWS, ROOM_VIEWS, SKIES = 5, 8, 2  # of a panorama
DRAWN_OF_A_KIND, RENDERED_STREETS, PHOTOS_OF_A_STREET = 40, 8, 4
FIRST_STREET = 2000  # seed; those of tests, the demo and the training are below
EVERY = 2  # of so many frames of a drive, one is taken


class Example(NamedTuple):
    """A picture whose kind is known.

    Attributes:
        kind: A key of ``SHOWS``.
        group: The place, or whatever else must not be on both sides of a split.
        pixels: (H, W, 3) sRGB.
    """

    kind: str
    group: str
    pixels: Pixels


Task = Callable[[], Iterator[Example]]  # makes some examples, the same ones every time


def tasks(data: Path, seed: int) -> list[Task]:
    """What makes all examples, each task independent of the others.

    Args:
        data: Folder with ``panoramas.csv``, ``photos.csv`` and ``camvid``.
        seed: Of everything that is drawn.

    Raises:
        TrainingError: If a list is missing.
    """
    made: list[Task] = []
    for number, row in enumerate(_rows(data / "panoramas.csv")):
        of_panorama = outdoors if row["outdoor"] == "1" else rooms
        path, drawn = data / row["file"], (seed, 0, number)
        made.append(functools.partial(of_panorama, path, row["group"], drawn))
    made += [
        functools.partial(photo, data / row["file"], "photo", row["group"])
        for row in _rows(data / "photos.csv")
    ]
    for path in sorted(data.glob("camvid/*/*.jpg"))[::EVERY]:
        sequence = path.stem.split("_")[0]
        made.append(functools.partial(photo, path, "driver's view", sequence))
    made += [functools.partial(rendered, number) for number in range(RENDERED_STREETS)]
    makers = {**DRAWN, "surface": surface, "made sky": clouds}
    for (number, (kind, make)), draw in itertools.product(
        enumerate(makers.items()), range(DRAWN_OF_A_KIND)
    ):
        made.append(functools.partial(drawn_by_code, kind, make, (seed, 1, number, draw)))
    return made


def _rows(listing: Path) -> list[dict[str, str]]:
    try:
        with listing.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise TrainingError(f"cannot read '{listing}': {error.strerror}") from error


def outdoors(path: Path, group: str, seed: tuple[int, ...]) -> Iterator[Example]:
    """Street views from a panorama, what can be made of them, and its sky and ground."""
    panorama, random = read_picture(path).pixels, np.random.default_rng(seed)
    changed = {
        "street at night": at_night,
        "street in a screenshot": in_a_screenshot,
        "street on a screen": on_a_screen,
    }
    tracings = {"pencil drawing": pencil, "painting": painted}
    traced = list(tracings)[seed[-1] % len(tracings)]
    for _ in range(VIEWS):
        yield Example("street view", group, _developed(view(panorama, random), random))
    for kind, change in changed.items():
        yield Example(kind, group, change(view(panorama, random), random))
    yield Example(traced, group, tracings[traced](view(panorama, random), random))
    yield Example("ground", group, _developed(ground(panorama, random), random))
    for _ in range(SKIES):
        above = sky(panorama, random)
        if above is not None:
            yield Example("sky", group, _developed(above, random))


def rooms(path: Path, group: str, seed: tuple[int, ...]) -> Iterator[Example]:
    """Views of a panorama that was taken indoors."""
    panorama, random = read_picture(path).pixels, np.random.default_rng(seed)
    for _ in range(ROOM_VIEWS):
        yield Example("room", group, _developed(view(panorama, random, (-15.0, 15.0)), random))


def photo(path: Path, kind: str, group: str) -> Iterator[Example]:
    """A photo as it is."""
    yield Example(kind, group, read_picture(path).pixels)


def rendered(number: int) -> Iterator[Example]:
    """Photos of a street that placeproof renders, at different times of the year and the day."""
    random = np.random.default_rng(number)
    street = Street(FIRST_STREET + number)
    seasons, lights = list(Season), list(Light)
    for shot in range(PHOTOS_OF_A_STREET):
        visit = Visit(
            seasons[shot % len(seasons)], lights[(number + shot) % len(lights)], seed=shot
        )
        along, across = random.uniform((-20, -2), (20, 2)).tolist()
        camera = View(random.uniform(0, 360), random.uniform(-5, 15), 0.0, 65.0, 384, 288)
        taken = render_photo(street, visit, street.position(along, across, 1.7), camera)
        yield Example("rendered street", f"rendered {number}", taken.pixels)


def drawn_by_code(
    kind: str, make: Callable[[np.random.Generator], Pixels], seed: tuple[int, ...]
) -> Iterator[Example]:
    """One picture that no camera took."""
    random = np.random.default_rng(seed)
    yield Example(kind, f"{kind} {seed[-1]}", _developed(make(random), random))


def _developed(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Half of all pictures with other colours, noise and JPEG: none of it tells kinds apart."""
    return develop(picture, int(random.integers(2**31))) if random.random() < 0.5 else picture
