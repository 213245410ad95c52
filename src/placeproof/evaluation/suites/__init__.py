"""Test sets, by the layout of their files. Each layout is one file with a function ``read``.

To add one, write ``read(path, rule)``, which returns a :class:`Suite` and raises ``SuiteError``,
and add a line to ``LAYOUTS``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from placeproof.errors import SuiteError
from placeproof.evaluation.negatives import MILE_M, NegativeRule
from placeproof.evaluation.suite import Suite
from placeproof.evaluation.suites.manifest import read as read_manifest
from placeproof.evaluation.suites.pairs_folder import read as read_pairs_folder
from placeproof.evaluation.suites.photo_groups import read as read_photo_groups
from placeproof.evaluation.suites.shibuya import read as read_shibuya
from placeproof.evaluation.suites.utm import read as read_utm
from placeproof.evaluation.suites.wikimedia import read as read_wikimedia


@dataclass(frozen=True, slots=True)
class Layout:
    """A way to lay out a test set.

    Attributes:
        about: What it looks like, in a few words for the command's help.
        read: Reads one. Raises SuiteError where it cannot be read.
    """

    about: str
    read: Callable[[Path, NegativeRule], Suite]


LAYOUTS = {
    "manifest": Layout(
        "CSV or Parquet of pairs: query, panorama (or reference), perhaps label and positions",
        read_manifest,
    ),
    "pairs-folder": Layout(
        "folder with queries/ and panoramas/ (or references/); equal names are one place",
        read_pairs_folder,
    ),
    "photo-groups": Layout(
        "CSV of photos: file, group, perhaps lat and lon; photos of a group show one place",
        read_photo_groups,
    ),
    "utm": Layout(
        "folder with queries/ and database/, positions in names: @UTM_east@UTM_north@...",
        read_utm,
    ),
    "shibuya": Layout(
        "the paper's Shibuya set: folder with queries/, panoramas/ and positions.csv",
        read_shibuya,
    ),
    "wikimedia": Layout(
        "the paper's Wikimedia Commons set: folder with queries/ and references/",
        read_wikimedia,
    ),
}
_MANIFESTS = {".csv", ".parquet"}


def read_suite(
    path: Path,
    layout: str | None = None,
    seed: int = 0,
    negatives_per_query: int = 1,
    least_distance_m: float = MILE_M,
) -> Suite:
    """Reads a test set; the same files give the same pairs, in the same order, on any machine.

    Args:
        path: The file or folder.
        layout: A key of ``LAYOUTS``; None: a ``.csv`` or ``.parquet`` file is a manifest.
        seed: Of all that is drawn.
        negatives_per_query: How many pairs of different places are drawn with a query for each
            time that it stands in a pair of the same place. Where a test set lists its pairs of
            different places, none are drawn, and this and the next say nothing.
        least_distance_m: How far the references of such pairs are from the query, metres.

    Raises:
        SuiteError: If the layout is unknown, or must be named; or the test set cannot be read,
            names what does not exist, contradicts itself, or has not both kinds of pairs.
    """
    names = ", ".join(LAYOUTS)
    if layout is None:
        if path.suffix.lower() not in _MANIFESTS or path.is_dir():
            raise SuiteError(f"{str(path)!r} does not say its layout; name one of {names}")
        layout = "manifest"
    if layout not in LAYOUTS:
        raise SuiteError(f"there is no layout {layout!r}; there are {names}")
    return LAYOUTS[layout].read(path, NegativeRule(seed, negatives_per_query, least_distance_m))
