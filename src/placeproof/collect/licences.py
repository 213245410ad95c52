"""Who took which picture, and under which licence: a row for every picture of a collection."""

from pathlib import Path

from placeproof.collect.csv_file import write_rows
from placeproof.collect.store import Store

FILE = "licences.csv"
COLUMNS = (
    "file",
    "kind",
    "source",
    "id",
    "licence",
    "creator",
    "page",
    "captured",
    "lat",
    "lon",
    "area",
)
_QUERY = """
SELECT photo.file, 'photo', ?, photo.id, licence, creator, page, captured,
    latitude, longitude, area
FROM photo JOIN candidate USING (id)
UNION ALL
SELECT file, 'panorama', source, id, licence, NULL, page, captured, latitude, longitude, NULL
FROM panorama
ORDER BY 1
"""


def write_licences(folder: Path, store: Store, photos: str) -> None:
    """Writes ``licences.csv``.

    Args:
        folder: The collection's.
        store: Its state.
        photos: Name of the service that the photos come from.

    Raises:
        StorageError: If it cannot be written.
    """
    write_rows(folder / FILE, COLUMNS, store.each(_QUERY, photos))
