from pathlib import Path

import pytest
from PIL import Image

from placeproof.errors import NotEquirectangularError
from placeproof.picture_match import match_pictures


def test_a_picture_matches_itself(checkpoint_path: Path, photo_path: Path) -> None:
    match = match_pictures(photo_path, photo_path, weights=checkpoint_path)
    assert match.comparison.probability > 0.9
    assert not match.panorama
    assert match.comparison.yaw is None
    assert match.query_size == match.reference_size == (320, 256)
    assert match.reference_sha256 == match.provenance.photo_sha256


def test_a_picture_does_not_match_another(
    checkpoint_path: Path, photo_path: Path, elsewhere_path: Path
) -> None:
    match = match_pictures(photo_path, elsewhere_path, weights=checkpoint_path)
    assert match.comparison.probability < 0.1


@pytest.mark.parametrize(
    ("size", "panorama", "expected"),
    [
        ((1024, 512), None, True),
        ((1024, 512), False, False),
        ((1024, 512), True, True),
        ((1024, 600), None, False),
    ],
)
def test_what_is_taken_for_a_panorama(
    checkpoint_path: Path,
    photo_path: Path,
    tmp_path: Path,
    size: tuple[int, int],
    panorama: bool | None,
    expected: bool,
) -> None:
    Image.effect_noise(size, 80).convert("RGB").save(tmp_path / "reference.png")
    match = match_pictures(
        photo_path, tmp_path / "reference.png", panorama=panorama, weights=checkpoint_path
    )
    assert match.panorama is expected


def test_what_is_no_panorama_is_not_taken_for_one(checkpoint_path: Path, photo_path: Path) -> None:
    with pytest.raises(NotEquirectangularError):
        match_pictures(photo_path, photo_path, panorama=True, weights=checkpoint_path)
