"""The paper's Shibuya set (section 5.1): 942 photos of one ward of Tokyo, and panoramas.

    queries/*.jpg          photos
    panoramas/*.jpg        equirectangular panoramas
    positions.csv          file, lat, lon of every photo and panorama

What is known. The paper takes the 942 queries and the panoramas from its reference [26], a public
set for retrieval; the extracted text lacks the list of references. By its name and size it is the
set of Torii, Dong, Okutomi, Sivic and Pajdla, "Efficient localization of panoramic images using
tiled image descriptors" (2014), which is an inference. No copy and no description of its files was
within reach, so the folders above are this project's own layout; to use the set, bring it into it.
The pairs are those that the paper states: each query with the panorama taken at its ground-truth
position, here the nearest one, and with another that is 1 mile or more away.
"""

from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from placeproof.errors import SuiteError
from placeproof.evaluation.negatives import NegativeRule, Reference, with_negatives
from placeproof.evaluation.suite import EvaluationPair, Suite
from placeproof.evaluation.suites.folders import (
    POSITIONS,
    absolute,
    count_warning,
    pictures,
    positions,
    subfolder,
)
from placeproof.location import Location
from placeproof.training.places import points

QUERIES = 942
SAME_M = 25.0  # a panorama farther from a photo was not taken at its position


def read(path: Path, rule: NegativeRule) -> Suite:
    """Reads the set.

    Queries without a panorama within ``SAME_M`` are left out, and the suite's ``about`` says how
    many are.

    Raises:
        SuiteError: If folders, pictures or positions are missing or wrong, no photo has a
            panorama near it, or too few panoramas are far enough away.
    """
    folder = absolute(path)
    queries = _located(folder, "queries")
    panoramas = _located(folder, "panoramas")
    files, places = list(panoramas), list(panoramas.values())
    distances, nearest = KDTree(points(places)).query(points(list(queries.values())))
    positives = [
        EvaluationPair(
            query=query,
            reference=files[number],
            same=True,
            place=files[number].stem,
            panorama=True,
            query_location=location,
            reference_location=places[number],
        )
        for (query, location), number, near in zip(
            queries.items(), nearest, np.asarray(distances) <= SAME_M, strict=True
        )
        if near
    ]
    if not positives:
        raise SuiteError(f"{folder.name}: no query has a panorama within {SAME_M:.0f} m")
    others = [Reference(file, file.stem, True, panoramas[file]) for file in files]
    about = f"{len(positives)} photos of Shibuya, each with the panorama nearest to it. {rule}"
    if left_out := len(queries) - len(positives):
        about += f" Left out: {left_out} queries without a panorama within {SAME_M:.0f} m."
    about += count_warning({pair.query for pair in positives}, QUERIES)
    return Suite("Shibuya", about, with_negatives(positives, others, rule, folder))


def _located(folder: Path, name: str) -> dict[Path, Location]:
    """The pictures of a subfolder with their positions; raises SuiteError where one has none."""
    known = positions(folder)
    located = {}
    for file in pictures(subfolder(folder, name)):
        entry = known.get(file)
        if entry is None or entry.location is None:
            raise SuiteError(f"{POSITIONS} gives no position of '{name}/{file.name}'")
        located[file] = entry.location
    return located
