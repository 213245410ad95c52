"""The page of a collection: how many photos were rejected and why, with examples (Fig. 5 and 7)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from placeproof.collect.countries import ranked
from placeproof.collect.criteria import Criteria, Reason
from placeproof.collect.pairs import Pairs
from placeproof.collect.store import ACCEPTED, Store
from placeproof.files import write_atomically
from placeproof.report.describe import share_text
from placeproof.report.page import data_uri, render_page

FILE = "collection.html"
_COUNTRIES = 30  # that have a bar of their own
_WITHOUT_PICTURES = (Reason.CAMERA, Reason.NO_PANORAMA, Reason.GONE, Reason.UNREADABLE)


@dataclass(frozen=True, slots=True)
class _Shown:
    """An example; pictures are data URIs."""

    id: str
    words: str
    credit: str
    page: str | None
    photo: str
    panorama: str | None


def write_page(
    folder: Path,
    store: Store,
    criteria: Criteria,
    pairs: Pairs,
    countries: Counter[str] | None,
) -> None:
    """Writes ``collection.html``, which needs no other file, no network and no script.

    Args:
        folder: The collection's.
        store: Its state.
        criteria: What was wanted.
        pairs: What the manifest has.
        countries: Photos by country, if that is known.

    Raises:
        StorageError: If it cannot be written.
    """
    totals = store.totals()
    page = render_page(
        "collect/page.html",
        criteria=criteria,
        pairs=pairs,
        totals=totals,
        candidates=sum(totals.values()),
        accepted=list(_examples(store, ACCEPTED)),
        rejected=[
            (reason, list(_examples(store, reason)))
            for reason in Reason
            if totals[reason] and reason not in _WITHOUT_PICTURES
        ],
        without_pictures=[reason for reason in _WITHOUT_PICTURES if totals[reason]],
        countries=None if countries is None else _bars(countries),
        share=lambda part: share_text(part / max(1, sum(totals.values()))),
    )
    write_atomically(folder / FILE, page)


def _examples(store: Store, kind: str) -> Iterator[_Shown]:
    query = (
        "SELECT id, words, credit, page, photo, panorama FROM example WHERE reason = ? "
        "ORDER BY draw, id"
    )
    for photo_id, words, credit, page, photo, panorama in store.each(query, kind):
        safe = page if page and page.startswith("https://") else None
        uris = (None if data is None else data_uri(data) for data in (photo, panorama))
        shown, beside = uris
        yield _Shown(photo_id, words, credit, safe, shown or "", beside)


def _bars(counts: Mapping[str, int]) -> list[tuple[str, int, float]]:
    """Name, photos, and length of the bar in percent of the longest."""
    ordered = ranked(Counter(counts))
    bars = ordered[:_COUNTRIES]
    if rest := ordered[_COUNTRIES:]:
        bars.append((f"{len(rest)} more countries", sum(number for _, number in rest)))
    longest = max((number for _, number in bars), default=1)
    return [(name, number, round(100 * number / longest, 1)) for name, number in bars]
