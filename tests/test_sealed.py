from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from placeproof.sealed import SealError, hash_tensors, is_sealed, read_sealed, write_sealed

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2])}
CONTENT = {"name": "Zürich", "numbers": [1, 2.5, None]}


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    path = tmp_path / "sealed.safetensors"
    write_sealed(path, "thing/1", CONTENT, TENSORS)
    return path.read_bytes()


def test_what_is_written_is_read(data: bytes) -> None:
    content, tensors = read_sealed(data, "thing/1", "thing")
    assert content == CONTENT
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert is_sealed(data)


def test_tensors_with_gaps_are_written_whole(tmp_path: Path) -> None:
    write_sealed(tmp_path / "t", "thing/1", None, {"a": TENSORS["a"].T})
    found = read_sealed((tmp_path / "t").read_bytes(), "thing/1", "thing")
    assert torch.equal(found.tensors["a"], TENSORS["a"].T)


def test_another_kind_is_refused(data: bytes) -> None:
    with pytest.raises(SealError, match="is a safetensors file, but no box"):
        read_sealed(data, "box/1", "box")
    with pytest.raises(SealError, match="but no thing"):
        read_sealed(save(TENSORS), "thing/1", "thing")
    assert not is_sealed(save(TENSORS))


def test_every_flipped_byte_is_noticed(data: bytes) -> None:
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x04
        with pytest.raises(SealError):
            read_sealed(bytes(damaged), "thing/1", "thing")


@pytest.mark.parametrize("length", [0, 4, 20, 200])
def test_a_truncated_file_is_noticed(data: bytes, length: int) -> None:
    with pytest.raises(SealError, match="damaged or no safetensors file"):
        read_sealed(data[:length], "thing/1", "thing")


def test_the_hash_knows_names_types_shapes_and_values() -> None:
    a = TENSORS["a"]
    hashes = {
        hash_tensors(tensors)
        for tensors in (
            {"a": a},
            {"b": a},
            {"a": a.double()},
            {"a": a.reshape(3, 2)},
            {"a": a + 1},
            {"a": a, "b": a},
        )
    }
    assert len(hashes) == 6
    assert hash_tensors({"a": a, "b": a}) == hash_tensors({"b": a, "a": a})
