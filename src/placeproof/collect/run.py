"""A collection from areas to decided candidates; see :mod:`placeproof.collect.finish` for the rest.

Areas are gone through tile by tile. Each photo of a tile is fetched (some at a time), judged (one
by one, in the order in which they are listed) and remembered; then the tile is finished. A run
that goes on lists an unfinished tile again, since addresses of pictures expire, but asks for no
photo that is decided or on the disk, and for no tile that is finished.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from placeproof.buildings.detector import BuildingDetector
from placeproof.collect.areas import Area
from placeproof.collect.contract import Photo, PhotoSource
from placeproof.collect.criteria import Criteria, Reason
from placeproof.collect.fetching import Fetched, Fetcher, in_order
from placeproof.collect.judging import Judge
from placeproof.collect.picture_files import PictureFiles
from placeproof.collect.store import ACCEPTED, Store
from placeproof.errors import NetworkError
from placeproof.panoramas.providers.boxes import Box
from placeproof.panoramas.source import PanoramaSource

WORKERS = 4  # candidates that are fetched at a time
_PATIENCE = 10  # candidates in a row that cannot be fetched: then no server can be reached


@dataclass(frozen=True, slots=True)
class Sources:
    """Where pictures come from, and what finds buildings in them.

    Attributes:
        photos: Lists photos and fetches them.
        panoramas: Finds panoramas and fetches them; for several threads.
        detector: Finds buildings.
        forget: Drops what the sources themselves keep on the disk; called after every tile.
    """

    photos: PhotoSource
    panoramas: PanoramaSource
    detector: BuildingDetector
    forget: Callable[[], None] = lambda: None


class Progress(Protocol):
    """Is told how far a run has come."""

    def __call__(self, area: str, done: int, total: int, accepted: int, rejected: int) -> None:
        """Tiles done and tiles in all; photos accepted and rejected, in this run and before."""
        ...


class Collector:
    """Collects into a folder, once.

    Args:
        folder: The collection's; exists.
        store: Its state.
        sources: Where pictures come from.
        criteria: What is wanted.

    Attributes:
        undecided: How many photos could not be fetched; another run tries them again.
        complete: Whether the run has gone through all areas, and every photo is decided.
    """

    def __init__(self, folder: Path, store: Store, sources: Sources, criteria: Criteria) -> None:
        self._store = store
        self._photos = sources.photos
        self._files = PictureFiles(folder)
        self._fetch = Fetcher(criteria, sources.photos, sources.panoramas, self._files)
        self._judge = Judge(criteria, store, sources.panoramas, sources.detector, self._files)
        self._forget = sources.forget
        self._failures = 0  # in a row
        self.undecided = 0
        self.complete = False

    def run(self, areas: Sequence[Area], progress: Progress, most: int | None = None) -> None:
        """Decides on all photos of the areas.

        Args:
            areas: Where; tiles that are finished are passed over.
            progress: Is told after each photo and tile.
            most: Stop when so many photos are accepted, in all runs; None for no such limit.

        Raises:
            NetworkError: If a listing cannot be had, or many candidates in a row cannot.
            CollectError: If the panoramas must not be kept.
            StorageError: If the disk is full.
        """
        if most is not None and self._counts()[0] >= most:
            return
        total, done = sum(area.count() for area in areas), 0
        pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="collect")
        try:
            for area in areas:
                for tile in area.tiles():
                    if not self._store.is_finished(tile):
                        for _ in self._tile(pool, area.name, tile):
                            accepted, rejected = self._counts()
                            progress(area.name, done, total, accepted, rejected)
                            if most is not None and accepted >= most:
                                return
                    done += 1
                    progress(area.name, done, total, *self._counts())
            self.complete = not self.undecided
        finally:
            # Whoever interrupts does not wait: closing the client ends what is under way.
            pool.shutdown(wait=False, cancel_futures=True)

    def _tile(self, pool: ThreadPoolExecutor, area: str, tile: Box) -> Iterator[None]:
        """Goes through a tile, candidate by candidate."""
        whole = True
        for fetched in in_order(pool, self._fetch, self._new(tile), WORKERS):
            if not self._store.is_decided(fetched.photo.id):  # listed twice within a few
                whole &= self._decide(fetched, area)
            yield
        if whole:
            self._store.finish(tile)
        self._forget()

    def _new(self, tile: Box) -> Iterator[Photo]:
        for photo in self._photos.photos(tile):
            if not self._store.is_decided(photo.id):
                yield photo

    def _decide(self, fetched: Fetched, area: str) -> bool:
        """Decides on a candidate and remembers it; False if that has to wait for another run."""
        try:
            if fetched.failure:
                raise fetched.failure
            decision = self._judge(fetched)
        except NetworkError:
            self.undecided += 1
            self._failures += 1
            if self._failures >= _PATIENCE:
                raise
            return False
        if decision.reason is not Reason.CAMERA:  # for which no server was asked
            self._failures = 0
        self._store.decide(decision, area)
        if decision.reason and fetched.file:
            self._files.remove(fetched.file)
        return True

    def _counts(self) -> tuple[int, int]:
        totals = self._store.totals()
        accepted = totals.pop(ACCEPTED)
        return accepted, sum(totals.values())
