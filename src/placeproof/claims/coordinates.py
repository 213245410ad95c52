"""Pairs of coordinates in many spellings: alone, and inside a text.

Letters or labels may say which is which (``48.8584° N, 2.2945° E``; ``N48 51.504 E2 17.670``;
``lon: 2.2945, lat: 48.8584``). Without any, the latitude comes first, and no order is guessed.
The letter O is east in German and west in French and Spanish: both places are given.
"""

import itertools
import re
from dataclasses import dataclass

from placeproof.claims.angles import Angle, read_angle
from placeproof.claims.candidate import Candidate, Finding, half_cell_m
from placeproof.claims.coordinate_patterns import find_pairs
from placeproof.errors import LocationError
from placeproof.location import Location

# What may stand around a claim that is nothing but coordinates.
_BEFORE = re.compile(
    r"""\s*(?:(?:lat(?:itude)?\s*[/,]?\s*(?:lon|lng)\w*|gps|coord(?:inate)?s?|location|position|at)
    \s*[:=]?)?[\s(\[{"']*""",
    re.IGNORECASE | re.VERBOSE,
)
_AFTER = re.compile(r"""[\s)\]}"']*[.,;/]?\s*""")
_SIGNS = {"n": (1,), "s": (-1,), "e": (1,), "w": (-1,), "o": (1, -1)}
_O_MEANS = {1: " (O read as east, German Ost)", -1: " (O read as west, French Ouest)"}


def read_coordinates(text: str) -> list[Candidate]:
    """What a text that is nothing but a pair of coordinates means; empty for any other text.

    Raises:
        LocationError: If it is a pair that no place on Earth has.
    """
    text = text.strip()
    for _, match in find_pairs(text):
        if _BEFORE.fullmatch(text, 0, match.start()) and _AFTER.fullmatch(text, match.end()):
            return _meanings(match, text)
    return []


def find_coordinates(text: str) -> list[Finding]:
    """All pairs inside a text that were clearly meant as coordinates, in their order.

    Numbers without letters or labels need minutes, or decimals: two with degree signs, without
    them three for one and four for the other. Prices, measures and temperatures have fewer.
    Impossible pairs are left out.
    """
    findings: list[Finding] = []
    for notation, match in find_pairs(text):
        start, end = match.span()
        if any(start < other.end and other.start < end for other in findings):
            continue
        if _is_deliberate(notation, match):
            try:
                findings.append(Finding(start, end, tuple(_meanings(match, text[start:end]))))
            except LocationError:
                continue
    return sorted(findings, key=lambda finding: finding.start)


def _is_deliberate(notation: str, match: re.Match[str]) -> bool:
    groups = match.groupdict()
    has_letters = "letter1" in groups
    if "label1" in groups or (has_letters and notation in ("marked", "seconds", "minutes")):
        return True
    few, many = sorted(len(re.split("[.,]", groups[name] + ".")[1]) for name in ("deg1", "deg2"))
    if notation == "marked":
        return few >= 2 or all(groups[name] is not None for name in ("min1", "min2"))
    if notation in ("seconds", "minutes"):
        return False
    return few >= 2 if has_letters else few >= 3 and many >= 4


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two angles: which one it is, and the signs that its letter may give it."""

    angle: Angle
    is_latitude: bool
    signs: tuple[int, ...]


def _side(match: re.Match[str], number: int, words: str) -> _Side:
    groups = match.groupdict()
    angle = read_angle(match, number)
    letter = groups.get(f"letter{number}", "")[:1].lower()
    label = groups.get(f"label{number}", "").lower().lstrip("\"'")
    if letter and groups[f"sign{number}"] == "-":
        raise LocationError(f"{words!r} has both a minus and a letter; leave out one of them")
    if letter:
        return _Side(angle, letter in "ns", _SIGNS[letter])
    return _Side(angle, label.startswith("lat") if label else number == 1, (1,))


def _meanings(match: re.Match[str], words: str) -> list[Candidate]:
    """All places that a pair may mean; at least one.

    Raises:
        LocationError: If there is none.
    """
    first, second = _side(match, 1, words), _side(match, 2, words)
    if first.is_latitude == second.is_latitude:
        raise LocationError(f"{words!r} has no {'longitude' if first.is_latitude else 'latitude'}")
    north, east = (first, second) if first.is_latitude else (second, first)
    candidates = []
    for sign_north, sign_east in itertools.product(north.signs, east.signs):
        location = _location(
            sign_north * north.angle.degrees, sign_east * east.angle.degrees, match
        )
        precision_m = half_cell_m(location.latitude, north.angle.half_step, east.angle.half_step)
        label = str(location) + (_O_MEANS[sign_east] if len(east.signs) > 1 else "")
        candidates.append(Candidate(location, label, "coordinates", precision_m, words))
    return candidates


def _location(latitude: float, longitude: float, match: re.Match[str]) -> Location:
    try:
        return Location(latitude, longitude)
    except LocationError as error:
        if "between" in match.groupdict() and abs(longitude) <= 90 < abs(latitude) <= 180:
            raise LocationError(
                f"{error}; if the longitude came first, write {longitude:g},{latitude:g}"
            ) from None
        raise
