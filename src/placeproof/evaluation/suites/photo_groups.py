"""A CSV of photos in groups: photos of one group show the same place.

* ``file``: the photo, relative to the CSV's folder.
* ``group``: a name; it may be a place, or a walk through a street.
* ``lat``, ``lon``: WGS 84 degrees, where known; other columns are ignored.

**Pairs of the same place** are two photos of one group, the first one listed as the query. A walk
leaves its first view behind, so where any photo of a group has a position, both must have one, and
lie within ``VIEW_M``. Of each group at most ``MOST_OF_A_GROUP`` pairs are drawn, so that long
sequences do not outweigh the rest.

**Pairs of different places** are drawn from all photos of the list. Without positions, nothing but
its name tells whether a group shows what another one does: groups of which one's name begins with
the other's (``square``, ``square2``, ``square_north``) are taken for one place.
"""

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from placeproof.errors import SuiteError
from placeproof.evaluation.negatives import (
    NegativeRule,
    Reference,
    name_in,
    shuffled,
    with_negatives,
)
from placeproof.evaluation.suite import EvaluationPair, Suite
from placeproof.location import Location
from placeproof.tables import read_table

VIEW_M = 25.0  # of two photos of one view; the usual distance in place recognition
MOST_OF_A_GROUP = 6  # pairs: those of four photos


@dataclass(frozen=True, slots=True)
class _Photo:
    path: Path
    group: str
    location: Location | None


def read(path: Path, rule: NegativeRule) -> Suite:
    """Reads a list of photos.

    Raises:
        SuiteError: If it cannot be read, lacks a column, names what does not exist or names it
            twice; if no group has a pair; or if too few photos are far enough away.
    """
    photos = _photos(path)
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 - resolve() would follow links
    groups: dict[str, list[_Photo]] = {}
    for photo in photos:
        groups.setdefault(photo.group, []).append(photo)
    place = _places(groups)
    positives = [
        EvaluationPair(
            query=query.path,
            reference=reference.path,
            same=True,
            place=place[group],
            panorama=False,
            query_location=query.location,
            reference_location=reference.location,
        )
        for group, members in groups.items()
        for query, reference in _drawn(_of_one_view(members), rule.seed, folder)
    ]
    if not positives:
        raise SuiteError(f"{path.name}: no group has two photos of the same view")
    others = [Reference(p.path, place[p.group], False, p.location) for p in photos]
    about = (
        f"{len(positives)} pairs of photos of the {len({pair.place for pair in positives})} places "
        f"in {path.name}: within a group, within {VIEW_M:.0f} m where positions are known, and "
        f"at most {MOST_OF_A_GROUP} of a group. {rule}"
    )
    return Suite(
        f"{folder.name}/{path.name}", about, with_negatives(positives, others, rule, folder)
    )


def _photos(path: Path) -> list[_Photo]:
    table = read_table(path, SuiteError)
    for column in ("file", "group"):
        if column not in table.columns:
            raise SuiteError(f"{path.name} lacks the column {column!r}")
    first: dict[Path, str] = {}
    photos = []
    for row in table.rows:
        file = row.required_file("file")
        if first.setdefault(file, row.where) != row.where:
            raise SuiteError(f"{row.where}: file {file.name!r} again, as at {first[file]}")
        photos.append(_Photo(file, row.required("group"), row.location("lat", "lon")))
    return photos


def _places(groups: Iterable[str]) -> dict[str, str]:
    """The place of each group: the shortest name of a group that its own begins with."""
    places: dict[str, str] = {}
    latest: str | None = None
    for group in sorted(groups):  # one that begins another comes before it
        if latest is None or not group.startswith(latest):
            latest = group
        places[group] = latest
    return places


def _of_one_view(members: Sequence[_Photo]) -> list[tuple[_Photo, _Photo]]:
    """All pairs of a group's photos that may show the same things."""
    if not any(photo.location for photo in members):
        return list(itertools.combinations(members, 2))
    return [
        (query, reference)
        for query, reference in itertools.combinations(members, 2)
        if query.location
        and reference.location
        and query.location.distance_m(reference.location) <= VIEW_M
    ]


def _drawn(
    pairs: Sequence[tuple[_Photo, _Photo]], seed: int, folder: Path
) -> list[tuple[_Photo, _Photo]]:
    """At most ``MOST_OF_A_GROUP`` of the pairs, in their order."""
    names = ["\n".join(name_in(folder, photo.path) for photo in pair) for pair in pairs]
    chosen = sorted(shuffled(names, seed, "pair")[:MOST_OF_A_GROUP])
    return [pairs[number] for number in chosen]
