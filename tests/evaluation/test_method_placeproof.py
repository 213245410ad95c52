"""The product as a method says what the product says."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from placeproof.evaluation.method import Answer
from placeproof.evaluation.methods.placeproof import Placeproof
from placeproof.geometry import View
from placeproof.location import Location
from placeproof.matchers.contract import LocalFeatures
from placeproof.matchers.xfeat import XfeatLighterGlue
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.panoramas.source import PanoramaRecord
from placeproof.results import Verdict, Verification
from placeproof.scene.render import render_panorama, render_photo
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit
from placeproof.verify import Verifier

Pixels = NDArray[np.uint8]
SUMMER = Visit(Season.SUMMER, Light.NOON, seed=1)
AUTUMN = Visit(Season.AUTUMN, Light.OVERCAST, seed=2)
HEADING = 90.0
WIDTH = 768
PLACE = Location(0.5, 0.5)


class OnePanorama:
    """A source with one panorama, at the claimed place."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels

    def search(self, location: Location, radius_m: float) -> list[PanoramaRecord]:
        assert radius_m > 0
        height, width = self.pixels.shape[:2]
        return [PanoramaRecord("1", location, HEADING, None, "test", None, None, width, height)]

    def fetch(self, _record: PanoramaRecord) -> Pixels:
        return self.pixels


@pytest.fixture(scope="module")
def method() -> Placeproof:
    return Placeproof()


@pytest.fixture(scope="module")
def panorama() -> Pixels:
    street = Street(3)
    return render_panorama(street, SUMMER, street.position(0, 0, 2.5), HEADING, WIDTH).pixels


@pytest.fixture(scope="module")
def photos() -> dict[str, Pixels]:
    """One of the same street, with parallax and in another season, and one of another."""
    taken = {}
    for name, street in (("same", Street(3)), ("other", Street(12))):
        view = View(70, 8, 0, 65, 320, 240)
        taken[name] = render_photo(street, AUTUMN, street.position(1.5, 0, 2.0), view).pixels
    return taken


def say(method: Placeproof, query: Pixels, reference: Pixels, *, panorama: bool) -> Answer:
    return method.compare(
        method.features(query, panorama=False),
        method.features(reference, panorama=panorama),
        panorama=panorama,
    )


def product(photo: Pixels, panorama: Pixels, folder: Path) -> Verification:
    Image.fromarray(photo).save(folder / "photo.png")
    verifier = Verifier(OnePanorama(panorama), FeatureCache(folder / "features"))
    return verifier.verify(folder / "photo.png", PLACE)


@pytest.mark.parametrize("name", ["same", "other"])
def test_it_says_what_the_product_says_of_one_panorama(
    method: Placeproof,
    panorama: Pixels,
    photos: dict[str, Pixels],
    name: str,
    tmp_path: Path,
) -> None:
    answer = say(method, photos[name], panorama, panorama=True)
    expected = product(photos[name], panorama, tmp_path)
    (evidence,) = expected.evidence
    assert answer.verdict is expected.verdict
    assert answer.probability == pytest.approx(expected.probability, abs=1e-3)
    assert answer.reference_mask is not None
    found = evidence.comparison.reference_mask.patches.numpy()
    np.testing.assert_allclose(answer.reference_mask, found, atol=1e-3)
    if evidence.bearing is None:
        assert answer.yaw is None
    else:
        assert answer.yaw is not None
        assert (HEADING + answer.yaw) % 360 == pytest.approx(evidence.bearing, abs=1e-3)
    if name == "same":
        assert answer.verdict is not Verdict.INCONSISTENT
        assert answer.yaw == pytest.approx(70 - HEADING, abs=20)
    else:
        assert answer.verdict is not Verdict.CONSISTENT


def test_what_is_kept_of_a_reference_changes_nothing(
    method: Placeproof, panorama: Pixels, photos: dict[str, Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = say(method, photos["same"], panorama, panorama=True)
    extracted: list[Pixels] = []
    extract = XfeatLighterGlue.extract

    def counting(matcher: XfeatLighterGlue, pixels: Pixels) -> LocalFeatures:
        extracted.append(pixels)
        return extract(matcher, pixels)

    monkeypatch.setattr(XfeatLighterGlue, "extract", counting)
    again = say(method, photos["same"], panorama, panorama=True)
    assert len(extracted) == 1, "the photo alone"
    assert (again.score, again.yaw) == (first.score, first.yaw)


def test_plain_photos_are_compared_with_both_looks_too(
    method: Placeproof, photos: dict[str, Pixels]
) -> None:
    same = say(method, photos["same"], photos["same"], panorama=False)
    other = say(method, photos["same"], photos["other"], panorama=False)
    assert same.score > other.score
    assert same.verdict is Verdict.CONSISTENT
    assert other.verdict is not Verdict.CONSISTENT
    assert (same.yaw, other.yaw) == (None, None)
    for answer in (same, other):
        assert answer.probability is not None
        assert 0 <= answer.probability <= 1
        assert answer.query_mask is not None
        assert answer.query_mask.dtype == np.float32


def test_what_it_runs_with_is_said(method: Placeproof) -> None:
    assert method.name == "placeproof"
    assert "xfeat-lighterglue" in method.weights
    assert "fusion" in method.weights
