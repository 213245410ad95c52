"""The countries that accepted photos were taken in (paper, Fig. 7).

How a photo's country is found: :mod:`placeproof.countries`.
"""

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
    from placeproof.countries import country_names

    counts: Counter[str] = Counter()
    positions = store.each(_QUERY)
    while some := list(islice(positions, _AT_ONCE)):
        counts.update(country_names(some))
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
