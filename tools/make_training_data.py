"""Makes a folder of real and rendered pairs to train on, with its manifest.

    python tools/make_training_data.py ../shared/data/panoramas.csv training-data --streets 120

From panoramas come photos as perspective views, seen by many cameras: each paired with its own
panorama, with the exact mask, and with every panorama less than 20 m away (true parallax). From
streets that placeproof renders come a panorama, photos taken 2 to 15 m away at other times of
the year and the day, with exact masks, and a second panorama too far away to show the same.

Everything is a pure function of the seed and the panorama's name or the street's number: what is
there already and whole is not made again, and more views or streets can be added later.
"""

import argparse
import csv
import functools
import hashlib
import io
import json
import math
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from placeproof.errors import PlaceproofError
from placeproof.files import write_atomically
from placeproof.geometry import View, view_mask
from placeproof.images import read_picture
from placeproof.location import Location
from placeproof.scene.render import render_panorama, render_photo
from placeproof.scene.street import NOWHERE, Street
from placeproof.scene.truth import shown
from placeproof.scene.visit import Light, Season, Visit
from placeproof.training.manifest import Row, Split, write_manifest
from placeproof.training.places import ELSEWHERE_M, SAME_M
from placeproof.training.views import Window, cut, develop, draw_view

WIDTH = 1664  # of rendered panoramas and of masks, pixels
PHOTO_SIDE = 512  # pixels; more than the network sees
STREET_PHOTOS = 6  # of each rendered street
FIRST_STREET = 1000  # seed; tests and the demo render streets of seeds below 1000
STREETS_APART = 0.005  # degrees, here some 400 m by 550 m: streets have neighbours
STREETS_A_ROW = 20
FARTHEST_PHOTO_M = 15.0  # from its panorama
LEAST_SHARED = 0.01  # share of the panorama's pixels that a rendered photo shows, too
ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Panorama:
    """A row of the list of panoramas."""

    path: Path
    name: str
    group: str
    location: Location | None


@dataclass(frozen=True, slots=True)
class Settings:
    """What every picture depends on.

    Attributes:
        folder: Where they go.
        seed: Of everything that is drawn.
        width: Of rendered panoramas and of masks, pixels.
        photo_side: Longer side of photos, pixels.
    """

    folder: Path
    seed: int
    width: int = WIDTH
    photo_side: int = PHOTO_SIDE

    def random(self, *what: object) -> np.random.Generator:
        """A stream of random numbers for one thing."""
        digest = hashlib.sha256(repr((self.seed, *what)).encode()).digest()
        return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))


def read_panoramas(listing: Path) -> list[Panorama]:
    """The outdoor panoramas of a CSV (file, group, outdoor, lat, lon).

    Of a file that is listed twice, with two positions, neither can be trusted.
    """
    with listing.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["outdoor"] == "1"]
    panoramas: dict[str, Panorama] = {}
    for row in rows:
        panorama = Panorama(
            path=(listing.parent / row["file"]).absolute(),
            name=Path(row["file"]).stem,
            group=row["group"],
            location=Location(float(row["lat"]), float(row["lon"])) if row["lat"] else None,
        )
        if panoramas.setdefault(row["file"], panorama) != panorama:
            panoramas[row["file"]] = replace(panorama, location=None)
    return list(panoramas.values())


def near(a: Panorama, b: Panorama) -> bool:
    """Whether two different panoramas of one group surely show the same place."""
    if a is b or a.group != b.group or a.location is None or b.location is None:
        return False
    return a.location.distance_m(b.location) <= SAME_M


def development_groups(panoramas: Sequence[Panorama]) -> set[str]:
    """A quarter of the groups, and half of those with pairs of near panoramas."""
    by_digest = sorted(
        {panorama.group for panorama in panoramas},
        key=lambda group: hashlib.sha256(group.encode()).hexdigest(),
    )
    with_near = [
        group
        for group in by_digest
        if any(near(a, b) for a in panoramas for b in panoramas if a.group == group)
    ]
    alone = [group for group in by_digest if group not in with_near]
    return {*with_near[::2], *alone[::4]}


def make_views(settings: Settings, count: int, panorama: Panorama) -> None:
    """Takes the photos of a panorama that are missing, and their masks."""
    missing = [
        number for number in range(count) if not whole(*_view_files(settings, panorama, number))
    ]
    if not missing:
        return
    pixels = read_picture(panorama.path).pixels
    for number in missing:
        random = settings.random("view", panorama.name, number)
        # Anywhere over the horizon: photos look up rather than down.
        window = Window(random.uniform(-180, 180), random.uniform(-5, 20), 65.0, 50.0)
        view = draw_view(window, settings.photo_side, random)
        photo = cut(pixels, view, (view.width, view.height))
        query, mask = _view_files(settings, panorama, number)
        save(mask, view_mask(view, settings.width, settings.width // 2).numpy())
        save(query, develop(photo, int(random.integers(2**31))))


def view_rows(settings: Settings, count: int, panoramas: Sequence[Panorama]) -> list[Row]:
    """The pairs of all photos of panoramas."""
    held_out = development_groups(panoramas)
    rows = []
    for own in panoramas:
        split: Split = "development" if own.group in held_out else "train"
        for number in range(count):
            query, mask = _view_files(settings, own, number)
            rows += [
                Row(
                    query=query,
                    query_location=own.location,
                    panorama=other.path,
                    panorama_location=other.location,
                    place=own.group,
                    split=split,
                    mask=mask if other is own else None,
                )
                for other in (own, *(other for other in panoramas if near(own, other)))
            ]
    return rows


def _view_files(settings: Settings, panorama: Panorama, number: int) -> tuple[Path, Path]:
    name = f"{panorama.name}-{number:03}"
    return settings.folder / "queries" / f"{name}.jpg", settings.folder / "masks" / f"{name}.png"


def make_street(settings: Settings, photos: int, number: int) -> list[Row]:
    """Renders a street's panoramas and photos, unless they are there; returns its pairs.

    What was drawn is written last, so that a street whose list is there was finished.
    """
    name = f"street-{number:04}"
    listing = settings.folder / "rendered" / f"{name}.json"
    panorama, distant = (listing.with_name(f"{name}-panorama-{n}.jpg") for n in (1, 2))
    queries = [listing.with_name(f"{name}-photo-{n:02}.jpg") for n in range(photos)]
    masks = [settings.folder / "masks" / f"{query.stem}.png" for query in queries]
    files = [panorama, distant, *queries, *masks]
    places = read_places(listing)
    if len(places) != photos + 2 or not whole(*files):
        places = _render_street(settings, number, panorama, distant, queries, masks)
        write_atomically(
            listing, json.dumps([(place.latitude, place.longitude) for place in places]).encode()
        )
    split: Split = "development" if number % 5 == 4 else "train"
    return [Row(None, None, distant, places[1], name, split, None)] + [
        Row(query, place, panorama, places[0], name, split, mask)
        for query, mask, place in zip(queries, masks, places[2:], strict=True)
    ]


def _render_street(
    settings: Settings,
    number: int,
    panorama_path: Path,
    distant_path: Path,
    queries: Sequence[Path],
    masks: Sequence[Path],
) -> list[Location]:
    """Renders all pictures of a street; returns the places of panoramas and photos, in order."""
    random = settings.random("street", number)
    row, column = divmod(number, STREETS_A_ROW)
    origin = Location(
        NOWHERE.latitude + row * STREETS_APART, NOWHERE.longitude + column * STREETS_APART
    )
    street = Street(FIRST_STREET + number, origin)
    at = random.uniform(-40.0, -30.0)  # metres along the street
    first, second = (
        render_panorama(
            street,
            _visit(random),
            street.position(along, 0.0, 2.5),
            random.uniform(0.0, 360.0),
            settings.width,
        )
        for along in (at, at + FARTHEST_PHOTO_M + ELSEWHERE_M + random.uniform(2.0, 8.0))
    )
    save(panorama_path, first.pixels)
    save(distant_path, second.pixels)
    places = [first.location, second.location]
    for query, mask_path in zip(queries, masks, strict=True):
        for _ in range(ATTEMPTS):
            position, view = _photo_camera(random, street, at, settings.photo_side)
            photo = render_photo(street, _visit(random), position, view)
            mask = shown(street, first, photo)
            if mask.mean() >= LEAST_SHARED:  # else a tree or a car hides too much
                break
        else:
            raise PlaceproofError(f"street {number} shows too little of itself; take another seed")
        save(mask_path, mask)
        save(query, develop(photo.pixels, int(random.integers(2**31))))
        places.append(photo.location)
    return places


def _visit(random: np.random.Generator) -> Visit:
    season, light = random.choice(list(Season)), random.choice(list(Light))
    return Visit(Season(season), Light(light), seed=int(random.integers(2**31)))


def _photo_camera(
    random: np.random.Generator, street: Street, at: float, side: int
) -> tuple[tuple[float, float, float], View]:
    """Where a photo is taken, 2 to 15 m from a panorama, and its camera, aimed at the houses."""
    widest = street.road_width / 2 + 0.8 * street.pavement_width
    left = random.uniform(-widest, widest)
    distance = random.uniform(max(2.0, abs(left)), FARTHEST_PHOTO_M)
    along = math.copysign(math.sqrt(distance**2 - left**2), random.uniform(-1.0, 1.0))
    # At the row across the road, more or less aslant.
    turn = math.copysign(random.uniform(30.0, 110.0), left)
    drawn = draw_view(Window(street.bearing + turn, 8.0, 65.0, 50.0), side, random)
    return street.position(at + along, left, 1.6), drawn


def whole(*files: Path) -> bool:
    """Whether all files are there and sound pictures."""
    try:
        for file in files:
            with Image.open(file) as image:
                image.load()
    except OSError:
        return False
    return True


def read_places(listing: Path) -> list[Location]:
    """The places of a finished street; none where there is no sound list."""
    try:
        return [Location(*place) for place in json.loads(listing.read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def save(path: Path, pixels: NDArray[np.uint8] | NDArray[np.bool_]) -> None:
    """Writes a picture as JPEG, or a mask as PNG, white where it is."""
    data = io.BytesIO()
    if path.suffix == ".png":
        Image.fromarray(pixels).save(data, "PNG")
    else:
        Image.fromarray(pixels).save(data, "JPEG", quality=92)
    write_atomically(path, data.getvalue())


def make_training_data(
    listing: Path, settings: Settings, *, views: int, streets: int, photos: int, workers: int
) -> list[Row]:
    """Makes what is missing of all pictures, and the manifest ``pairs.csv``; returns its rows.

    Raises:
        PlaceproofError: If the folder was made with other settings, or a picture cannot be read
            or written.
    """
    panoramas = read_panoramas(listing)
    if len({panorama.name for panorama in panoramas}) < len(panoramas):
        raise PlaceproofError(f"{listing} has two panoramas of one name")
    for part in ("queries", "rendered", "masks"):
        (settings.folder / part).mkdir(parents=True, exist_ok=True)
    _check_settings(settings)
    take = functools.partial(make_views, settings, views)
    render = functools.partial(make_street, settings, photos)
    rows = view_rows(settings, views, panoramas)
    context = get_context("spawn")  # a fork of a process that has used torch may hang
    with ProcessPoolExecutor(workers, context, torch.set_num_threads, (1,)) as pool:
        run = map if workers == 1 else pool.map  # the pool starts its processes when it is used
        for _ in track(run(take, panoramas), "Views", total=len(panoramas)):
            pass
        for made in track(run(render, range(streets)), "Streets", total=streets):
            rows += made
    write_manifest(settings.folder / "pairs.csv", rows)
    return rows


def _check_settings(settings: Settings) -> None:
    """A folder has pictures of one kind; to mix them would be to train on who knows what."""
    kept = {"seed": settings.seed, "width": settings.width, "photo_side": settings.photo_side}
    path = settings.folder / "settings.json"
    if not path.exists():
        write_atomically(path, json.dumps(kept).encode())
    elif json.loads(path.read_bytes()) != kept:
        raise PlaceproofError(f"{settings.folder} was made with other settings; take a new folder")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("panoramas", type=Path, help="CSV of panoramas: file, group, outdoor, ...")
    parser.add_argument("folder", type=Path, help="where the data go")
    parser.add_argument("--views", type=int, default=6, help="photos of each panorama")
    parser.add_argument("--streets", type=int, default=120, help="streets to render")
    parser.add_argument("--photos", type=int, default=STREET_PHOTOS, help="photos of each street")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    arguments = parser.parse_args()
    try:
        rows = make_training_data(
            arguments.panoramas,
            Settings(arguments.folder, arguments.seed),
            views=arguments.views,
            streets=arguments.streets,
            photos=arguments.photos,
            workers=arguments.workers,
        )
    except PlaceproofError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for split in ("train", "development"):
        pairs = [row for row in rows if row.query and row.split == split]
        masks = sum(row.mask is not None for row in pairs)
        places = len({row.place for row in pairs})
        print(f"{split}: {len(pairs)} pairs of {places} places, {masks} of them with masks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
