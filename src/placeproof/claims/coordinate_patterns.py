"""What a pair of coordinates looks like in a text: one pattern for each spelling."""

import itertools
import re
from collections.abc import Iterator

from placeproof.claims.angles import NOTATIONS, angle_pattern, normalised

# Letters stand before both numbers or behind both; a label before both; or there are none.
_STYLES = ("before", "after", "labelled", "bare")

# Spaces are counted: with any number of them, a long gap would take forever.
_GAP = r"\s{0,3}"
_LABEL = rf"[\"']?\b(?:lat(?:itude)?|lon(?:g(?:itude)?)?|lng)\b[\"']?{_GAP}[:=]?{_GAP}"
_LETTER = "(?:north|south|east|west|[nsewo])"
_START = r"(?<![\w.])(?<![0-9],)"
_END = r"(?![0-9A-Za-z_°]|[.,:][0-9])"
_BETWEEN = rf"{_GAP}[,;/|&]?{_GAP}"
_BETWEEN_NUMBERS = rf"(?P<between>{_GAP}[,;/|&]{_GAP}|\s{{1,3}}|(?=[+-]))"
_BETWEEN_COMMAS = rf"(?P<between>{_GAP}[;/|&]{_GAP}|,?\s{{1,3}})"
_STRAY_BEFORE = re.compile(r"(?<![A-Za-z])[NSEWO]\s{0,3}$")
_STRAY_AFTER = re.compile(r"\s{0,3}[NSEWO](?![A-Za-z])")


def find_pairs(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Every pair in a text with its notation, the clearest notation first; pairs may overlap.

    A match has the groups of :func:`placeproof.claims.angles.angle_pattern` for the numbers 1
    and 2 and, by style, ``letter1`` and ``letter2``, or ``label1`` and ``label2``.
    """
    text = normalised(text)
    for notation, style, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if style != "bare" or _stands_alone(match, text):
                yield notation, match


def _pattern(notation: str, style: str) -> re.Pattern[str]:
    first, second = angle_pattern(notation, 1), angle_pattern(notation, 2)
    if style == "before":
        letters = [f"(?P<letter{n}>{_LETTER}){_GAP}:?{_GAP}" for n in (1, 2)]
        # A letter right behind a number belongs to that number.
        start = r"(?<![A-Za-z0-9°'\"])(?<![0-9°'\"][ ])"
        parts = [start, letters[0], first, _BETWEEN, letters[1], second, _END]
    elif style == "after":
        letters = [f"{_GAP}(?P<letter{n}>{_LETTER})(?![A-Za-z])" for n in (1, 2)]
        label = f"(?:{_LABEL})?"  # the letters say it
        parts = [label, _START, first, letters[0], _BETWEEN, label, second, letters[1]]
    elif style == "labelled":
        labels = [f"(?P<label{n}>{_LABEL})" for n in (1, 2)]
        parts = [labels[0], first, _BETWEEN, labels[1], second, _END]
    else:
        between = _BETWEEN_COMMAS if notation == "comma" else _BETWEEN_NUMBERS
        parts = [_START, first, between, second, _END]
    return re.compile("".join(parts), re.IGNORECASE | re.VERBOSE)


_PATTERNS = [
    (notation, style, _pattern(notation, style))
    for notation, style in itertools.product(NOTATIONS, _STYLES)
]


def _stands_alone(match: re.Match[str], text: str) -> bool:
    """Whether no letter beside the pair says more, and its numbers are rightly held apart."""
    start, end = match.span()
    if _STRAY_BEFORE.search(text, max(0, start - 5), start) or _STRAY_AFTER.match(text, end):
        return False
    # Signs alone hold numbers apart in ISO 6709: +48.8584-002.2945
    return match["between"] != "" or (match["sign1"] != "" and "." in match["deg1"])
