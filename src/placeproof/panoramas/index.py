"""The index of a local library: an SQLite file with one row a panorama and an R*Tree."""

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from placeproof.errors import CorruptLibraryError, LibraryError, LocationError, StorageError
from placeproof.location import EARTH_RADIUS_M, Location
from placeproof.panoramas.source import PanoramaRecord

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x706C7072  # "plpr"; tells the file from every other SQLite file
_BUSY_S = 30.0  # how long to wait for another process's write, which takes milliseconds
# A place is held as a point in space, in metres from the Earth's centre, so that neither the
# antimeridian nor the poles are special. The R*Tree's boxes are float32, precise to half a metre.
_ROUNDING_M = 1.0
_SCHEMA = f"""
CREATE TABLE panorama (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    latitude REAL NOT NULL,
    longitude REAL NOT NULL,
    heading REAL,
    captured TEXT,
    source TEXT NOT NULL,
    licence TEXT,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL
);
CREATE VIRTUAL TABLE position USING rtree(number, x0, x1, y0, y1, z0, z1);
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""
_COLUMNS = "id, latitude, longitude, heading, captured, source, licence, width, height"


class PanoramaIndex:
    """Panorama records by id and by place. A panorama's id is its content hash.

    Every call opens the file anew, so that an index can be shared between threads, and a
    forked or killed process leaves nothing open.

    Args:
        path: The SQLite file.
        remedy: What the user can do about a damaged index; ends the message of the error.

    Every method raises:
        CorruptLibraryError: If the file is missing or damaged.
        LibraryError: If it cannot be read, or another process keeps it locked.
        StorageError: If it cannot be written.
    """

    def __init__(self, path: Path, remedy: str) -> None:
        self.path = path
        self._remedy = remedy

    def create(self) -> None:
        """Makes an empty index where there is none; one that is there stays as it is."""
        with self._connect("rwc") as db:
            db.execute("BEGIN IMMEDIATE")
            if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
            db.execute("COMMIT")

    def search(self, location: Location, radius_m: float) -> list[PanoramaRecord]:
        """All records within ``radius_m`` metres of ``location``, nearest first.

        Raises:
            LocationError: If the radius is negative or not a finite number.
        """
        if not (math.isfinite(radius_m) and radius_m >= 0):
            raise LocationError(f"radius {radius_m:g} m is not 0 or more")
        reach = radius_m + _ROUNDING_M  # the true distance decides below
        # A straight line is shorter than the way over the ground: this box holds the circle.
        box = [bound for x in _point(location) for bound in (x + reach, x - reach)]
        with self._connect("rw") as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM position JOIN panorama USING (number)"  # noqa: S608
                " WHERE x0 <= ? AND x1 >= ? AND y0 <= ? AND y1 >= ? AND z0 <= ? AND z1 >= ?",
                box,
            )
            records = [_record(row) for row in rows]
        found = [(location.distance_m(record.location), record) for record in records]
        found = [(distance, record) for distance, record in found if distance <= radius_m]
        found.sort(key=lambda pair: (pair[0], pair[1].id))
        return [record for _, record in found]

    def __len__(self) -> int:
        with self._connect("rw") as db:
            return int(db.execute("SELECT count(*) FROM panorama").fetchone()[0])

    def get(self, panorama_id: str) -> PanoramaRecord | None:
        """The record with exactly this id."""
        with self._connect("rw") as db:
            return _get(db, panorama_id)

    def with_prefix(self, prefix: str) -> list[PanoramaRecord]:
        """All records whose id begins so, by id; with ``""``, all there are."""
        with self._connect("rw") as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM panorama"  # noqa: S608
                " WHERE substr(id, 1, ?) = ? ORDER BY id",
                (len(prefix), prefix),
            )
            return [_record(row) for row in rows]

    @contextmanager
    def writing(self) -> Iterator["IndexWriter"]:
        """A transaction, which no other writer's overlaps; undone if the block raises."""
        with self._connect("rw") as db:
            db.execute("BEGIN IMMEDIATE")
            yield IndexWriter(db)
            db.execute("COMMIT")  # not reached if the block raises: closing rolls back

    def verify(self) -> None:
        """Checks the whole file and that every record has its place in the R*Tree."""
        with self._connect("rw") as db:
            (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            (tree,) = db.execute("SELECT rtreecheck('position')").fetchone()
            rows = db.execute(
                f"SELECT x0, x1, y0, y1, z0, z1, {_COLUMNS}"  # noqa: S608
                " FROM panorama LEFT JOIN position USING (number)"
            )
            held = [_holds(row[:6], _record(row[6:]).location) for row in rows]
            (places,) = db.execute("SELECT count(*) FROM position").fetchone()
        if not (found == tree == "ok" and places == len(held) and all(held)):
            raise self._corrupt("damaged")

    @contextmanager
    def _connect(self, mode: str) -> Iterator[sqlite3.Connection]:
        """An open connection to an index that has been recognised as such."""
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        try:
            with closing(sqlite3.connect(uri, _BUSY_S, isolation_level=None, uri=True)) as db:
                if mode != "rwc":
                    self._recognise(db)
                yield db
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def _recognise(self, db: sqlite3.Connection) -> None:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if application != _APPLICATION_ID:
            raise self._corrupt("no index of placeproof's")
        if version != SCHEMA_VERSION:
            raise self._corrupt(f"of schema version {version} instead of {SCHEMA_VERSION}")

    def _corrupt(self, what: str) -> CorruptLibraryError:
        return CorruptLibraryError(f"the index {self.path} is {what}; {self._remedy}")

    def _explain(self, error: sqlite3.Error) -> LibraryError | StorageError:
        primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY):
            return StorageError(f"cannot write {self.path}: {error}")
        if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return LibraryError(f"another process keeps writing to {self.path}; try again later")
        if primary == sqlite3.SQLITE_CANTOPEN and not self.path.exists():
            return self._corrupt("missing")
        if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM):
            return LibraryError(f"cannot read {self.path}: {error}")
        return self._corrupt(f"damaged ({error})")


class IndexWriter:
    """What can be done within :meth:`PanoramaIndex.writing`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def get(self, panorama_id: str) -> PanoramaRecord | None:
        """The record with exactly this id."""
        return _get(self._db, panorama_id)

    def put(self, record: PanoramaRecord) -> None:
        """Adds a record, or replaces the one with the same id."""
        self.delete(record.id)
        number = self._db.execute(
            f"INSERT INTO panorama ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                record.id,
                record.location.latitude,
                record.location.longitude,
                record.heading,
                record.captured,
                record.source,
                record.licence,
                record.width,
                record.height,
            ),
        ).lastrowid
        box = [bound for x in _point(record.location) for bound in (x, x)]
        self._db.execute("INSERT INTO position VALUES (?, ?, ?, ?, ?, ?, ?)", (number, *box))

    def delete(self, panorama_id: str) -> None:
        """Deletes the record with this id, if there is one."""
        which = "(SELECT number FROM panorama WHERE id = ?)"
        self._db.execute(f"DELETE FROM position WHERE number = {which}", (panorama_id,))  # noqa: S608
        self._db.execute("DELETE FROM panorama WHERE id = ?", (panorama_id,))

    def clear(self) -> None:
        """Deletes all records."""
        self._db.execute("DELETE FROM position")
        self._db.execute("DELETE FROM panorama")


def _get(db: sqlite3.Connection, panorama_id: str) -> PanoramaRecord | None:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM panorama WHERE id = ?",  # noqa: S608
        (panorama_id,),
    ).fetchone()
    return row and _record(row)


def _record(row: tuple[Any, ...]) -> PanoramaRecord:
    """The record in a row of ``_COLUMNS``."""
    panorama_id, latitude, longitude, heading, captured, source, licence, width, height = row
    try:
        return PanoramaRecord(
            id=panorama_id,
            location=Location(latitude, longitude),
            heading=heading,
            captured=captured,
            source=source,
            licence=licence,
            content_hash=panorama_id,
            width=width,
            height=height,
        )
    except (LocationError, TypeError, ValueError) as error:
        raise sqlite3.DatabaseError(f"panorama {panorama_id}: {error}") from error


def _point(location: Location) -> tuple[float, float, float]:
    """A place as a point in space, metres from the centre of a spherical Earth."""
    latitude, longitude = math.radians(location.latitude), math.radians(location.longitude)
    from_axis = EARTH_RADIUS_M * math.cos(latitude)
    return (
        from_axis * math.cos(longitude),
        from_axis * math.sin(longitude),
        EARTH_RADIUS_M * math.sin(latitude),
    )


def _holds(box: tuple[float | None, ...], location: Location) -> bool:
    """Whether a box of the R*Tree, (x0, x1, y0, y1, z0, z1), holds a place."""
    bounds = zip(box[::2], box[1::2], _point(location), strict=True)
    return all(
        low is not None and high is not None and low - _ROUNDING_M <= x <= high + _ROUNDING_M
        for low, high, x in bounds
    )
