"""A CSV or Parquet of pairs.

* ``query``: the photo.
* ``panorama``: an equirectangular panorama; or ``reference``: a perspective photo.
* ``label``: 1 if both show the same place, else 0. Without this column, all rows do, and pairs of
  different places are drawn. A row without a query then only adds a panorama to draw from.
* ``place``: a name; pictures that may show the same things have the same one. Without it, a
  query's own name is its place where pairs are labelled; where they are not, all pictures that
  are joined by rows.
* ``query_lat``, ``query_lon``; ``panorama_lat``, ``panorama_lon`` (or ``reference_lat``,
  ``reference_lon``): WGS 84 degrees.
* ``bearing_deg``: compass bearing of the query's optical axis; ``heading``: of the reference's
  centre column, 0 (north) where it is empty or missing.
* ``mask``: a picture, white where the reference shows what the query shows.
* ``split``: rows of the split ``train`` are left out: what weights were trained on measures
  nothing.

All but the first two may be missing, other columns are ignored, and paths are relative to the
file's own folder. Manifests of ``placeproof train`` are such lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from placeproof.errors import SuiteError
from placeproof.evaluation.negatives import NegativeRule, Reference, name_in, with_negatives
from placeproof.evaluation.suite import EvaluationPair, Suite
from placeproof.geometry import wrap_degrees
from placeproof.location import Location
from placeproof.tables import Row, Table, read_table

_KNOWN = {"query", "label", "place", "query_lat", "query_lon", "bearing_deg", "heading", "mask"}
_LABELS = {"1": True, "0": False}


@dataclass(frozen=True, slots=True)
class _Line:
    """A row: the query is None for a reference alone, and the place empty where unknown."""

    where: str
    query: Path | None
    reference: Path
    same: bool
    place: str
    query_location: Location | None
    reference_location: Location | None
    bearing: float | None
    mask: Path | None


def read(path: Path, rule: NegativeRule) -> Suite:
    """Reads a list of pairs.

    Raises:
        SuiteError: If it cannot be read, lacks a column, or a row is wrong or names a file that
            does not exist; if no row is left to measure on; or, where pairs are drawn, too few
            references are far enough away.
    """
    table = read_table(path, SuiteError)
    kind = _reference_column(path, table)
    labelled = "label" in table.columns
    rows = list(table.rows)
    used = [row for row in rows if row.text("split") != "train"]
    lines = [_line(row, kind, labelled=labelled) for row in used]
    if not any(line.query for line in lines):
        raise SuiteError(f"{path.name} has no row with a query to measure on")
    folder = used[0].folder
    panorama = kind == "panorama"
    about = f"As listed in {path.name}."
    if len(used) < len(rows):
        about += f" {len(rows) - len(used)} rows of the split 'train' are left out."
    known = _KNOWN | {"split", kind, f"{kind}_lat", f"{kind}_lon"}
    if ignored := [column for column in table.columns if column not in known]:
        about += f" Columns ignored: {', '.join(ignored)}."
    if labelled:
        pairs = tuple(_pairs(lines, folder, panorama=panorama))
    else:
        lines = _with_places(lines, folder)
        positives = _pairs(lines, folder, panorama=panorama)
        located_last = sorted(lines, key=lambda line: line.reference_location is not None)
        references = {line.reference: line for line in located_last}.values()
        others = [
            Reference(line.reference, line.place, panorama, line.reference_location)
            for line in references
        ]
        pairs = with_negatives(positives, others, rule, folder)
        about += f" {len(positives)} pairs of the same place. {rule}"
    return Suite(f"{folder.name}/{path.name}", about, pairs)


def _reference_column(path: Path, table: Table) -> str:
    """``panorama`` or ``reference``, whichever there is."""
    if "query" not in table.columns:
        raise SuiteError(f"{path.name} lacks the column 'query'")
    kinds = [name for name in ("panorama", "reference") if name in table.columns]
    if len(kinds) != 1:
        raise SuiteError(
            f"{path.name} must have a column 'panorama' (360 degrees) or 'reference' (a photo), "
            "and not both"
        )
    return kinds[0]


def _line(row: Row, kind: str, *, labelled: bool) -> _Line:
    query = row.required_file("query") if labelled else row.file("query")
    same = True
    if labelled:
        label = row.required("label")
        if label not in _LABELS:
            raise SuiteError(f"{row.where}: label {label!r} is neither 1 nor 0")
        same = _LABELS[label]
    mask = row.file("mask")
    if mask is not None and not same:
        raise SuiteError(f"{row.where}: mask of a pair with label 0, which shows nothing alike")
    compass, heading = row.number("bearing_deg"), row.number("heading")
    return _Line(
        where=row.where,
        query=query,
        reference=row.required_file(kind),
        same=same,
        place=row.text("place"),
        query_location=row.location("query_lat", "query_lon"),
        reference_location=row.location(f"{kind}_lat", f"{kind}_lon"),
        bearing=wrap_degrees(compass - (heading or 0.0)) if compass is not None and same else None,
        mask=mask,
    )


def _pairs(lines: Sequence[_Line], folder: Path, *, panorama: bool) -> list[EvaluationPair]:
    """The rows that have a query, as pairs."""
    return [
        EvaluationPair(
            query=line.query,
            reference=line.reference,
            same=line.same,
            place=line.place or name_in(folder, line.query),
            panorama=panorama,
            query_location=line.query_location,
            reference_location=line.reference_location,
            bearing=line.bearing,
            mask=line.mask,
        )
        for line in lines
        if line.query is not None
    ]


def _with_places(lines: Sequence[_Line], folder: Path) -> list[_Line]:
    """Names the places of rows that do not: that of all pictures which rows join to theirs.

    Raises:
        SuiteError: If rows give one picture two places.
    """
    numbers: dict[Path, int] = {}
    said: dict[Path, str] = {}
    ends = []
    for line in lines:
        both = (line.query or line.reference, line.reference)
        ends.append([numbers.setdefault(file, len(numbers)) for file in both])
        for file in both:
            if (first := said.setdefault(file, line.place)) != line.place:
                raise SuiteError(f"{line.where}: {file.name!r} has another place than {first!r}")
    start, end = np.array(ends).T
    graph = coo_array((np.ones(len(lines)), (start, end)), (len(numbers), len(numbers)))
    _, joined = connected_components(graph, directed=False)
    names: dict[int, str] = {}
    for file, number in numbers.items():
        names.setdefault(joined[number], name_in(folder, file))
    return [
        line if line.place else replace(line, place=names[joined[first]])
        for line, (first, _) in zip(lines, ends, strict=True)
    ]
