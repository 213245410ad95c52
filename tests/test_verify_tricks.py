"""Photos that are not what they seem, through the whole product, on a rendered street."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from placeproof.geometry import View
from placeproof.location import Location
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.panoramas.source import PanoramaRecord
from placeproof.results import CautionKind, Verdict, Verification
from placeproof.scene.render import Shot, render_panorama, render_photo
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit
from placeproof.second_look.views import view_pixels
from placeproof.verify import Verifier

Pixels = NDArray[np.uint8]
SUMMER = Visit(Season.SUMMER, Light.NOON, seed=1)
OTHER_DAY = Visit(Season.SUMMER, Light.OVERCAST, seed=2)
AUTUMN = Visit(Season.AUTUMN, Light.OVERCAST, seed=2)
WIDTH = 1024  # of panoramas
CAMERA = View(0.0, 8.0, 0.0, 68.0, 640, 480)  # of photos cut out of a panorama
LATER = View(75.0, 9.0, 0.0, 68.0, 640, 480)  # of a photo; its yaw counts from the street's


class Rendered:
    """A source of rendered panoramas, whose records a test may change."""

    def __init__(self, shots: list[Shot], name: str = "rendered") -> None:
        self.shots = shots
        self.records = [
            PanoramaRecord(
                f"{n}", shot.location, shot.heading, None, name, None, None, WIDTH, WIDTH // 2
            )
            for n, shot in enumerate(shots)
        ]

    def search(self, location: Location, radius_m: float) -> list[PanoramaRecord]:
        assert radius_m > 0
        return sorted(self.records, key=lambda record: location.distance_m(record.location))

    def fetch(self, record: PanoramaRecord) -> Pixels:
        return self.shots[int(record.id)].pixels


@pytest.fixture(scope="module")
def street() -> Street:
    return Street(4)


@pytest.fixture(scope="module")
def panoramas(street: Street) -> list[Shot]:
    return [
        render_panorama(street, SUMMER, street.position(along, 0.0, 2.5), heading, WIDTH)
        for along, heading in ((0.0, 40.0), (9.0, 300.0))
    ]


@pytest.fixture(scope="module")
def later(street: Street) -> Shot:
    """A photo of another day, from beside the first panorama."""
    view = replace(LATER, yaw=street.bearing + LATER.yaw)
    return render_photo(street, OTHER_DAY, street.position(0.7, -0.5, 2.0), view)


@pytest.fixture(scope="module")
def elsewhere() -> Pixels:
    """A photo of another street."""
    other = Street(12)
    view = replace(LATER, yaw=other.bearing + LATER.yaw)
    return render_photo(other, AUTUMN, other.position(0.0, 0.0, 1.7), view).pixels


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> FeatureCache:
    return FeatureCache(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def verifier(panoramas: list[Shot], cache: FeatureCache) -> Verifier:
    """It compares with the first panorama only."""
    return Verifier(Rendered(panoramas[:1]), cache)


Verify = Callable[..., Verification]


@pytest.fixture
def verify(verifier: Verifier, panoramas: list[Shot], tmp_path: Path) -> Verify:
    """Verifies a picture, as a JPEG, claimed to be taken at the first panorama."""

    def run(pixels: Pixels, source: Rendered | None = None) -> Verification:
        path = tmp_path / "photo.jpg"
        Image.fromarray(pixels).save(path, quality=92)
        usual, verifier.source = verifier.source, source or verifier.source
        try:
            return verifier.verify(path, panoramas[0].location)
        finally:
            verifier.source = usual

    return run


def kinds(verification: Verification) -> set[CautionKind]:
    return {caution.kind for caution in verification.cautions}


# What is no trick


def test_a_photo_of_another_day_matches_without_any_caution(verify: Verify, later: Shot) -> None:
    found = verify(later.pixels)
    assert found.verdict is not Verdict.INCONSISTENT
    assert found.probability is not None
    assert found.probability > 0.5
    assert found.cautions == ()
    assert found.evidence[0].bearing is not None
    assert math.cos(math.radians(found.evidence[0].bearing - later.bearing)) > 0.8


def test_a_photo_of_another_street_does_not(verify: Verify, elsewhere: Pixels) -> None:
    found = verify(elsewhere)
    assert found.verdict is not Verdict.CONSISTENT
    assert found.cautions == ()


# Tricks


def test_a_crop_of_the_panorama_is_a_copy(verify: Verify, panoramas: list[Shot]) -> None:
    found = verify(view_pixels(panoramas[0].pixels, replace(CAMERA, yaw=30.0)))
    assert found.verdict is Verdict.CONSISTENT, "it shows the place"
    assert kinds(found) == {CautionKind.COPY}
    assert found.evidence[0].bearing == pytest.approx(70.0, abs=3)


def test_a_mirrored_photo_is_neither_confirmed_nor_refuted(
    verify: Verify, panoramas: list[Shot]
) -> None:
    """Its patches match as well as those of the photo as it was."""
    pixels = view_pixels(panoramas[0].pixels, replace(CAMERA, yaw=30.0))
    found = verify(np.ascontiguousarray(pixels[:, ::-1]))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert kinds(found) == {CautionKind.MIRRORED}


def on_a_screen(shown: Pixels, around: Pixels) -> Pixels:
    """A picture on a screen with a dark rim, photographed slightly aslant."""
    height, width = shown.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    frame = np.array([[0.2, 0.18], [0.83, 0.2], [0.8, 0.82], [0.21, 0.79]]) * (width, height)
    way = cv2.getPerspectiveTransform(corners, frame.astype(np.float32))
    inside = cv2.warpPerspective(np.full((height, width), 255, np.uint8), way, (width, height)) > 0
    photo = around.copy()
    photo[cv2.dilate(inside.astype(np.uint8), np.ones((21, 21))) > 0] = 20
    photo[inside] = cv2.warpPerspective(shown, way, (width, height), flags=cv2.INTER_AREA)[inside]
    return photo


def test_a_photo_of_a_screen_is_never_consistent_without_a_caution(
    verify: Verify, panoramas: list[Shot], elsewhere: Pixels
) -> None:
    shown = view_pixels(panoramas[0].pixels, replace(CAMERA, yaw=30.0))
    found = verify(on_a_screen(shown, elsewhere))
    assert found.verdict is Verdict.INCONCLUSIVE or found.cautions
    assert found.verdict is not Verdict.INCONSISTENT or not found.cautions


def test_a_collage_of_which_a_part_matches_is_none_either(
    verify: Verify, panoramas: list[Shot], elsewhere: Pixels
) -> None:
    shown = view_pixels(panoramas[0].pixels, replace(CAMERA, yaw=30.0))
    half = CAMERA.width // 2
    found = verify(np.concatenate((shown[:, :half], elsewhere[:, half:]), axis=1))
    assert found.verdict is not Verdict.CONSISTENT or found.cautions


# Photos of which nothing can be said


def sky() -> Pixels:
    rows = np.linspace(0, 1, 480)[:, None, None]
    colours = (1 - rows) * (70, 120, 200) + rows * (190, 210, 235)
    noise = np.random.default_rng(0).normal(0, 2, (480, 640, 1))
    return (np.broadcast_to(colours, (480, 640, 3)) + noise).clip(0, 255).astype(np.uint8)


def screenshot() -> Pixels:
    """A window with a bar, buttons and lines of text."""
    image = Image.new("RGB", (640, 480), (246, 246, 246))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 640, 36), fill=(40, 60, 90))
    draw.rectangle((0, 36, 150, 480), fill=(228, 230, 234))
    for line in range(15):
        draw.text(
            (165, 50 + 28 * line), f"{line}. A line of text of a document " * 2, fill=(20,) * 3
        )
        draw.text((12, 50 + 28 * line), f"Folder {line}", fill=(60, 60, 60))
    for button in range(4):
        draw.rounded_rectangle(
            (160 + 90 * button, 7, 240 + 90 * button, 29), 6, fill=(90, 130, 190)
        )
    return np.array(image)


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(np.full((480, 640, 3), (205, 200, 190), np.uint8), id="a wall"),
        pytest.param(np.zeros((480, 640, 3), np.uint8), id="a covered lens"),
        pytest.param(sky(), id="the sky"),
        pytest.param(screenshot(), id="a screenshot"),
    ],
)
def test_what_shows_no_scene_is_neither_confirmed_nor_refuted(
    verify: Verify, pixels: Pixels
) -> None:
    found = verify(pixels)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons


def test_a_panorama_that_is_black_refutes_nothing(
    verify: Verify, panoramas: list[Shot], elsewhere: Pixels
) -> None:
    black = replace(panoramas[0], pixels=np.zeros_like(panoramas[0].pixels))
    found = verify(elsewhere, Rendered([black], "black"))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert not found.evidence[0].shows


# Headings


def test_without_a_heading_the_match_counts_and_the_bearing_is_open(
    verify: Verify, later: Shot, panoramas: list[Shot]
) -> None:
    source = Rendered(panoramas[:1])
    source.records = [replace(record, heading=None) for record in source.records]
    found = verify(later.pixels, source)
    assert found.probability is not None
    assert found.probability > 0.5
    assert found.evidence[0].bearing is None
    assert found.evidence[0].second_look is None or found.evidence[0].second_look.camera is not None


def test_two_panoramas_that_disagree_are_believed_less_than_two_that_agree(
    verify: Verify, later: Shot, panoramas: list[Shot]
) -> None:
    agreeing, disagreeing = Rendered(panoramas), Rendered(panoramas)
    other = disagreeing.records[1]
    assert other.heading is not None
    disagreeing.records[1] = replace(other, heading=(other.heading + 180) % 360)
    agree, disagree = (verify(later.pixels, source) for source in (agreeing, disagreeing))
    assert len(agree.evidence) == len(disagree.evidence) == 2
    assert [e.log_odds for e in agree.evidence] == [e.log_odds for e in disagree.evidence]
    assert agree.probability is not None
    assert disagree.probability is not None
    assert disagree.probability <= agree.probability


def test_a_second_panorama_takes_nothing_away(
    verify: Verify, street: Street, panoramas: list[Shot]
) -> None:
    """Of a photo in another season and 1.8 m away, which takes a second look to be recognised."""
    view = replace(LATER, yaw=street.bearing + LATER.yaw)
    photo = render_photo(street, AUTUMN, street.position(1.5, -1.0, 2.0), view).pixels
    one, two = verify(photo), verify(photo, Rendered(panoramas))
    assert one.probability is not None
    assert two.probability is not None
    assert all(evidence.second_look is not None for evidence in two.evidence)
    assert one.verdict is not Verdict.INCONSISTENT
    assert two.verdict is not Verdict.INCONSISTENT
    assert two.probability > one.probability - 0.1


def test_of_two_directions_that_look_the_same_both_are_reported(
    verify: Verify, panoramas: list[Shot]
) -> None:
    """A street whose two sides are built alike: the panorama repeats after half a turn."""
    half = panoramas[0].pixels[:, : WIDTH // 2]
    noise = np.random.default_rng(0).normal(0, 6, half.shape)
    other_side = (half + noise).clip(0, 255).astype(np.uint8)
    symmetric = replace(panoramas[0], pixels=np.concatenate((half, other_side), axis=1))
    photo = view_pixels(symmetric.pixels, replace(CAMERA, yaw=-60.0))
    darker = (255 * (photo / 255) ** 1.4 + 10).clip(0, 255).astype(np.uint8)
    evidence = verify(darker, Rendered([symmetric], "symmetric")).evidence[0]
    assert evidence.bearing is not None
    (other,) = evidence.other_bearings
    assert sorted((evidence.bearing, other)) == pytest.approx([160.0, 340.0], abs=5)
