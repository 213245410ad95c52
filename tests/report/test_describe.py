from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.location import Location
from placeproof.report.describe import (
    bearing_text,
    bearing_towards_camera,
    claim_words,
    compass_point,
    direction_words,
    matched_share,
    printable,
    share_text,
    verdict_words,
)
from placeproof.results import TRUSTED_SURPRISE, Claim, Verdict, Verification


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
    assert direction_words(replace(known, second_look=None, other_bearings=())) == (
        "If the match is right and the photo was taken about where this panorama was, the camera "
        "looked west-southwest (WSW), 247 degrees."
    )
    assert direction_words(unmatched).startswith("Direction unknown")


def test_a_trusted_second_look_says_more_of_the_camera(consistent: Verification) -> None:
    known = consistent.evidence[0]
    assert direction_words(known) == (
        "If the match is right, the camera looked west-southwest (WSW), 247 degrees and saw about "
        "61 degrees from side to side. It may as well have looked east-northeast (ENE), 77 "
        "degrees: what is seen there matches about as well, as in a symmetric street. By parallax, "
        "it stood south-southeast (SSE), 157 degrees of this panorama; how far away is not known."
    )
    unmatched_patches = replace(known.comparison, box=None, yaw=None)
    assert direction_words(replace(known, comparison=unmatched_patches)) == direction_words(known)


def test_a_second_look_that_is_not_trusted_says_nothing_of_the_camera(
    consistent: Verification,
) -> None:
    known = replace(consistent.evidence[0], other_bearings=())
    look = known.second_look
    assert look is not None
    doubtful = replace(known, second_look=replace(look, surprise=TRUSTED_SURPRISE - 0.1))
    assert direction_words(doubtful) == direction_words(replace(known, second_look=None))


def test_without_a_heading_both_directions_of_a_symmetric_street_are_the_panoramas_own(
    consistent: Verification,
) -> None:
    known = consistent.evidence[0]
    record = replace(known.record, heading=None)
    text = direction_words(replace(known, record=record, bearing=None, other_bearings=()))
    assert "looked 180 degrees to the right of its centre" in text
    assert "may as well have looked 10 degrees to the right of its centre" in text
    assert "parallax" not in text


def test_the_bearing_towards_the_camera_needs_trust_parallax_and_a_heading(
    consistent: Verification,
) -> None:
    evidence = consistent.evidence[0]
    look = evidence.second_look
    assert look is not None
    assert bearing_towards_camera(evidence) == pytest.approx(67 + 90)
    for nothing in (
        replace(evidence, second_look=None),
        replace(evidence, second_look=replace(look, surprise=1.0)),
        replace(evidence, second_look=replace(look, towards=None)),
        replace(evidence, record=replace(evidence.record, heading=None)),
    ):
        assert bearing_towards_camera(nothing) is None


@pytest.mark.parametrize(
    ("yaw", "where"), [(-30.4, "30 degrees to the left"), (45.6, "46 degrees to the right")]
)
def test_without_a_heading_the_direction_is_the_panoramas_own(
    consistent: Verification, yaw: float, where: str
) -> None:
    evidence = consistent.evidence[0]
    comparison = replace(evidence.comparison, yaw=yaw)
    unoriented = replace(evidence, bearing=None, second_look=None, comparison=comparison)
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
