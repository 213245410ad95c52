"""With a stand-in of the package, and with the real one where it is installed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import constants
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from fake_vismatch import Given, fake_package
from placeproof.errors import DownloadError, DownloadNotAllowedError, WeightsError
from placeproof.matchers.arrays import from_arrays, to_arrays
from placeproof.matchers.contract import LocalMatches
from placeproof.matchers.geometric_check import match_and_check
from placeproof.matchers.panorama_search import extract_views, find_in_panorama
from placeproof.matchers.panorama_views import cut_panorama
from placeproof.matchers.registry import make_matcher

Pixels = NDArray[np.uint8]
NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def hub_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty one, of a hub that cannot be reached."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vismatch", fake_package())


@pytest.fixture(scope="module")
def match_given() -> Callable[..., LocalMatches]:
    """What becomes of points that the package says it has found in two pictures of 64 x 64."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "vismatch", fake_package())
        matcher = make_matcher("vismatch:given")
    features = matcher.extract(NOISE)

    def match(first: Any, second: Any, sure: Any = None) -> LocalMatches:
        confidences = None if sure is None else np.array(sure, np.float32)
        points = [np.array(each, np.float32).reshape(-1, 2) for each in (first, second)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Given, "answer", (*points, confidences))
            return matcher.match(features, features)

    return match


@pytest.mark.usefixtures("package")
def test_features_are_the_pixels(picture: Pixels) -> None:
    matcher = make_matcher("vismatch:shift")
    assert matcher.name == "vismatch:shift"
    assert "vismatch 1.4.0" in matcher.source
    found = matcher.extract(picture)
    assert (found.width, found.height) == (320, 256)
    arrays = (found.keypoints, found.scores, found.descriptors)
    assert [array.dtype for array in arrays] == [np.float32] * 3
    assert [array.shape for array in arrays] == [(81920, 2), (81920,), (81920, 3)]
    column, row = (found.keypoints - 0.5).astype(int).T
    np.testing.assert_array_equal(np.rint(found.descriptors * 255), picture[row, column])
    assert len(set(zip(column, row, strict=True))) == 81920


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(("width", "height"), [(1300, 900), (90, 1000), (33, 31), (1, 1)])
def test_keypoints_cover_a_picture_of_any_size(width: int, height: int) -> None:
    matcher = make_matcher("vismatch:shift")
    found = matcher.extract(np.zeros((height, width, 3), np.uint8))
    assert (found.width, found.height) == (width, height)
    assert len(found.keypoints) <= 640 * 640
    for values, side in zip(found.keypoints.T, (width, height), strict=True):
        steps = np.unique(values)
        assert steps[0] == pytest.approx(side / len(steps) / 2, rel=1e-3)
        assert steps[0] + steps[-1] == pytest.approx(side, rel=1e-3)
    assert len(matcher.match(found, found).indices) == 0


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("scale", [1, 3])
def test_it_finds_how_a_picture_is_moved(picture: Pixels, scale: int) -> None:
    """Also of pictures that are made smaller for the matcher: points are in their own pixels."""
    matcher = make_matcher("vismatch:shift")
    image = Image.fromarray(picture).resize((320 * scale, 256 * scale), Image.Resampling.BICUBIC)
    moved = np.roll(np.array(image), (-12 * scale, 20 * scale), axis=(0, 1))
    first, second = matcher.extract(np.array(image)), matcher.extract(moved)
    matches = matcher.match(first, second)
    assert len(matches.indices) > 200
    assert (matches.indices.dtype, matches.scores.dtype) == (np.int64, np.float32)
    assert (np.diff(matches.scores) <= 0).all()
    apart = second.keypoints[matches.indices[:, 1]] - first.keypoints[matches.indices[:, 0]]
    np.testing.assert_allclose(apart, np.tile([20 * scale, -12 * scale], (len(apart), 1)), atol=0.5)


@pytest.mark.usefixtures("package")
def test_a_photo_is_found_in_a_panorama() -> None:
    pytest.importorskip("cv2", reason="needs the extra local-features")
    panorama = np.array(Image.fromarray(NOISE[:32]).resize((1024, 512), Image.Resampling.BICUBIC))
    matcher = make_matcher("vismatch:shift")
    view, pixels = cut_panorama(panorama)[3]
    found = find_in_panorama(matcher, matcher.extract(pixels), extract_views(matcher, panorama))
    assert found.score > 500
    assert found.camera is not None
    assert found.camera.yaw == pytest.approx(view.yaw, abs=0.5)


@pytest.mark.usefixtures("package")
def test_features_from_a_cache_match_the_same(picture: Pixels) -> None:
    matcher = make_matcher("vismatch:shift")
    pair = [matcher.extract(picture), matcher.extract(picture[16:, 8:])]
    fresh, cached = matcher.match(*pair), matcher.match(*from_arrays(to_arrays(pair)))
    assert len(fresh.indices) > 0
    np.testing.assert_array_equal(fresh.indices, cached.indices)
    np.testing.assert_array_equal(fresh.scores, cached.scores)
    assert make_matcher("vismatch:given").features_key == matcher.features_key


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("brightest", [0, 60])
def test_a_picture_without_edges_is_not_shown_to_the_matcher(brightest: int) -> None:
    """Which would fail on it; many do."""
    matcher = make_matcher("vismatch:broken")
    row = np.linspace(0, brightest, 96).astype(np.uint8)
    blank = matcher.extract(np.broadcast_to(row[:, None], (64, 96, 3)).copy())
    features = matcher.extract(NOISE)
    for pair in ((blank, features), (features, blank), (blank, blank)):
        assert match_and_check(matcher, *pair).score == 0
    with pytest.raises(WeightsError):
        matcher.match(features, features)


def test_points_count_from_the_centre_of_the_first_pixel(
    match_given: Callable[..., LocalMatches],
) -> None:
    matches = match_given([(0, 0), (5.4, 2.6)], [(63.9, 63.9), (0.4, 0.6)])
    np.testing.assert_array_equal(matches.indices, [(0, 64 * 64 - 1), (3 * 64 + 5, 64)])


def test_scores_lie_between_0_and_1_and_are_1_where_the_package_has_none(
    match_given: Callable[..., LocalMatches],
) -> None:
    points = [(1, 1), (2, 2), (3, 3)]
    assert match_given(points, points).scores.tolist() == [1, 1, 1]
    assert match_given(points, points, [7, np.nan, 0.5]).scores.tolist() == [1, 0.5, 0]
    assert match_given([], []).indices.shape == (0, 2)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.floats(0, 1, width=32))))
def test_no_point_is_matched_twice_and_the_surest_match_stays(
    match_given: Callable[..., LocalMatches],
    found: list[tuple[int, int, float]],
) -> None:
    here, there = ([(match[side], 0) for match in found] for side in (0, 1))
    matches = match_given(here, there, [match[2] for match in found])
    kept = {tuple(pair) for pair in matches.indices.tolist()}
    for side in matches.indices.T:
        assert len(set(side.tolist())) == len(side) == len(kept)
    rivals = {
        match: [other for other in found if other[0] == match[0] or other[1] == match[1]]
        for match in found
    }
    for match, others in rivals.items():
        if all(other[2] < match[2] for other in others if other != match):
            assert match[:2] in kept
    assert kept <= {match[:2] for match in found}


@pytest.mark.usefixtures("package")
def test_weights_are_used_where_they_are_and_downloaded_only_on_request(
    hub_cache: Path, picture: Pixels
) -> None:
    with pytest.raises(DownloadNotAllowedError, match=r"vismatch:weights .*--allow-download"):
        make_matcher("vismatch:weights")
    with pytest.raises(DownloadError, match="cannot download the weights of vismatch:weights"):
        make_matcher("vismatch:weights", allow_download=True)
    folder = hub_cache / "models--vismatch--weights"
    (folder / "snapshots" / "1234").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("1234")
    matcher = make_matcher("vismatch:weights")
    features = matcher.extract(picture)
    assert len(matcher.match(features, features).indices) > 200


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("extra", r"vismatch:extra needs no_such_package; run: pip install 'vismatch\[all\]'"),
        ("broken", "the code of vismatch:broken failed: 3 and 3 dimensions$"),
        ("shiftt", "vismatch has no matcher 'shiftt'; is it vismatch:shift"),
        ("zzz", "vismatch has no matcher 'zzz'; vismatch.available_models"),
        ("", "vismatch has no matcher ''"),
    ],
)
def test_what_does_not_work_is_one_line(name: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as error:
        matcher = make_matcher(f"vismatch:{name}")
        features = matcher.extract(NOISE)
        matcher.match(features, features)
    assert "\n" not in str(error.value)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vismatch", None)
    with pytest.raises(WeightsError, match=r"loftr needs vismatch; .*'placeproof\[vismatch\]'"):
        make_matcher("vismatch:loftr")


@pytest.mark.parametrize("name", ["sift-nn", "orb-nn"])  # by OpenCV, without weights
def test_the_real_package_obeys_a_known_homography(
    name: str, picture: Pixels, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("vismatch", reason="needs the extra vismatch")
    capfd.readouterr()
    matcher = make_matcher(f"vismatch:{name}")
    to_first = np.array([[0.95, 0.06, 10.0], [-0.04, 0.97, 6.0], [1e-4, 6e-5, 1.0]])
    warped = Image.fromarray(picture).transform(
        (320, 256), Image.Transform.PERSPECTIVE, to_first.ravel()[:8], Image.Resampling.BICUBIC
    )
    found = match_and_check(matcher, matcher.extract(picture), matcher.extract(np.array(warped)))
    assert len(found.first) > 80
    ends = np.column_stack((found.second, np.ones(len(found.second)))) @ to_first.T
    error = ends[:, :2] / ends[:, 2:] - found.first
    length = np.hypot(*error.T)
    assert np.median(length) < 1.5
    assert (length < 3).mean() > 0.9
    assert (np.abs(error[length < 3].mean(axis=0)) < 0.35).all()
    assert capfd.readouterr() == ("", "")


def test_the_real_package_downloads_nothing_unasked(
    hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("vismatch", reason="needs the extra vismatch")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("TORCH_HOME", str(hub_cache))
    for name in ("xfeat", "aliked-lightglue"):  # of the two hubs
        with pytest.raises(DownloadNotAllowedError, match=f"vismatch:{name}"):
            make_matcher(f"vismatch:{name}")
    assert not [path for path in hub_cache.rglob("*") if path.stat().st_size > 100_000]
