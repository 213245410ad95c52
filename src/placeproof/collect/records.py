"""What a decision becomes in the tables of a collection's database."""

import sqlite3

from placeproof.collect.contract import Photo
from placeproof.collect.decision import Decision, Example, Pair
from placeproof.collect.fingerprints import bands
from placeproof.collect.places import place_of


def add_candidate(db: sqlite3.Connection, decision: Decision, area: str) -> None:
    """Adds a candidate with its state; there must be none of its id."""
    photo = decision.photo
    db.execute(
        "INSERT INTO candidate VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            photo.id,
            "rejected" if decision.reason else "accepted",
            decision.reason or "",
            decision.detail,
            area,
            photo.location.latitude,
            photo.location.longitude,
        ),
    )


def add_to_total(db: sqlite3.Connection, kind: str) -> None:
    """Counts one more candidate of a kind: counting them all anew would take ever longer."""
    db.execute(
        "INSERT INTO total VALUES (?, 1) ON CONFLICT DO UPDATE SET candidates = candidates + 1",
        (kind,),
    )


def add_pair(db: sqlite3.Connection, photo: Photo, pair: Pair) -> None:
    """Adds an accepted photo with its fingerprint, and its panorama if that is new."""
    panorama = pair.panorama
    db.execute(
        "INSERT OR IGNORE INTO panorama VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            pair.panorama_file,
            panorama.id,
            panorama.source,
            panorama.location.latitude,
            panorama.location.longitude,
            panorama.heading,
            panorama.captured,
            panorama.licence,
            panorama.page,
            place_of(panorama.location),
        ),
    )
    db.execute(
        "INSERT INTO photo VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            photo.id,
            pair.photo_file,
            photo.captured,
            photo.make,
            photo.model,
            photo.creator,
            photo.page,
            photo.licence,
            pair.quality.brightness,
            pair.quality.sharpness,
            pair.building_share,
            pair.panorama_file,
            pair.distance_m,
        ),
    )
    bits = f"{pair.quality.fingerprint:016x}"
    db.executemany(
        "INSERT OR IGNORE INTO fingerprint VALUES (?, ?)",
        [(band, bits) for band in bands(pair.quality.fingerprint)],
    )


def add_example(
    db: sqlite3.Connection, kind: str, draw: int, decision: Decision, example: Example
) -> None:
    """Adds an example to those of a kind.

    Args:
        db: The database.
        kind: A reason, or that it is accepted.
        draw: Its number, the lowest of which are kept.
        decision: What it is an example of.
        example: The pictures.
    """
    photo = decision.photo
    credited = [photo.creator, photo.licence]
    if decision.pair:
        credited.append(decision.pair.panorama.licence)
    db.execute(
        "INSERT INTO example VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            kind,
            draw,
            photo.id,
            example.words,
            "; ".join(dict.fromkeys(credit for credit in credited if credit)),
            photo.page,
            example.photo,
            example.panorama,
        ),
    )


def drop_examples(db: sqlite3.Connection, kind: str, most: int) -> None:
    """Drops all examples of a kind but the ``most`` with the lowest numbers."""
    db.execute(
        "DELETE FROM example WHERE reason = ? AND id NOT IN "
        "(SELECT id FROM example WHERE reason = ? ORDER BY draw, id LIMIT ?)",
        (kind, kind, most),
    )
