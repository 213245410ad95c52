"""The tables of a collection's database, and how it is opened."""

import sqlite3
from pathlib import Path

from placeproof.errors import CollectError, PlaceproofError, StorageError

VERSION = 1
_APPLICATION_ID = 0x706C636F  # "plco"; tells the file from every other SQLite file
_WAIT_S = 1.0  # for another process, which would keep the file for hours
_SCHEMA = f"""
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE finished_tile (box TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE candidate (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('accepted', 'rejected')),
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    area TEXT NOT NULL,
    latitude REAL NOT NULL,
    longitude REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE total (reason TEXT PRIMARY KEY, candidates INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE photo (
    id TEXT PRIMARY KEY REFERENCES candidate,
    file TEXT NOT NULL UNIQUE,
    captured TEXT,
    make TEXT,
    model TEXT,
    creator TEXT,
    page TEXT,
    licence TEXT,
    brightness REAL NOT NULL,
    sharpness REAL NOT NULL,
    building_share REAL NOT NULL,
    panorama_file TEXT NOT NULL REFERENCES panorama,
    distance_m REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE panorama (
    file TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    source TEXT NOT NULL,
    latitude REAL NOT NULL,
    longitude REAL NOT NULL,
    heading REAL,
    captured TEXT,
    licence TEXT,
    page TEXT,
    place TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX panorama_place ON panorama (place);
CREATE TABLE fingerprint (
    band INTEGER NOT NULL,
    bits TEXT NOT NULL,
    PRIMARY KEY (band, bits)
) WITHOUT ROWID;
CREATE TABLE example (
    reason TEXT NOT NULL,
    draw INTEGER NOT NULL,
    id TEXT NOT NULL,
    words TEXT NOT NULL,
    credit TEXT NOT NULL,
    page TEXT,
    photo BLOB NOT NULL,
    panorama BLOB,
    PRIMARY KEY (reason, draw, id)
) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {VERSION};
"""


def connect(path: Path) -> sqlite3.Connection:
    """Opens a database, made where there is none, for this process alone.

    Its write-ahead log stands beside it while it is open, and after a kill, until it is opened
    again. It is brought to the disk now and then: after a power cut, the last decisions may have
    to be made again, but no decision is damaged.

    Raises:
        CollectError: If it is none of a collection, damaged, or another process has it open.
        StorageError: If it cannot be written.
    """
    try:
        db = sqlite3.connect(path, _WAIT_S, isolation_level=None)
        try:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("BEGIN EXCLUSIVE")
            if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
            db.execute("COMMIT")
            _recognise(path, db)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise explained(path, error) from error
    return db


def _recognise(path: Path, db: sqlite3.Connection) -> None:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if (application, version) != (_APPLICATION_ID, VERSION):
        what = f"of version {version}" if application == _APPLICATION_ID else "no collection's"
        raise CollectError(f"'{path}' is {what}; name a new or an empty folder")


def explained(path: Path, error: sqlite3.Error) -> PlaceproofError:
    """An error of SQLite's in words."""
    primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR):
        return StorageError(f"cannot write '{path}': {error}; the same command goes on later")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return CollectError(f"another process is collecting into '{path.parent}'")
    if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StorageError(f"cannot open '{path}': {error}")
    return CollectError(f"'{path}' is damaged ({error}); collect into another folder")
