"""Features of pictures on disk: exact, told apart by all that they depend on, never half."""

from pathlib import Path

import numpy as np
import pytest

from placeproof.evaluation.feature_store import FeatureStore

FEATURES = {
    "half": np.arange(6, dtype=np.float16).reshape(2, 3),
    "bytes": np.array([1, 255], np.uint8),
    "nothing": np.zeros((0, 4), np.float32),
    "no scores": np.empty(0, np.float32),
    "number": np.array(3.25),
}


def test_arrays_come_back_exactly(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    store.put("a" * 64, "key", FEATURES, panorama=True)
    found = store.get("a" * 64, "key", panorama=True)
    assert found is not None and found.keys() == FEATURES.keys()
    for name, array in FEATURES.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_what_differs_in_anything_is_not_found(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    store.put("a" * 64, "key", FEATURES, panorama=True)
    assert store.get("b" * 64, "key", panorama=True) is None
    assert store.get("a" * 64, "other", panorama=True) is None
    assert store.get("a" * 64, "key", panorama=False) is None


@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_damaged_features_are_none(tmp_path: Path, harm: str) -> None:
    store = FeatureStore(tmp_path)
    store.put("a" * 64, "key", FEATURES, panorama=False)
    (path,) = tmp_path.rglob("*.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 255
    path.write_bytes(bytes(data) if harm == "flip" else path.read_bytes()[:-5])
    assert store.get("a" * 64, "key", panorama=False) is None
