"""Brightness, sharpness and fingerprints of photos."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter
from tests.collect.collect_world import CRITERIA
from tests.conftest import blocks, crop

from placeproof.collect.fingerprints import MOST_DIFFERENT, alike, bands
from placeproof.collect.quality import measure
from placeproof.geometry import View
from placeproof.scene.render import render_photo
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit

bits = st.integers(0, 2**64 - 1)


@pytest.fixture(scope="module")
def street_photo() -> NDArray[np.uint8]:
    street = Street(4)
    view = View(street.bearing - 75.0, 9.0, 0.0, 68.0, 200, 150)
    visit = Visit(Season.SUMMER, Light.NOON, seed=1)
    return render_photo(street, visit, street.position(-5.0, -3.0, 1.6), view).pixels


@given(bits, st.sets(st.integers(0, 63), max_size=MOST_DIFFERENT))
def test_fingerprints_alike_share_a_band(fingerprint: int, flipped: set[int]) -> None:
    other = fingerprint
    for bit in flipped:
        other ^= 1 << bit
    assert alike(fingerprint, other)
    assert set(bands(fingerprint)) & set(bands(other))


@given(bits, bits)
def test_bands_are_told_apart_and_hold_all_bits(one: int, other: int) -> None:
    assert len(set(bands(one))) == MOST_DIFFERENT + 1
    assert (bands(one) == bands(other)) == (one == other)
    assert alike(one, other) == (bin(one ^ other).count("1") <= MOST_DIFFERENT)


def test_a_copy_looks_alike_and_another_photo_does_not() -> None:
    photo = Image.fromarray(crop(blocks(3), 0.0))
    data = io.BytesIO()
    photo.resize((200, 160)).save(data, "JPEG", quality=70)
    brighter = ImageEnhance.Brightness(Image.open(data)).enhance(1.1)
    own, copy, other = (
        measure(np.asarray(image)).fingerprint
        for image in (photo, brighter, Image.fromarray(crop(blocks(4), 0.0)))
    )
    assert alike(own, copy)
    assert not alike(own, other)


def test_brightness_is_the_mean_grey_value() -> None:
    assert measure(np.full((64, 80, 3), 30, dtype=np.uint8)).brightness == 30
    assert measure(np.zeros((64, 80, 3), dtype=np.uint8)).sharpness == 0


def test_the_defaults_tell_a_street_from_a_dark_and_from_a_blurred_one(
    street_photo: NDArray[np.uint8],
) -> None:
    image = Image.fromarray(street_photo)
    good = measure(street_photo)
    assert good.brightness > CRITERIA.least_brightness
    assert good.sharpness > CRITERIA.least_sharpness
    blurred = measure(np.asarray(image.filter(ImageFilter.GaussianBlur(1.5))))
    assert blurred.sharpness < CRITERIA.least_sharpness
    dark = measure(np.asarray(image.point(lambda value: value // 10)))
    assert dark.brightness < CRITERIA.least_brightness


def test_resolution_plays_no_part_in_sharpness(street_photo: NDArray[np.uint8]) -> None:
    image = Image.fromarray(street_photo)
    large, larger = (
        image.resize((image.width * times, image.height * times), Image.Resampling.BICUBIC)
        for times in (4, 8)
    )
    own = measure(np.asarray(large)).sharpness
    assert measure(np.asarray(larger)).sharpness == pytest.approx(own, rel=0.1)
