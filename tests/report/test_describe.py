from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.location import Location
from placeproof.report.describe import (
    bearing_text,
    claim_words,
    compass_point,
    direction_words,
    matched_share,
    printable,
    share_text,
    verdict_words,
)
from placeproof.results import Claim, Verdict, Verification


def test_each_verdict_has_words_of_its_own(
    consistent: Verification, no_coverage: Verification
) -> None:
    words = [verdict_words(replace(consistent, verdict=verdict)) for verdict in Verdict]
    words.append(verdict_words(no_coverage))
    assert len({word.headline for word in words}) == 4
    assert [word.headline.split(":")[0].split()[0] for word in words] == [
        "Consistent",
        "Inconsistent",
        "Inconclusive",
        "Inconclusive",
    ]


def test_no_verdict_claims_more_than_is_known(
    consistent: Verification, no_coverage: Verification
) -> None:
    cautions = {
        verdict: verdict_words(replace(consistent, verdict=verdict)).caution for verdict in Verdict
    }
    assert "no proof" in cautions[Verdict.CONSISTENT]
    assert "no proof that the claim is false" in cautions[Verdict.INCONSISTENT]
    assert "does not mean false" in cautions[Verdict.INCONCLUSIVE]
    assert "does not mean false" in verdict_words(no_coverage).caution


def test_a_place_from_exif_is_called_a_claim() -> None:
    here = Location(1, 2)
    assert "not a proof" in claim_words(Claim(here, "exif"))
    assert "EXIF" not in claim_words(Claim(here, "given"))


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (1e-9, "<1%"),
        (0.0051, "1%"),
        (0.5, "50%"),
        (0.994, "99%"),
        (0.995, ">99%"),
        (0.99999, ">99%"),
        (1.0, "100%"),
    ],
)
def test_nothing_and_everything_are_said_of_nothing_else(share: float, text: str) -> None:
    assert share_text(share) == text


def test_matched_is_what_reaches_one_half() -> None:
    mask = np.array([[0.5, 0.49999], [0.0, 1.0]], np.float32)
    assert matched_share(mask) == 0.5


@pytest.mark.parametrize(
    ("bearing", "text"),
    [
        (0.0, "N 0°"),
        (11.2, "N 11°"),
        (11.3, "NNE 11°"),
        (90.0, "E 90°"),
        (180.0, "S 180°"),
        (247.4, "WSW 247°"),
        (348.8, "N 349°"),
        (359.7, "N 0°"),
    ],
)
def test_bearings(bearing: float, text: str) -> None:
    assert bearing_text(bearing) == text


@given(st.floats(0, 360, exclude_max=True))
def test_the_compass_point_is_the_nearest(bearing: float) -> None:
    north, east = ["N", "NNE", "NE", "ENE"], ["E", "ESE", "SE", "SSE"]
    south, west = ["S", "SSW", "SW", "WSW"], ["W", "WNW", "NW", "NNW"]
    points = north + east + south + west
    direction = points.index(compass_point(bearing)) * 22.5
    assert abs((bearing - direction + 180) % 360 - 180) <= 11.25


def test_directions_in_words(consistent: Verification) -> None:
    known, unmatched = consistent.evidence
    assert "the camera looked west-southwest (WSW), 247 degrees." in direction_words(known)
    assert direction_words(known).startswith("If the match is right")
    assert direction_words(unmatched).startswith("Direction unknown")


@pytest.mark.parametrize(
    ("yaw", "where"), [(-30.4, "30 degrees to the left"), (45.6, "46 degrees to the right")]
)
def test_without_a_heading_the_direction_is_the_panoramas_own(
    consistent: Verification, yaw: float, where: str
) -> None:
    evidence = consistent.evidence[0]
    unoriented = replace(evidence, bearing=None, comparison=replace(evidence.comparison, yaw=yaw))
    text = direction_words(unoriented)
    assert f"{where} of its centre" in text
    assert "bearing is unknown" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Straße 5, 東京 🗼.jpg", "Straße 5, 東京 🗼.jpg"),
        ("no\u00a0break", "no\u00a0break"),
        ("\x1b[2Jhidden", r"\x1b[2Jhidden"),
        ("two\nlines\ttab", r"two\nlines\ttab"),
        ("photo\u202egpj.exe", r"photo\u202egpj.exe"),
        ("zero\u200bwidth\u2028", r"zero\u200bwidth\u2028"),
        ("half\udcff", r"half\udcff"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_printable_text_can_be_encoded_and_stays_as_it_is(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert printable(shown) == shown
    assert not any(ord(character) < 32 or ord(character) == 127 for character in shown)
