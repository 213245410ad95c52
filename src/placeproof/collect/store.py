"""The state of a collection in one SQLite file: what is decided stays decided, whatever happens.

A decision is one transaction, made when its pictures are on the disk. So after a kill at any
point, every candidate is decided with all that belongs to it, or not at all.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from placeproof.collect.criteria import Reason
from placeproof.collect.decision import Decision, Example
from placeproof.collect.fingerprints import alike, bands
from placeproof.collect.records import (
    add_candidate,
    add_example,
    add_pair,
    add_to_total,
    drop_examples,
)
from placeproof.collect.schema import connect, explained
from placeproof.errors import CollectError
from placeproof.panoramas.providers.boxes import Box

FILE = "collection.sqlite"
ACCEPTED = "accepted"  # in the place of a reason
EXAMPLES = {ACCEPTED: 12}  # that are kept of each kind, drawn evenly
_REJECTED_EXAMPLES = 6


class Store:
    """The database of one collection; belongs to one process, and is used by one thread.

    Args:
        folder: An existing folder.
        settings: What the collection's decisions depend on, as plain data.

    Every method raises:
        StorageError: If the disk is full. Nothing that was decided before is lost.
        CollectError: If the file is damaged.

    Raises:
        CollectError: If the folder holds another collection, something else, or is in use.
    """

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        self.path = folder / FILE
        if not self.path.exists() and any(folder.iterdir()):
            raise CollectError(
                f"'{folder}' holds other things and no collection; name a new or an empty folder"
            )
        self._db = connect(self.path)
        try:
            self._seed = str(settings.get("seed", 0))
            self._check(folder, {name: json.dumps(value) for name, value in settings.items()})
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def is_finished(self, tile: Box) -> bool:
        """Whether all photos in a tile are decided."""
        return bool(self.rows("SELECT 1 FROM finished_tile WHERE box = ?", str(tile)))

    def finish(self, tile: Box) -> None:
        """Remembers that all photos in a tile are decided."""
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO finished_tile VALUES (?)", (str(tile),))

    def is_decided(self, photo_id: str) -> bool:
        """Whether a photo has been accepted or rejected."""
        return bool(self.rows("SELECT 1 FROM candidate WHERE id = ?", photo_id))

    def has_file(self, name: str) -> bool:
        """Whether a picture, named as in :class:`Pair`, belongs to an accepted pair."""
        query = "SELECT 1 FROM photo WHERE file = ? UNION SELECT 1 FROM panorama WHERE file = ?"
        return bool(self.rows(query, name, name))

    def has_alike(self, fingerprint: int) -> bool:
        """Whether a photo has been accepted that looks the same."""
        for band in bands(fingerprint):
            for (bits,) in self.each("SELECT bits FROM fingerprint WHERE band = ?", band):
                if alike(int(bits, 16), fingerprint):
                    return True
        return False

    def wants_example(self, kind: str, photo_id: str) -> bool:
        """Whether a photo is drawn for the page: from all of its kind so far, each as likely.

        Args:
            kind: A reason, or ``ACCEPTED``.
            photo_id: The photo.
        """
        most = EXAMPLES.get(kind, _REJECTED_EXAMPLES)
        [(kept, last)] = self.rows("SELECT count(*), max(draw) FROM example WHERE reason = ?", kind)
        return bool(kept < most or self._draw(photo_id) < last)

    def decide(self, decision: Decision, area: str) -> None:
        """Remembers what became of a photo; once and for all.

        Args:
            decision: What became of it.
            area: The area it was found in.
        """
        with self._writing() as db:
            add_candidate(db, decision, area)
            add_to_total(db, decision.reason or ACCEPTED)
            if decision.pair:
                add_pair(db, decision.photo, decision.pair)
            if decision.example:
                self._add_example(db, decision, decision.example)

    def totals(self) -> dict[str, int]:
        """How many photos there are of each kind: ``ACCEPTED``, or a reason."""
        found = dict(self.rows("SELECT reason, candidates FROM total"))
        return {kind: found.get(kind, 0) for kind in (ACCEPTED, *Reason)}

    def each(self, query: str, *values: object) -> Iterator[tuple]:  # type: ignore[type-arg]
        """The rows of a query, one at a time; nothing may be written in between."""
        try:
            yield from self._db.execute(query, values)
        except sqlite3.Error as error:
            raise explained(self.path, error) from error

    def rows(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        """The rows of a query that has few."""
        return list(self.each(query, *values))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, undone if the block raises."""
        try:
            self._db.execute("BEGIN")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise explained(self.path, error) from error

    def _check(self, folder: Path, settings: Mapping[str, str]) -> None:
        """Keeps the settings of a new collection, and compares those of an old one."""
        kept = dict(self.rows("SELECT name, value FROM setting"))
        if not kept:
            with self._writing() as db:
                db.executemany("INSERT INTO setting VALUES (?, ?)", settings.items())
        elif different := [n for n in {**kept, **settings} if kept.get(n) != settings.get(n)]:
            name = different[0]
            raise CollectError(
                f"'{folder}' holds a collection with another {name.replace('_', ' ')} "
                f"({_short(kept.get(name))}, now {_short(settings.get(name))}); name another folder"
            )

    def _add_example(self, db: sqlite3.Connection, decision: Decision, example: Example) -> None:
        kind = decision.reason or ACCEPTED
        add_example(db, kind, self._draw(decision.photo.id), decision, example)
        drop_examples(db, kind, EXAMPLES.get(kind, _REJECTED_EXAMPLES))

    def _draw(self, photo_id: str) -> int:
        """A number that is random and always the same; those with the lowest become examples."""
        digest = hashlib.sha256(f"{self._seed} {photo_id}".encode()).digest()
        return int.from_bytes(digest[:7], "big")


def _short(value: str | None) -> str:
    text = "none" if value is None else value
    return text if len(text) <= 40 else text[:39] + "…"
