"""Place-recognition sets with positions in the names of their pictures.

    queries/@UTM_east@UTM_north@...@.jpg
    database/@UTM_east@UTM_north@...@.jpg

in the folder itself, in ``test`` or in ``images/test``; see :mod:`.utm_name`.

**Pairs of the same place.** Each query stands with the reference nearest to it, if that is within
``SAME_M``, as the field counts; of equally near ones with the first by name. Where both names
state headings, these must not differ by more than ``SAME_VIEW``, as in Mapillary Street-Level
Sequences; where they do not, a set that cut several views at each position (Pitts30k,
Tokyo 24/7) gives pairs of which many look different ways, and ``about`` counts them. Queries
without such a reference are left out, and counted there too.

**Pairs of different places** are of references at least the least distance away.

**Distances** are those on the UTM plane, as the field computes them, where all names state one
zone or none does; a set of several zones is measured on the sphere.

**References** are perspective photos, unless all that are looked at (up to 50, evenly over the
database) are twice as wide as high, and at least 512 pixels wide: then they are panoramas.
Headings then do not matter.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import KDTree

from placeproof.errors import SuiteError
from placeproof.evaluation.negatives import NegativeRule, deal, name_in
from placeproof.evaluation.suite import EvaluationPair, Suite
from placeproof.evaluation.suites.folders import absolute, pictures
from placeproof.evaluation.suites.utm_name import UtmName, parse_utm_name
from placeproof.geometry import wrap_degrees
from placeproof.panoramas.intake import ASPECT_TOLERANCE, MIN_WIDTH
from placeproof.training.places import points

SAME_M = 25.0  # the field's threshold
SAME_VIEW = 40.0  # degrees
PLACE_M = 100.0  # side of the squares by which pairs are drawn together for intervals
_LOOKED_AT = 50
_SAME_SPOT_M = 0.01  # names state centimetres

_Points = NDArray[np.float64]  # (N, 3) metres


def read(path: Path, rule: NegativeRule) -> Suite:
    """Reads such a set.

    Raises:
        SuiteError: If folders or pictures are missing, a name is not of that form, only some
            names state a zone, no query has a reference near it, or too few are far enough away.
    """
    folder = _with_both(absolute(path))
    queries, references = (
        [parse_utm_name(picture) for picture in pictures(folder / name)]
        for name in ("queries", "database")
    )
    at = _positions(folder, [*queries, *references])
    starts, ends = at[: len(queries)], at[len(queries) :]
    panorama = _are_panoramas(references)
    near = KDTree(ends).query_ball_point(starts, SAME_M)
    chosen: dict[int, int] = {}
    unsure = 0
    for number, candidates in enumerate(near):
        possible = [i for i in candidates if panorama or _may_see(queries[number], references[i])]
        if possible:
            distances = np.linalg.norm(ends[possible] - starts[number], axis=1)
            nearest = np.array(possible)[distances <= distances.min() + _SAME_SPOT_M]
            chosen[number] = int(nearest.min())
            unsure += len(nearest) > 1 and not panorama
    if not chosen:
        raise SuiteError(f"{folder.name}: no query has a reference within {SAME_M:.0f} m")
    used = list(chosen)
    drawn = deal(
        [name_in(folder, queries[number].path) for number in used],
        [1] * len(used),
        [name_in(folder, reference.path) for reference in references],
        lambda query, reference: bool(
            np.linalg.norm(ends[reference] - starts[used[query]]) >= rule.least_distance_m
        ),
        rule,
    )
    pairs = tuple(
        _pair(queries[number], references[i], same=i == chosen[number], panorama=panorama)
        for number, others in zip(used, drawn, strict=True)
        for i in (chosen[number], *others)
    )
    about = (
        f"{len(used)} photos, each with the reference nearest to it within {SAME_M:.0f} m. {rule}"
    )
    if left_out := len(queries) - len(used):
        about += f" Left out: {left_out} queries without such a reference."
    if unsure:
        about += (
            f" Warning: for {unsure} queries several references are equally near and no heading "
            "tells which way they look."
        )
    return Suite(folder.name, about, pairs)


def _with_both(folder: Path) -> Path:
    """Where the folders of queries and of the database are."""
    for candidate in (folder, folder / "test", folder / "images" / "test"):
        if (candidate / "queries").is_dir() and (candidate / "database").is_dir():
            return candidate
    raise SuiteError(f"{folder.name} has no folders queries and database, nor in images/test")


def _positions(folder: Path, names: Sequence[UtmName]) -> _Points:
    """Of all pictures, in metres: on one plane, or in space from the Earth's centre."""
    if len({name.grid for name in names}) == 1:
        return np.array([(name.east, name.north, 0.0) for name in names])
    located = [name.location for name in names if name.location is not None]
    if len(located) < len(names):
        raise SuiteError(f"{folder.name}: some names state a UTM zone and some do not")
    return points(located)


def _are_panoramas(references: Sequence[UtmName]) -> bool:
    """Whether all references that are looked at have the shape of a panorama."""
    step = -(-len(references) // _LOOKED_AT)
    return all(_is_wide(reference.path) for reference in references[::step])


def _is_wide(path: Path) -> bool:
    try:
        with Image.open(path) as image:  # only the header is read
            width, height = image.size
    except Exception:  # damaged files make Pillow raise nearly anything; read_picture says it well
        return False
    return width >= MIN_WIDTH and abs(width / height / 2 - 1) <= ASPECT_TOLERANCE


def _may_see(query: UtmName, reference: UtmName) -> bool:
    """Whether two photos look the same way, as far as their names tell."""
    if query.heading is None or reference.heading is None:
        return True
    return abs(wrap_degrees(query.heading - reference.heading)) <= SAME_VIEW


def _pair(query: UtmName, reference: UtmName, *, same: bool, panorama: bool) -> EvaluationPair:
    square = f"{query.east // PLACE_M:.0f} {query.north // PLACE_M:.0f}"
    zone = f"{query.grid[0]}{'N' if query.grid[1] else 'S'} " if query.grid else ""
    return EvaluationPair(
        query=query.path,
        reference=reference.path,
        same=same,
        place=f"{zone}{square}",
        panorama=panorama,
        query_location=query.location,
        reference_location=reference.location,
    )
