"""Codes that name a cell of the Earth: plus codes (Open Location Code) and geohashes.

A plus code is full (``8FW4V75V+8Q``), or short with a place near it (``V75V+8Q Paris``): a short
one means nothing without the place, and needs a geocoder to find it.
"""

import re

import pygeohash
from openlocationcode import openlocationcode

from placeproof.claims.candidate import Candidate, Finding, half_cell_m
from placeproof.claims.geocoding import Geocoder
from placeproof.claims.place_names import phrase_end
from placeproof.errors import LocationError
from placeproof.location import Location

_DIGITS = "23456789CFGHJMPQRVWX"
_PLUS = rf"(?<![\w+])(?:[{_DIGITS}]{{2}}){{1,4}}0*\+(?:[{_DIGITS}]{{2,7}})?(?![\w+])"
_PLUS_CODE = re.compile(_PLUS, re.IGNORECASE)
_PLUS_CODE_AND_PLACE = re.compile(rf"({_PLUS})(?:[\s,]+(.*))?", re.IGNORECASE)
_LOST_PLUS = re.compile(
    rf"(?<=^[{_DIGITS}]{{4}}) (?=[{_DIGITS}]{{2,3}}(?:[ ,]|$))"
    rf"|(?<=^[{_DIGITS}]{{8}}) (?=[{_DIGITS}]{{2,3}}$)"
)
_GAP = re.compile(r",? ")

_HASH_DIGITS = "0-9b-hjkmnp-z"
_NAMED_GEOHASH = re.compile(rf"\bgeohash\b[:=\s]*([{_HASH_DIGITS}]{{1,12}})\b", re.IGNORECASE)
_BARE_GEOHASH = re.compile(
    rf"(?=[a-z]*[0-9])(?=[0-9]*[a-z])[{_HASH_DIGITS}]{{5,12}}"  # a letter and a digit
    rf"|(?=[A-Z]*[0-9])(?=[0-9]*[A-Z])[{_HASH_DIGITS.upper()}]{{5,12}}"
)
# In a text: at least 8 characters, with two digits and a letter that hexadecimal numbers lack.
_PLAIN_GEOHASH = re.compile(
    rf"(?<![\w.@/#-])(?=[a-z]*[0-9][a-z]*[0-9])(?=[0-9a-f]*[g-z])[{_HASH_DIGITS}]{{8,12}}(?![\w@-])"
)


def read_plus_code(text: str, geocoder: Geocoder | None) -> list[Candidate]:
    """What a text that is one plus code, perhaps with its place, means; empty for another text.

    Raises:
        LocationError: If it is a short code without a place, or without a geocoder.
        NetworkError: If the place cannot be looked up.
    """
    match = _PLUS_CODE_AND_PLACE.fullmatch(text.strip())
    if match is None or not openlocationcode.isValid(match[1]):
        return []
    code, place = match[1].upper(), (match[2] or "").strip()
    if openlocationcode.isFull(code):
        return [_plus_code(code, text)]
    if not openlocationcode.isShort(code):
        return []
    if not place:
        raise LocationError(
            f"{code} is a short plus code; write its place behind it, as in {code} Paris"
        )
    if geocoder is None:
        raise LocationError(
            f"{code} is a short plus code, whose place has to be looked up; "
            "write the full code, or allow place names to be looked up"
        )
    return _near(code, geocoder.find(place), text)


def with_plus(text: str) -> str:
    """The text with the plus of its code, where a link's decoding made a space of it."""
    return _LOST_PLUS.sub("+", text, count=1)


def read_geohash(text: str) -> list[Candidate]:
    """What a text that is one geohash means; empty for any other text.

    Without the word ``geohash`` before it, it has 5 to 12 characters, among them a letter and a
    digit: many names of places, such as Denver, could be geohashes too.
    """
    named = _NAMED_GEOHASH.fullmatch(text.strip())
    if named or _BARE_GEOHASH.fullmatch(text.strip()):
        return [_geohash(named[1] if named else text.strip(), text)]
    return []


def find_codes(text: str, geocoder: Geocoder | None) -> list[Finding]:
    """All plus codes and geohashes inside a text, in their order.

    Short plus codes are found only with a geocoder, and with a place behind them that begins
    with a capital letter.

    Raises:
        NetworkError: If the place of a short code cannot be looked up.
    """
    findings = []
    for match in _PLUS_CODE.finditer(text):
        code = match[0].upper()
        if openlocationcode.isFull(code):
            findings.append(Finding(*match.span(), (_plus_code(code, match[0]),)))
        elif openlocationcode.isShort(code) and geocoder is not None:
            start = match.end() + (len(gap[0]) if (gap := _GAP.match(text, match.end())) else 0)
            end = phrase_end(text, start)
            if end > start and (places := geocoder.find(text[start:end])):
                near = _near(code, places, text[match.start() : end])
                findings.append(Finding(match.start(), end, tuple(near)))
    for pattern, group in ((_NAMED_GEOHASH, 1), (_PLAIN_GEOHASH, 0)):
        for match in pattern.finditer(text):
            if not any(match.start() < f.end and f.start < match.end() for f in findings):
                findings.append(Finding(*match.span(), (_geohash(match[group], match[0]),)))
    return sorted(findings, key=lambda finding: finding.start)


def _plus_code(
    code: str, words: str, label: str | None = None, attribution: str | None = None
) -> Candidate:
    area = openlocationcode.decode(code)
    half_height = (area.latitudeHi - area.latitudeLo) / 2
    half_width = (area.longitudeHi - area.longitudeLo) / 2
    location = Location(area.latitudeLo + half_height, area.longitudeLo + half_width)
    precision_m = half_cell_m(location.latitude, half_height, half_width)
    return Candidate(location, label or code, "plus code", precision_m, words, attribution)


def _near(code: str, places: list[Candidate], words: str) -> list[Candidate]:
    """The code's cell near each place that its place's name may mean."""
    candidates = []
    for place in places:
        at = place.location
        full = openlocationcode.recoverNearest(code, at.latitude, at.longitude)
        label = f"{full}, near {place.label}"
        candidates.append(_plus_code(full, words, label, place.attribution))
    return candidates


def _geohash(code: str, words: str) -> Candidate:
    code = code.lower()
    cell = pygeohash.decode_exactly(code)
    location = Location(cell.latitude, cell.longitude)
    precision_m = half_cell_m(cell.latitude, cell.latitude_error, cell.longitude_error)
    return Candidate(location, code, "geohash", precision_m, words)
