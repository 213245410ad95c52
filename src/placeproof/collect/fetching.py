"""The first half of a candidate's way: what can be done by several threads, and asks servers."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from placeproof.collect.cameras import CameraList
from placeproof.collect.contract import Photo, PhotoSource
from placeproof.collect.criteria import Criteria, Reason
from placeproof.collect.picture_files import PictureFiles
from placeproof.errors import CollectError, NetworkError
from placeproof.panoramas.source import PanoramaRecord, PanoramaSource

_GONE = (404, 410)  # HTTP: it is not there, and will not come back

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A candidate whose photo is on the disk, or why it is not.

    Attributes:
        photo: The candidate.
        panorama: The nearest one that is near enough; None if the photo was rejected before.
        file: The photo's; None likewise.
        reason: Why it is rejected; None while it is not.
        failure: Why it could not be decided; it may be at another time.
    """

    photo: Photo
    panorama: PanoramaRecord | None = None
    file: Path | None = None
    reason: Reason | None = None
    failure: NetworkError | None = None


class Fetcher:
    """Takes candidates up to the point where their photo is on the disk; for any thread.

    Args:
        criteria: What is wanted.
        photos: Where photos are downloaded.
        panoramas: Searched at each photo's position.
        files: Where photos go.
    """

    def __init__(
        self,
        criteria: Criteria,
        photos: PhotoSource,
        panoramas: PanoramaSource,
        files: PictureFiles,
    ) -> None:
        self._cameras = CameraList(criteria.cameras)
        self._max_distance_m = criteria.max_distance_m
        self._photos = photos
        self._panoramas = panoramas
        self._files = files

    def __call__(self, photo: Photo) -> Fetched:
        """Fetches one candidate.

        Raises:
            CollectError: If the panoramas must not be kept, and so serve for no training.
            StorageError: If the disk is full.
        """
        if not self._cameras.holds(photo.make, photo.model):
            return Fetched(photo, reason=Reason.CAMERA)
        try:
            found = self._panoramas.search(photo.location, self._max_distance_m)
            if not found:
                return Fetched(photo, reason=Reason.NO_PANORAMA)
            require_kept(found[0])
            file = self._files.find_photo(photo.id) or self._files.save_photo(
                photo.id, self._photos.fetch(photo)
            )
        except NetworkError as error:
            if is_gone(error):
                return Fetched(photo, reason=Reason.GONE)
            return Fetched(photo, failure=error)
        return Fetched(photo, found[0], file)


def require_kept(record: PanoramaRecord) -> None:
    """Raises CollectError if a panorama's source forbids what training needs."""
    if not record.may_keep:
        raise CollectError(
            f"the terms of {record.source} allow neither to store its panoramas nor to train on "
            "them; use --panoramas panoramax, mapillary or library"
        )


def is_gone(error: NetworkError) -> bool:
    """Whether a server says that there is no such thing, rather than failing."""
    return getattr(error, "status", None) in _GONE


def in_order(
    pool: Executor,
    work: Callable[[_Item], _Result],
    items: Iterable[_Item],
    ahead: int,
) -> Iterator[_Result]:
    """What ``work`` makes of each item, in order, while it is at work on the next ones.

    Args:
        pool: Does the work.
        work: The work.
        items: Taken one at a time, never more than ``ahead`` before what is yielded.
        ahead: How many items are under way, at least 1.
    """
    under_way: deque[Future[_Result]] = deque()
    for item in items:
        under_way.append(pool.submit(work, item))
        if len(under_way) >= ahead:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
