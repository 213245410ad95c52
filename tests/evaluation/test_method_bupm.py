"""BUPM as a method says what the product says."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from placeproof.errors import WeightsError
from placeproof.evaluation.method import Answer
from placeproof.evaluation.methods.bupm import Bupm, box_on_patches
from placeproof.geometry import View, WrappedBox, mask_box
from placeproof.images import read_picture
from placeproof.inference import Inference
from placeproof.network.checkpoint import load_checkpoint
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.patches import PatchGrid
from placeproof.picture_match import match_pictures
from placeproof.results import Comparison
from placeproof.scene.render import render_panorama, render_photo
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit
from placeproof.weights_store import SHIPPED_FILE

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def shipped() -> Bupm:
    return Bupm()


def say(method: Bupm, query: Pixels, reference: Pixels, *, panorama: bool) -> Answer:
    return method.compare(
        method.features(query, panorama=False),
        method.features(reference, panorama=panorama),
        panorama=panorama,
    )


def product(
    checkpoint: Path, query: Pixels, reference: Pixels, folder: Path, *, panorama: bool
) -> Comparison:
    """What the product computes: a panorama's features come from its cache."""
    inference = Inference(load_checkpoint(checkpoint))
    sizes = [(p.shape[1], p.shape[0]) for p in (query, reference)]
    seen = inference.panorama_size if panorama else inference.photo_size(*sizes[1])
    features = inference.features(reference, seen, wraps=panorama)
    if panorama:
        features = FeatureCache(folder).put("0" * 64, "any", "any", seen, features)
    return inference.compare(
        inference.features(query, inference.photo_size(*sizes[0]), wraps=False),
        sizes[0],
        features,
        sizes[1],
        panorama=panorama,
    )


def assert_same(answer: Answer, expected: Comparison, *, panorama: bool) -> None:
    """The two say the same; probabilities to rounding, as layouts in memory may differ."""
    assert answer.probability == pytest.approx(expected.probability, abs=1e-6)
    assert answer.yaw == expected.yaw
    assert answer.query_mask is not None
    assert answer.reference_mask is not None
    for mask, whole in (
        (answer.query_mask, expected.query_mask),
        (answer.reference_mask, expected.reference_mask),
    ):
        assert mask.dtype == np.float32
        np.testing.assert_allclose(mask, whole.patches.numpy(), atol=2e-4)
    assert answer.box is not None
    assert expected.box is not None
    assert answer.box == box_on_patches(expected.box, expected.reference_mask.grid)
    # The box on patches is the one that the mask on patches shows, to within a patch.
    coarse = mask_box(answer.reference_mask >= 0.5, wraps=panorama)
    assert coarse is not None
    for ours, theirs in zip(edges(answer.box), edges(coarse), strict=True):
        assert ours == pytest.approx(theirs, abs=1)


def edges(box: WrappedBox) -> tuple[int, int, int, int]:
    return box.left, box.top, box.left + box.width, box.top + box.height


def test_the_weights_that_ship_say_what_the_product_says_of_a_rendered_street(
    shipped: Bupm, tmp_path: Path
) -> None:
    street, visit = Street(3), Visit(Season.SUMMER, Light.NOON, seed=1)
    panorama = render_panorama(street, visit, street.position(0, 0, 2.5), 90, width=512).pixels
    view = View(70, 8, 0, 65, 240, 180)
    photo = render_photo(street, visit, street.position(1, 0, 2.0), view).pixels
    answer = say(shipped, photo, panorama, panorama=True)
    assert_same(
        answer, product(SHIPPED_FILE, photo, panorama, tmp_path, panorama=True), panorama=True
    )
    assert answer.yaw == pytest.approx(70 - 90, abs=20)
    assert answer.score == pytest.approx(math.log(answer.probability / (1 - answer.probability)))


@pytest.mark.parametrize("panorama", [True, False])
def test_any_checkpoint_says_what_the_product_says(
    checkpoint_path: Path, tmp_path: Path, panorama: bool
) -> None:
    """Of a part of a panorama of half the network's size, and of a photo of three times that."""
    coarse = np.random.default_rng(0).integers(0, 256, (16, 32, 3), dtype=np.uint8)
    reference = np.kron(coarse, np.ones((16, 16, 1), np.uint8))
    if not panorama:
        reference = np.kron(coarse[:12, :15], np.ones((64, 64, 1), np.uint8))
    query = reference[64:192, 208:368] if panorama else reference
    answer = say(Bupm(checkpoint_path), query, reference, panorama=panorama)
    assert_same(
        answer,
        product(checkpoint_path, query, reference, tmp_path, panorama=panorama),
        panorama=panorama,
    )


def test_given_the_same_features_it_says_exactly_the_same(checkpoint_path: Path) -> None:
    method = Bupm(checkpoint_path)
    random = np.random.default_rng(0)
    panorama = random.integers(0, 256, (512, 1024, 3), dtype=np.uint8)
    photo = panorama[128:384, 256:576]
    query = method.features(photo, panorama=False)
    reference = method.features(panorama, panorama=True)
    answer = method.compare(query, reference, panorama=True)
    expected = Inference(load_checkpoint(checkpoint_path)).compare(
        torch.from_numpy(query["map"]),
        (320, 256),
        torch.from_numpy(reference["map"]),
        (1024, 512),
        panorama=True,
    )
    assert answer.probability == expected.probability
    assert answer.yaw == expected.yaw
    np.testing.assert_array_equal(answer.reference_mask, expected.reference_mask.patches)
    np.testing.assert_array_equal(answer.query_mask, expected.query_mask.patches)
    # A store keeps them as they are.
    stored = {name: np.ascontiguousarray(array) for name, array in reference.items()}
    assert all(array.flags.c_contiguous for array in reference.values())
    assert method.compare(query, stored, panorama=True).score == answer.score


def test_a_whole_match_says_the_same_of_two_files(checkpoint_path: Path, photo_path: Path) -> None:
    method = Bupm(checkpoint_path)
    pixels = read_picture(photo_path).pixels
    found = match_pictures(photo_path, photo_path, panorama=False, weights=checkpoint_path)
    answer = say(method, pixels, pixels, panorama=False)
    assert answer.probability == found.comparison.probability
    assert answer.probability > 0.9
    assert answer.yaw is None


def test_scores_go_on_where_probabilities_are_all_one(
    checkpoint_path: Path, photo_path: Path
) -> None:
    method = Bupm(checkpoint_path)
    pixels = read_picture(photo_path).pixels
    head = method._dense.inference.network.verification.layers[4]
    scores = []
    for weight in (100.0, 200.0):
        with torch.no_grad():
            head.weight[0, 0] = weight
        answer = say(method, pixels, pixels, panorama=False)
        assert answer.probability == 1.0
        scores.append(answer.score)
    assert scores[1] > scores[0] > 20


def test_without_a_match_there_is_no_box(checkpoint_path: Path) -> None:
    grey = np.full((256, 320, 3), 90, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (512, 1024, 3), dtype=np.uint8)
    answer = say(Bupm(checkpoint_path), grey, noise, panorama=True)
    assert answer.box is None
    assert answer.yaw is None
    assert answer.score < 0


def test_names_and_keys_tell_checkpoints_apart(shipped: Bupm, checkpoint_path: Path) -> None:
    other = Bupm(checkpoint_path)
    assert shipped.name == "bupm"
    assert other.name == "bupm-hand-set"
    assert shipped.features_key != other.features_key
    assert load_checkpoint(checkpoint_path).card.name in other.weights
    assert "not the authors'" in shipped.weights


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        Bupm(tmp_path / "none.safetensors")


def test_panoramas_are_kept_in_half_precision_and_photos_as_they_are(
    checkpoint_path: Path,
) -> None:
    method = Bupm(checkpoint_path)
    pixels = np.random.default_rng(1).integers(0, 256, (64, 128, 3), dtype=np.uint8)
    photo, panorama = (method.features(pixels, panorama=wraps) for wraps in (False, True))
    assert photo["map"].dtype == np.float32
    assert panorama["map"].dtype == np.float16
    assert panorama["map"].shape == (96, 16, 32)
    assert photo["map"].shape == (96, 5, 10)
    assert photo["size"].tolist() == [128, 64]


@given(
    columns=st.integers(1, 40),
    rows=st.integers(1, 20),
    scale=st.integers(1, 40),
    wraps=st.booleans(),
    data=st.data(),
)
def test_boxes_in_patches_are_whole_and_lie_in_the_picture(
    columns: int, rows: int, scale: int, wraps: bool, data: st.DataObject
) -> None:
    width, height = columns * scale, rows * scale
    grid = PatchGrid(16, (columns * 16, rows * 16), (width, height), wraps=wraps)
    left = data.draw(st.integers(0, width - 1))
    across = data.draw(st.integers(1, width if wraps else width - left))
    top = data.draw(st.integers(0, height - 1))
    down = data.draw(st.integers(1, height - top))
    box = box_on_patches(WrappedBox(left, top, across, down), grid)
    assert 0 <= box.left < columns
    assert 0 <= box.top <= box.top + box.height <= rows
    assert box.width >= 1
    assert box.height >= 1
    if not wraps:
        assert box.left + box.width <= columns
    distance = abs(box.left * scale - left)
    assert min(distance, width - distance if wraps else distance) <= scale
    assert box.width == pytest.approx(across / scale, abs=1)
    exact = WrappedBox(box.left * scale, box.top * scale, box.width * scale, box.height * scale)
    assert box_on_patches(exact, grid) == box
