from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from placeproof.errors import ManifestError
from placeproof.training.pictures import PictureFiles, read_mask


@pytest.fixture
def path(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def test_keys_tell_content_and_size_apart(path: Path) -> None:
    copy = path.with_name("copy.png")
    copy.write_bytes(path.read_bytes())
    other = path.with_name("other.png")
    Image.open(path).rotate(180).save(other)
    files = PictureFiles()
    plain = files.panorama(path, (64, 32))
    assert files.panorama(copy, (64, 32)).key == plain.key
    assert PictureFiles().panorama(path, (64, 32)).key == plain.key
    assert files.panorama(other, (64, 32)).key != plain.key
    assert files.panorama(path, (128, 64)).key != plain.key


@pytest.mark.parametrize(
    ("size", "square", "expected"),
    [(64, False, (64, 32)), (40, False, (40, 20)), (20, False, (20, 16)), (48, True, (48, 48))],
)
def test_photos_keep_their_shape_unless_square(
    path: Path, size: int, square: bool, expected: tuple[int, int]
) -> None:
    picture = PictureFiles().photo(path, size, 16, square=square)
    assert picture.size == expected
    assert picture.load().shape == (expected[1], expected[0], 3)
    assert not picture.wraps


def test_pixels_belong_to_who_asked_for_them(path: Path) -> None:
    picture = PictureFiles().panorama(path, (64, 32))
    first = picture.load()
    before = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(picture.load(), before)


def test_a_file_that_changes_during_a_run_is_an_error(path: Path) -> None:
    picture = PictureFiles().photo(path, 64, 16, square=False)
    Image.new("RGB", (120, 60)).save(path)
    with pytest.raises(ManifestError, match=r"picture\.png' was changed"):
        picture.load()


def test_a_mask_is_the_mean_of_each_patch(tmp_path: Path) -> None:
    values = np.zeros((40, 80), dtype=np.uint8)
    values[:20, :30] = 255
    Image.fromarray(values).save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png", (4, 2))
    assert mask.dtype == np.float32
    np.testing.assert_array_equal(mask, [[1, 0.5, 0, 0], [0, 0, 0, 0]])
