"""Which cameras are on the list that ships, and on one of the user's."""

from pathlib import Path

import pytest

from placeproof.collect.cameras import Camera, CameraList, read_cameras
from placeproof.errors import CollectError


@pytest.fixture(scope="module")
def shipped() -> CameraList:
    return CameraList(read_cameras())


@pytest.mark.parametrize(
    ("make", "model"),
    [
        ("Apple", "iPhone 6"),
        ("apple", "iPhone 13 Pro Max"),
        ("Apple", "iPhone10,4"),
        ("Google", "Pixel 7a"),
        ("samsung", "SM-G930F"),
        ("Samsung ", "SM-S918B"),
        ("HUAWEI", "VOG-L29"),
        ("Sony", "XQ-BC52"),
    ],
)
def test_recent_phones_are_on_the_list(shipped: CameraList, make: str, model: str) -> None:
    assert shipped.holds(make, model)


@pytest.mark.parametrize(
    ("make", "model"),
    [
        ("Apple", "iPhone 5s"),
        ("Apple", "iPhone5,2"),
        ("Apple", "iPhone6,1"),  # an iPhone 5s
        ("GoPro", "HERO8 Black"),
        ("Canon", "Canon EOS 5D"),
        ("samsung", "SM-G800F"),
        ("Apple", ""),
        ("Apple", None),
        (None, "iPhone 8"),
        (None, None),
    ],
)
def test_other_cameras_are_not(shipped: CameraList, make: str | None, model: str | None) -> None:
    assert not shipped.holds(make, model)


def test_a_list_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "cameras.csv"
    path.write_text("make,model\nGoPro,HERO*\n*,Theta\n")
    cameras = CameraList(read_cameras(path))
    assert cameras.holds("gopro", "hero9")
    assert cameras.holds(None, "THETA")
    assert not cameras.holds("Apple", "iPhone 8")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("make\nApple\n", "lacks the column 'model'"),
        ("make,model\n", "names no camera"),
        ("make,model\nApple,\n", "line 2: model is empty"),
    ],
)
def test_a_bad_list_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "cameras.csv"
    path.write_text(text)
    with pytest.raises(CollectError, match=says):
        read_cameras(path)


def test_a_pattern_is_no_regular_expression() -> None:
    assert not CameraList([Camera("a.c", "(")]).holds("abc", "(")
    assert CameraList([Camera("a.c", "(")]).holds("a.c", "(")
