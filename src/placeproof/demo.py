"""The demo: the main job on a street that placeproof renders itself, where the truth is known.

Real pictures may not be copied into placeproof. So the demo builds a street in 3-D and takes
panoramas of it on a summer's noon, a photo from another place in it in autumn, and a photo in
another street that is claimed to be of this one. Names, source and licence of the pictures say
that they are rendered.
"""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import LibraryError, StorageError
from placeproof.files import write_atomically
from placeproof.geometry import View, wrap_degrees
from placeproof.location import Location
from placeproof.panoramas.library import Library
from placeproof.results import Verification
from placeproof.scene.render import Shot, render_panorama, render_photo
from placeproof.scene.street import Street
from placeproof.scene.truth import MatchedMasks, matched_masks
from placeproof.scene.visit import Light, Season, Visit
from placeproof.verify import Verifier
from placeproof.weights_store import SHIPPED_FILE

SOURCE = "rendered by placeproof"
LICENCE = "CC0-1.0 (rendered, shows no real place)"
STREET_SEED, ELSEWHERE_SEED = 4, 12
PANORAMA_WIDTH = 1536  # pixels
PHOTO_SIZE = (800, 600)  # pixels
_SUMMER = Visit(Season.SUMMER, Light.NOON, seed=1)
_AUTUMN = Visit(Season.AUTUMN, Light.OVERCAST, seed=3)
_CAPTURED = "2024-07-14T12:00:00"  # a date for the summer's visit
_STOPS = ((-9.0, 20.0), (0.0, 140.0), (9.0, 260.0))  # metres along the street, turn of the heading

Progress = Callable[[str, int, int], None]  # what is done next, steps done, steps in all


@dataclass(frozen=True, slots=True, eq=False)
class PanoramaTruth:
    """What is true of a photo and a panorama of the same street.

    Attributes:
        masks: The parts of both that show the same points.
        bearing: Compass bearing in [0, 360) from the panorama to what the photo shows, the mean
            over the photo's mask; None where they share nothing.
    """

    masks: MatchedMasks
    bearing: float | None


@dataclass(frozen=True, slots=True, eq=False)
class DemoCase:
    """One photo, the claim about it, the answer, and the truth.

    Attributes:
        title: What the photo is, one line.
        photo: Its file.
        claim: Where it is claimed to have been taken.
        claim_is_true: Whether it was.
        bearing: Compass bearing in [0, 360) that its camera looked in, if the claim is true.
        truth: The truth about each panorama by its id, if the claim is true; else empty.
        verification: What placeproof says.
    """

    title: str
    photo: Path
    claim: Location
    claim_is_true: bool
    bearing: float | None
    truth: dict[str, PanoramaTruth] = field(repr=False)
    verification: Verification = field(repr=False)

    @property
    def bearing_error(self) -> float | None:
        """Degrees, 0 to 180, between the decisive panorama's bearing and the camera's true one."""
        if self.bearing is None or self.verification.decisive is None:
            return None
        found = self.verification.evidence[self.verification.decisive].bearing
        return None if found is None else abs(wrap_degrees(found - self.bearing))


@dataclass(frozen=True, slots=True, eq=False)
class DemoResult:
    """What the demo made and found.

    Attributes:
        folder: Where all its files are.
        library: The rendered panoramas.
        cases: A true claim and a false one.
    """

    folder: Path
    library: Library
    cases: tuple[DemoCase, DemoCase]


def run_demo(
    folder: Path,
    *,
    weights: Path = SHIPPED_FILE,
    panorama_width: int = PANORAMA_WIDTH,
    photo_size: tuple[int, int] = PHOTO_SIZE,
    progress: Progress = lambda _what, _done, _total: None,
) -> DemoResult:
    """Renders a street, makes a library of it, and verifies a true claim and a false one.

    Writes only into ``folder``, and the same files at every run, with the same weights the same
    answers; whatever else is there stays.

    Args:
        folder: Where pictures and library go; made if missing.
        weights: A checkpoint; the one that ships with placeproof by default.
        panorama_width: Width of the panoramas, pixels; even, 512 or more.
        photo_size: Width and height of the photos, pixels.
        progress: Called before each step and at the end.

    Raises:
        PlaceproofError: If the folder cannot be written, or the weights cannot be loaded.
    """
    total = len(_STOPS) + 5
    done = 0

    def step(what: str) -> None:
        nonlocal done
        progress(what, done, total)
        done += 1

    step("building the street")
    pictures = folder / "rendered-panoramas"
    try:
        pictures.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {pictures}: {error.strerror}") from error
    library = Library.create_or_open(folder / "rendered-library")
    verifier = Verifier(library, library.features, weights)  # before the long work, as it may fail
    street = Street(STREET_SEED)
    panoramas: list[Shot] = []
    for number, (along, turn) in enumerate(_STOPS, start=1):
        step(f"rendering panorama {number} of {len(_STOPS)}")
        place, heading = street.position(along, 0.0, 2.5), street.bearing + turn
        panoramas.append(render_panorama(street, _SUMMER, place, heading, panorama_width))
    ids = _fill(library, pictures, panoramas)

    step("rendering the photo")
    photo = _photo(street, photo_size)
    true_path = folder / "rendered-photo-same-street.jpg"
    _write_jpeg(true_path, photo.pixels)
    step("rendering the photo of another street")
    other_path = folder / "rendered-photo-other-street.jpg"
    _write_jpeg(other_path, _photo(Street(ELSEWHERE_SEED), photo_size).pixels)

    step("verifying the true claim")
    claim = photo.location
    truth = {
        panorama_id: _truth(street, photo, panorama)
        for panorama_id, panorama in zip(ids, panoramas, strict=True)
    }
    true_case = DemoCase(
        title="a rendered photo of this street, taken in autumn under clouds",
        photo=true_path,
        claim=claim,
        claim_is_true=True,
        bearing=photo.bearing,
        truth=truth,
        verification=verifier.verify(true_path, claim),
    )
    step("verifying the false claim")
    false_case = DemoCase(
        title="a rendered photo of another street, claimed to be of this one",
        photo=other_path,
        claim=claim,
        claim_is_true=False,
        bearing=None,
        truth={},
        verification=verifier.verify(other_path, claim),
    )
    progress("done", total, total)
    return DemoResult(folder, library, (true_case, false_case))


def _photo(street: Street, size: tuple[int, int]) -> Shot:
    """A photo from the right of the road, across the street, in autumn."""
    left = -(street.road_width / 2 + 0.7 * street.pavement_width) / 2
    view = View(street.bearing - 75.0, 9.0, 0.0, 68.0, *size)
    return render_photo(street, _AUTUMN, street.position(-5.0, left, 1.6), view)


def _truth(street: Street, photo: Shot, panorama: Shot) -> PanoramaTruth:
    masks = matched_masks(street, photo, panorama)
    if not masks.query.any():
        return PanoramaTruth(masks, None)
    way = photo.points()[masks.query] - panorama.position
    east, north = (way[:, :2] / np.hypot(way[:, :1], way[:, 1:2]).clip(1e-9)).sum(axis=0)
    return PanoramaTruth(masks, math.degrees(math.atan2(east, north)) % 360.0 % 360.0)


def _fill(library: Library, pictures: Path, panoramas: list[Shot]) -> list[str]:
    """Adds panoramas to the library, removes earlier rendered ones; the ids in order."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["file", "lat", "lon", "heading", "captured", "source", "licence"])
    paths = []
    for number, shot in enumerate(panoramas, start=1):
        path = pictures / f"rendered-panorama-{number}.jpg"
        _write_jpeg(path, shot.pixels)
        place = (f"{shot.location.latitude:.8f}", f"{shot.location.longitude:.8f}")
        rows.writerow([path.name, *place, f"{shot.heading:.4f}", _CAPTURED, SOURCE, LICENCE])
        paths.append(path)
    write_atomically(pictures / "rendered-panoramas.csv", text.getvalue().encode())
    ids = []
    for result in library.add(paths):
        if result.record is None:
            raise LibraryError(f"'{result.path}' was not added to the library: {result.reason}")
        ids.append(result.record.id)
    for record in library.records():
        if record.source == SOURCE and record.id not in ids:
            library.remove(record.id)  # of an earlier version, or of another size
    return ids


def _write_jpeg(path: Path, pixels: NDArray[np.uint8]) -> None:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=92)
    write_atomically(path, data.getvalue())
