"""A folder of pairs: a query and a reference with the same name show the same place.

    queries/NAME.jpg       photos
    panoramas/NAME.jpg     equirectangular panoramas; or references/NAME.jpg, perspective photos
    positions.csv          optional: file, lat, lon, heading

The suffixes may differ, and the pictures may lie in subfolders of the same names. A panorama
without a query is no pair and may be drawn for pairs of different places. Positions, where they
are known, keep these apart by the least distance, and headings of both give the true bearing.
"""

from pathlib import Path

from placeproof.errors import SuiteError
from placeproof.evaluation.negatives import NegativeRule, Reference, with_negatives
from placeproof.evaluation.suite import EvaluationPair, Suite
from placeproof.evaluation.suites.folders import absolute, by_stem, positions, subfolder
from placeproof.geometry import wrap_degrees
from placeproof.panoramas.sidecar import SidecarEntry


def read(path: Path, rule: NegativeRule) -> Suite:
    """Reads a folder of pairs.

    Raises:
        SuiteError: If there are no such folders or pictures, a query has no reference of its
            name, ``positions.csv`` is wrong, or too few references are far enough away.
    """
    folder = absolute(path)
    references = subfolder(folder, "panoramas", "references")
    matched, others = match_names(folder, references, panorama=references.name == "panoramas")
    return Suite(
        name=folder.name,
        about=f"{len(matched)} pairs of equal names in {folder.name}. {rule}",
        pairs=with_negatives(matched, others, rule, folder),
    )


def match_names(
    folder: Path, references: Path, *, panorama: bool
) -> tuple[list[EvaluationPair], list[Reference]]:
    """The pairs of ``queries/`` and a folder of references by their names, and all references.

    Raises:
        SuiteError: If a query has no reference, or pictures or positions cannot be read.
    """
    known = positions(folder)
    taken = by_stem(subfolder(folder, "queries"))
    shown = by_stem(references)
    if missing := sorted(taken.keys() - shown.keys()):
        raise SuiteError(
            f"query '{taken[missing[0]]}' has no picture of its name in {references.name}: add "
            "that or remove the query"
        )

    def pair(name: str) -> EvaluationPair:
        query = known.get(taken[name], SidecarEntry(taken[name]))
        reference = known.get(shown[name], SidecarEntry(shown[name]))
        bearing = None
        if query.heading is not None and reference.heading is not None:
            bearing = wrap_degrees(query.heading - reference.heading)
        return EvaluationPair(
            query=query.file,
            reference=reference.file,
            same=True,
            place=name,
            panorama=panorama,
            query_location=query.location,
            reference_location=reference.location,
            bearing=bearing,
        )

    others = [
        Reference(file, name, panorama, known.get(file, SidecarEntry(file)).location)
        for name, file in shown.items()
    ]
    return [pair(name) for name in taken], others
