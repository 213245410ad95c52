import errno
import itertools
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from placeproof.panoramas.feature_cache import FeatureCache

PICTURE, WEIGHTS = "ab" * 32, "cd" * 32
KEY = (PICTURE, "efficientnet-lite2", WEIGHTS, (1024, 512))


def features(seed: int = 0) -> torch.Tensor:
    return torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(seed))


def only_file(cache: FeatureCache) -> Path:
    (path,) = (path for path in cache.folder.rglob("*") if path.is_file())
    return path


def test_gives_back_in_half_precision_what_was_put_also_to_the_first_run(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "features")
    assert cache.get(*KEY) is None
    put = cache.put(*KEY, features().permute(2, 0, 1))  # not contiguous
    got = FeatureCache(tmp_path / "features").get(*KEY)
    assert got is not None
    assert got.dtype == put.dtype == torch.float16
    assert torch.equal(got, put)
    assert torch.equal(got, features().permute(2, 0, 1).half())


def test_every_part_of_the_key_counts_and_any_name_is_safe(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "features")
    keys = list(
        itertools.product(
            (PICTURE, "ac" * 32),
            ("vit", "../../vit", "a/b", "a_b", "é" * 300),
            (WEIGHTS, "ef" * 32),
            ((512, 256), (256, 512)),
        )
    )
    for seed, key in enumerate(keys):
        cache.put(*key, features(seed))
    for seed, key in enumerate(keys):
        got = cache.get(*key)
        assert got is not None
        assert torch.equal(got, features(seed).half())
    assert [path.name for path in tmp_path.iterdir()] == ["features"]


def flip_a_bit(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit,
        lambda data: data[:-1],
        lambda data: data[:4],
        lambda _: b"",
        lambda data: b"\xff" * len(data),
        lambda data: data.replace(b"[3,5,7]", b"[7,5,3]"),
        lambda data: data.replace(b"sha256", b"sha265"),
        lambda data: data.replace(b'"features"', b'"FEATURES"'),
        lambda data: data.replace(b"F16", b"I16"),
    ],
)
def test_a_damaged_file_is_reported_deleted_and_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: object
) -> None:
    cache = FeatureCache(tmp_path / "features")
    cache.put(*KEY, features())
    path = only_file(cache)
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    assert path.read_bytes() != sound
    with caplog.at_level(logging.WARNING):
        assert cache.get(*KEY) is None
    assert path.name in caplog.text
    assert not path.exists()
    cache.put(*KEY, features())
    assert cache.get(*KEY) is not None


def test_a_full_disk_is_a_warning_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    cache = FeatureCache(tmp_path / "features")
    monkeypatch.setattr(os, "replace", full)
    put = cache.put(*KEY, features())
    monkeypatch.undo()
    assert torch.equal(put, features().half())
    assert "No space left" in caplog.text
    assert cache.get(*KEY) is None
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == []


def test_an_unusable_folder_is_a_warning_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "features").write_text("a file where the folder should be")
    cache = FeatureCache(tmp_path / "features")
    cache.put(*KEY, features())
    assert "not cached" in caplog.text
    assert cache.get(*KEY) is None


def test_features_beyond_half_precision_are_kept_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = FeatureCache(tmp_path / "features")
    large = features() * 1e6
    assert torch.equal(cache.put(*KEY, large), large)
    assert "beyond half precision" in caplog.text
    assert cache.get(*KEY) is None


def test_forget_deletes_one_picture_and_no_other(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "features")
    other = ("ab" * 31 + "00", *KEY[1:])  # in the same shard
    cache.put(*KEY, features())
    cache.put(*other, features())
    cache.forget(PICTURE)
    cache.forget(PICTURE)
    assert cache.get(*KEY) is None
    assert cache.get(*other) is not None


# Named arrays of local features

Arrays = dict[str, NDArray[np.generic]]
MATCHER = "xfeat/1 View(yaw=15.0)"


def arrays() -> Arrays:
    random = np.random.default_rng(0)
    return {
        "keypoints": random.random((7, 2), np.float32),
        "matched": np.arange(3, dtype=np.int64),
        "none": np.empty((0, 64), np.float32),
        "turned": random.random((4, 3)).T,  # not contiguous
        "size": np.array([480, 360], np.int64),
    }


def assert_equal(found: Arrays | None, expected: Arrays) -> None:
    assert found is not None
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_arrays_come_back_as_they_were_put(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "features")
    assert cache.get_arrays(PICTURE, MATCHER) is None
    cache.put_arrays(PICTURE, MATCHER, arrays())
    assert_equal(FeatureCache(tmp_path / "features").get_arrays(PICTURE, MATCHER), arrays())


def test_arrays_of_other_keys_are_others(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "features")
    keys = list(itertools.product((PICTURE, "ac" * 32), (MATCHER, "../../x", "", "é" * 300)))
    for number, key in enumerate(keys):
        cache.put_arrays(*key, {"number": np.array([number])})
    for number, key in enumerate(keys):
        assert_equal(cache.get_arrays(*key), {"number": np.array([number])})
    assert [path.name for path in tmp_path.iterdir()] == ["features"]


def test_arrays_may_be_changed_without_changing_what_is_kept(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "features")
    cache.put_arrays(PICTURE, MATCHER, arrays())
    found = cache.get_arrays(PICTURE, MATCHER)
    assert found is not None
    found["keypoints"][:] = 0
    assert_equal(cache.get_arrays(PICTURE, MATCHER), arrays())


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit,
        lambda data: data[:-1],
        lambda data: data[:4],
        lambda _: b"",
        lambda data: data.replace(b"[7,2]", b"[2,7]"),
        lambda data: data.replace(b"matched", b"watched"),
        lambda data: data.replace(b"local-features/1", b"local-features/0"),
    ],
)
def test_damaged_arrays_are_reported_deleted_and_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[bytes], bytes]
) -> None:
    cache = FeatureCache(tmp_path / "features")
    cache.put_arrays(PICTURE, MATCHER, arrays())
    path = only_file(cache)
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    assert path.read_bytes() != sound
    with caplog.at_level(logging.WARNING):
        assert cache.get_arrays(PICTURE, MATCHER) is None
    assert path.name in caplog.text
    assert not path.exists()
    cache.put_arrays(PICTURE, MATCHER, arrays())
    assert_equal(cache.get_arrays(PICTURE, MATCHER), arrays())


def test_arrays_on_a_full_disk_are_a_warning_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    cache = FeatureCache(tmp_path / "features")
    monkeypatch.setattr(os, "replace", full)
    cache.put_arrays(PICTURE, MATCHER, arrays())
    monkeypatch.undo()
    assert "local features are not cached" in caplog.text
    assert "No space left" in caplog.text
    assert cache.get_arrays(PICTURE, MATCHER) is None
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == []


def test_arrays_in_an_unusable_folder_are_a_warning_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "features").write_text("a file where the folder should be")
    cache = FeatureCache(tmp_path / "features")
    cache.put_arrays(PICTURE, MATCHER, arrays())
    assert "not cached" in caplog.text
    assert cache.get_arrays(PICTURE, MATCHER) is None


def test_forget_deletes_arrays_too(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "features")
    other = "ab" * 31 + "00"
    for picture in (PICTURE, other):
        cache.put_arrays(picture, MATCHER, arrays())
    cache.put(*KEY, features())
    cache.forget(PICTURE)
    assert cache.get_arrays(PICTURE, MATCHER) is None
    assert cache.get(*KEY) is None
    assert_equal(cache.get_arrays(other, MATCHER), arrays())
