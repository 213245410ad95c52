"""What results say in words and short numbers, the same in the terminal and on the page.

The words claim no more than is known: a match is no proof, "inconsistent" is a statistical
statement, and "inconclusive" is not "false".
"""

import unicodedata
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.geometry import angles_from_direction, bearing_of_yaw
from placeproof.results import Claim, PanoramaEvidence, SecondLook, Verdict, Verification

_POINTS = {
    "N": "north",
    "NNE": "north-northeast",
    "NE": "northeast",
    "ENE": "east-northeast",
    "E": "east",
    "ESE": "east-southeast",
    "SE": "southeast",
    "SSE": "south-southeast",
    "S": "south",
    "SSW": "south-southwest",
    "SW": "southwest",
    "WSW": "west-southwest",
    "W": "west",
    "WNW": "west-northwest",
    "NW": "northwest",
    "NNW": "north-northwest",
}


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """A verdict for readers who know nothing of the method.

    Attributes:
        headline: The verdict in a few words.
        meaning: What it means.
        caution: What it does not mean.
    """

    headline: str
    meaning: str
    caution: str


_NO_COVERAGE = VerdictWords(
    "Inconclusive: nothing to compare with",
    "No panorama near the claimed place was at hand, so the photo could not be compared with "
    "anything.",
    "Inconclusive does not mean false. Nothing was found out, neither for the claim nor "
    "against it.",
)
_WORDS = {
    Verdict.CONSISTENT: VerdictWords(
        "Consistent with the claimed place",
        "A panorama taken near the claimed place matches the photo, and pictures of different "
        "places rarely match so well.",
        "It is no proof that the photo was taken there. Places can look alike, and a photo can "
        "be edited or be an old one. A match says nothing of when the photo was taken, by whom, "
        "or of what happened there.",
    ),
    Verdict.INCONSISTENT: VerdictWords(
        "Inconsistent with the claimed place",
        "No panorama near the claimed place matches the photo, and pictures of the same place "
        "rarely match so badly.",
        "It is a statistical statement and no proof that the claim is false. A true photo can "
        "fail to match: at night or in another season, after building work, from indoors or from "
        "a spot that no panorama overlooks, or when people and vehicles fill it.",
    ),
    Verdict.INCONCLUSIVE: VerdictWords(
        "Inconclusive",
        "The panoramas at hand show neither that the photo was taken at the claimed place nor "
        "that it was not.",
        "Inconclusive does not mean false, and it does not mean probably true. Nearer or newer "
        "panoramas, or other evidence, may decide.",
    ),
}


def verdict_words(verification: Verification) -> VerdictWords:
    """The verdict in words."""
    return _WORDS[verification.verdict] if verification.evidence else _NO_COVERAGE


def claim_words(claim: Claim) -> str:
    """Who says that the photo was taken there."""
    if claim.origin == "exif":
        return (
            "read from the photo's own EXIF data, which anyone can write: it is a claim and not "
            "a proof"
        )
    return "given by whoever ran this verification"


def share_text(share: float) -> str:
    """A share in [0, 1] in percent; 0% is said only of nothing at all, 100% only of everything."""
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{share:.0%}"


def matched_share(mask: NDArray[np.float32]) -> float:
    """The share of a mask's pixels, in [0, 1], that count as matched (0.5 or more)."""
    return float((mask >= 0.5).mean())


def compass_point(bearing: float) -> str:
    """The nearest of the 16 compass points, as in ``"WSW"``."""
    return list(_POINTS)[round(bearing / 22.5) % 16]


def bearing_text(bearing: float) -> str:
    """A bearing as in ``"WSW 247°"``."""
    return f"{compass_point(bearing)} {round(bearing) % 360}°"


def trusted_look(evidence: PanoramaEvidence) -> SecondLook | None:
    """The second look, where its camera can be believed."""
    look = evidence.second_look
    return look if look is not None and look.trusted else None


def bearing_towards_camera(evidence: PanoramaEvidence) -> float | None:
    """Compass bearing from the panorama to the camera, degrees in [0, 360).

    None where parallax does not show it, or where the panorama's heading is unknown.
    """
    look, heading = trusted_look(evidence), evidence.record.heading
    if look is None or look.towards is None or heading is None:
        return None
    yaw, _ = angles_from_direction(torch.from_numpy(look.towards))
    return bearing_of_yaw(float(yaw), heading)


def direction_words(evidence: PanoramaEvidence) -> str:
    """Where the camera looked, in a few sentences, or why that is not known."""
    look = trusted_look(evidence)
    camera = None if look is None else look.camera
    yaw = evidence.comparison.yaw if camera is None else camera.yaw
    if yaw is None:
        return "Direction unknown: no region of this panorama matches the photo."
    condition = "If the match is right"
    if camera is None:
        condition += " and the photo was taken about where this panorama was"
    saw = "" if camera is None else f" and saw about {camera.fov:.0f} degrees from side to side"
    if evidence.bearing is not None:
        looked, unknown = _bearing_words(evidence.bearing), ""
        others = [_bearing_words(bearing) for bearing in evidence.other_bearings]
    else:
        looked = _yaw_words(yaw)
        unknown = " The compass bearing is unknown because the panorama's heading is."
        others = [] if look is None else [_yaw_words(other) for other in look.other_yaws]
    sentences = [f"{condition}, the camera looked {looked}{saw}.{unknown}"]
    if others:
        sentences.append(
            f"It may as well have looked {', or '.join(others)}: what is seen there matches about "
            "as well, as in a symmetric street."
        )
    if (towards := bearing_towards_camera(evidence)) is not None:
        sentences.append(
            f"By parallax, it stood {_bearing_words(towards)} of this panorama; how far away is "
            "not known."
        )
    return " ".join(sentences)


def _bearing_words(bearing: float) -> str:
    """A bearing as in ``"west-southwest (WSW), 247 degrees"``."""
    point = compass_point(bearing)
    return f"{_POINTS[point]} ({point}), {round(bearing) % 360} degrees"


def _yaw_words(yaw: float) -> str:
    """A direction in a panorama whose heading is unknown."""
    return f"{abs(yaw):.0f} degrees to the {'left' if yaw < 0 else 'right'} of its centre"


def printable(text: str) -> str:
    r"""The text with everything invisible written out, as in ``"\\x1b"``.

    Names of files and of licences come from strangers. Control characters can rewrite a
    terminal, direction overrides disguise a name, and half a surrogate pair cannot be encoded.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == "Zs"
        else character.encode("unicode_escape").decode()
        for character in text
    )
