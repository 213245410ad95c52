"""One latitude or longitude in the notations that people use.

==========  ==============================================================
marked      ``48.8584°``  ``48° 51.504'``  ``48°51'30.2"``  ``48d 51m 30s``
seconds     ``48 51 30.2``  ``48:51:30.2``  ``48-51-30``
minutes     ``48 51.504``  ``48-51.504``
decimal     ``48.8584``
comma       ``48,8584``
==========  ==============================================================
"""

import re
from dataclasses import dataclass

from placeproof.errors import LocationError

NOTATIONS = ("marked", "seconds", "minutes", "decimal", "comma")

# Signs that mean the same, each replaced by one character: positions in the text stay.
_SAME = str.maketrans(
    dict.fromkeys("−–‒﹣－", "-")
    | dict.fromkeys("′’‘´`ʹ", "'")
    | dict.fromkeys("″”“„ʺ", '"')
    | dict.fromkeys("º˚", "°")
)


@dataclass(frozen=True, slots=True)
class Angle:
    """Degrees as written, with their sign; ``half_step`` is half a unit of the last digit."""

    degrees: float
    half_step: float


def normalised(text: str) -> str:
    """The text, as long as it was, with one sign for each of minus, degree, minute, second."""
    return text.translate(_SAME)


def angle_pattern(notation: str, number: int) -> str:
    """A verbose regular expression of an angle in :func:`normalised` text.

    Its groups are ``sign``, ``deg``, ``min`` and ``sec``, each followed by ``number``.
    """
    sign = f"(?P<sign{number}>[+-]?)"
    deg = f"(?P<deg{number}>[0-9]{{1,3}})"
    minutes = rf"(?P<min{number}>[0-9]{{1,2}})"
    step = r"(?::|-|\s{1,3})"
    if notation == "marked":
        number_of = r"(?P<{name}>[0-9]{{1,{digits}}}(?:[.,][0-9]{{1,20}})?)"
        deg, minutes, seconds = (
            number_of.format(name=f"{name}{number}", digits=digits)
            for name, digits in (("deg", 3), ("min", 2), ("sec", 2))
        )
        gap = r"\s{0,3}"
        second_mark = r"(?:\"|''|s(?:ec(?:onds?)?)?)"
        return rf"""{sign}(?:(?<=[+-]){gap})?{deg}{gap}(?:°|d(?:eg(?:rees?)?)?)
            (?:{gap}{minutes}(?:{gap}(?:'(?!')|m(?:in(?:utes?)?)?)
            (?:{gap}{seconds}(?:{gap}{second_mark})?)?)?)?"""
    if notation == "seconds":
        seconds = rf"(?P<sec{number}>[0-9]{{1,2}}(?:\.[0-9]{{1,20}})?)"
        return f"{sign}{deg}{step}{minutes}{step}{seconds}"
    if notation == "minutes":
        minutes = rf"(?P<min{number}>[0-9]{{1,2}}(?:\.[0-9]{{1,20}})?)"
        return f"{sign}{deg}{step}{minutes}"
    if notation == "decimal":
        return rf"{sign}(?P<deg{number}>[0-9]{{1,3}}(?:\.[0-9]{{1,20}})?)"
    return f"{sign}(?P<deg{number}>[0-9]{{1,3}},[0-9]{{1,20}})"


def read_angle(match: re.Match[str], number: int) -> Angle:
    """The angle in a match of :func:`angle_pattern`.

    Raises:
        LocationError: If minutes or seconds are 60 or more, or only the last part may have a
            fraction and another has one.
    """
    groups = match.groupdict()
    parts = [groups.get(f"{name}{number}") for name in ("deg", "min", "sec")]
    texts = [part.replace(",", ".") for part in parts if part is not None]
    if any("." in text for text in texts[:-1]):
        raise LocationError(f"{match[0]!r} has a fraction before its last part")
    values = [float(text) for text in texts]
    for name, value in zip(("minutes", "seconds"), values[1:], strict=False):
        if value >= 60:
            raise LocationError(f"{match[0]!r} has {value:g} {name}; there are less than 60")
    degrees = sum(value / 60**power for power, value in enumerate(values))
    digits = len(texts[-1].partition(".")[2])
    half_step = 0.5 * 10.0**-digits / 60 ** (len(values) - 1)
    return Angle(-degrees if groups[f"sign{number}"] == "-" else degrees, half_step)
