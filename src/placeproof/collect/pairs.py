"""The accepted pairs as a manifest to train on, with splits that share no place."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from placeproof.collect.csv_file import write_rows
from placeproof.collect.places import development_places
from placeproof.collect.store import Store
from placeproof.location import Location
from placeproof.training.manifest import COLUMNS
from placeproof.training.places import ELSEWHERE_M, points

FILE = "pairs.csv"
_AT_ONCE = 1000  # pairs whose positions are looked up together
_QUERY = """
SELECT photo.file, candidate.latitude, candidate.longitude,
    panorama.file, panorama.latitude, panorama.longitude, place
FROM photo JOIN candidate USING (id) JOIN panorama ON panorama.file = panorama_file
ORDER BY photo.id
"""


@dataclass(frozen=True, slots=True)
class Pairs:
    """How many pairs the manifest has.

    Attributes:
        train: In the split ``train``.
        development: In the split ``development``.
        left_out: Of training places, but less than ``ELSEWHERE_M`` from a development picture.
        places: How many places there are in all.
    """

    train: int
    development: int
    left_out: int
    places: int


class _Row(NamedTuple):
    photo: str
    photo_lat: float
    photo_lon: float
    panorama: str
    panorama_lat: float
    panorama_lon: float
    place: str

    @property
    def locations(self) -> tuple[Location, Location]:
        """Of both pictures."""
        return (
            Location(self.photo_lat, self.photo_lon),
            Location(self.panorama_lat, self.panorama_lon),
        )


def write_pairs(folder: Path, store: Store, share: float, seed: int) -> Pairs:
    """Writes ``pairs.csv``, as :func:`placeproof.training.manifest.read_manifest` reads it.

    Every place is in one split. So that no photo of one split shows what one of the other does,
    training pairs that come near a development pair are left out.

    Args:
        folder: The collection's.
        store: Its state.
        share: Of the places that go into the split ``development``, in (0, 1).
        seed: Draws them.

    Raises:
        StorageError: If it cannot be written.
    """
    places = [place for (place,) in store.each("SELECT DISTINCT place FROM panorama")]
    development = development_places(places, share, seed)
    counts = {"train": 0, "development": 0, "": 0}

    def rows() -> Iterator[tuple[object, ...]]:
        for row, split in _with_splits(store, development):
            counts[split] += 1
            if split:
                yield (*row, split, "")

    write_rows(folder / FILE, COLUMNS, rows())
    return Pairs(counts["train"], counts["development"], counts[""], len(places))


def _with_splits(store: Store, development: set[str]) -> Iterator[tuple[_Row, str]]:
    """Every pair and its split, or an empty text where it is left out."""
    held_out = (row for row in _rows(store) if row.place in development)
    blocks = [_points(rows) for rows in _batches(held_out)]
    tree = KDTree(np.concatenate(blocks)) if blocks else None
    for rows in _batches(_rows(store)):
        near = np.zeros(len(rows), dtype=bool)
        if tree is not None:
            distances, _ = tree.query(_points(rows), distance_upper_bound=ELSEWHERE_M)
            near = np.isfinite(distances).reshape(-1, 2).any(axis=1)
        for row, is_near in zip(rows, near, strict=True):
            if row.place in development:
                yield row, "development"
            else:
                yield row, "" if is_near else "train"


def _rows(store: Store) -> Iterator[_Row]:
    return (_Row(*row) for row in store.each(_QUERY))


def _points(rows: Iterable[_Row]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Both positions of each pair, (2 N, 3) metres."""
    return points([location for row in rows for location in row.locations])


def _batches(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """The rows, some at a time."""
    remaining = iter(rows)
    while some := list(islice(remaining, _AT_ONCE)):
        yield some
