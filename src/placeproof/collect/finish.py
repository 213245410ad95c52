"""What a collection leaves to use and to read, made anew of its state whenever a run ends."""

from dataclasses import dataclass
from pathlib import Path

from placeproof.collect.countries import count_countries, write_countries
from placeproof.collect.criteria import Criteria
from placeproof.collect.licences import write_licences
from placeproof.collect.page import write_page
from placeproof.collect.pairs import Pairs, write_pairs
from placeproof.collect.picture_files import PictureFiles
from placeproof.collect.store import Store


@dataclass(frozen=True, slots=True)
class Summary:
    """What a collection holds.

    Attributes:
        totals: How many candidates there are of each kind: ``"accepted"``, or a reason.
        pairs: What the manifest has.
        countries_known: Whether countries were counted; that needs the extra ``evaluate``.
    """

    totals: dict[str, int]
    pairs: Pairs
    countries_known: bool


def finish(folder: Path, store: Store, criteria: Criteria, *, complete: bool) -> Summary:
    """Writes manifest, licences, countries and page.

    Args:
        folder: The collection's.
        store: Its state.
        criteria: What was wanted.
        complete: Whether every photo is decided. Then the pictures that killed runs left behind
            are removed; else they spare a download.

    Raises:
        StorageError: If a file cannot be written.
    """
    if complete:
        PictureFiles(folder).sweep(store.has_file)
    pairs = write_pairs(folder, store, criteria.development_share, criteria.seed)
    write_licences(folder, store, criteria.photos)
    countries = count_countries(store)
    if countries is not None:
        write_countries(folder, countries)
    write_page(folder, store, criteria, pairs, countries)
    return Summary(store.totals(), pairs, countries is not None)
