import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from placeproof.errors import StateError, StorageError
from placeproof.training.state import (
    Position,
    State,
    load_state,
    optimiser_tensors,
    restore_optimiser,
    run_id,
    save_state,
)


def state(seed: int = 0, run: str = "run") -> State:
    torch.manual_seed(seed)
    return State(
        run,
        Position(phase=1, epoch=2, batch=3, step=40, best=0.1 + seed, look_alikes={"q": ["p"]}),
        {"layer.weight": torch.rand(3, 4), "count": torch.tensor(5)},
        {"layer.weight": torch.rand(3, 4)},
        {"0.exp_avg": torch.rand(3, 4), "0.step": torch.tensor(7.0)},
    )


def assert_equal(one: State | None, other: State) -> None:
    assert one is not None
    assert one.position == other.position
    for mine, yours in (
        (one.network, other.network),
        (one.best, other.best),
        (one.optimiser, other.optimiser),
    ):
        assert mine.keys() == yours.keys()
        assert all(torch.equal(mine[name], yours[name]) for name in mine)
        assert all(mine[name].dtype == yours[name].dtype for name in mine)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    assert load_state(path, "run") is None
    save_state(state(0), path)
    save_state(state(1), path)
    assert_equal(load_state(path, "run"), state(1))
    assert [*tmp_path.iterdir()] == [path]


def test_a_full_disk_leaves_the_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.safetensors"
    save_state(state(0), path)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        save_state(state(1), path)
    assert_equal(load_state(path, "run"), state(0))
    assert [*tmp_path.iterdir()] == [path]


def test_another_runs_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    save_state(state(), path)
    with pytest.raises(StateError, match=f"'{tmp_path}' holds a run of another recipe"):
        load_state(path, "another run")


def test_runs_differ_by_recipe_and_manifest() -> None:
    assert len({run_id("a", b"x"), run_id("b", b"x"), run_id("a", b"y")}) == 3
    assert run_id("a", b"x") == run_id("a", b"x")


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_flipped_bits_and_lost_ends_are_noticed(part: float, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    save_state(state(), path)
    data = path.read_bytes()
    place = int(part * len(data))
    path.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
    with pytest.raises(StateError, match="delete it"):
        load_state(path, "run")
    path.write_bytes(data[:place])
    with pytest.raises(StateError, match="delete it"):
        load_state(path, "run")


def test_other_files_are_no_states(tmp_path: Path, checkpoint_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    for other in (path, checkpoint_path):
        with pytest.raises(StateError, match="is damaged"):
            load_state(other, "run")
    with pytest.raises(StateError, match="cannot read"):
        load_state(tmp_path, "run")


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_an_optimiser_goes_on_where_another_was(kind: type[torch.optim.Optimizer]) -> None:
    def steps(module: nn.Module, optimiser: torch.optim.Optimizer, seeds: range) -> None:
        for seed in seeds:
            torch.manual_seed(seed)
            optimiser.zero_grad()
            module(torch.rand(2, 3, 8, 8)).square().mean().backward()
            optimiser.step()

    def convolution() -> nn.Module:
        torch.manual_seed(0)
        return nn.Conv2d(3, 16, 3).to(memory_format=torch.channels_last)

    whole, first, second = convolution(), convolution(), convolution()
    steps(whole, kind(whole.parameters(), lr=0.1), range(6))  # type: ignore[call-arg]
    interrupted = kind(first.parameters(), lr=0.1)  # type: ignore[call-arg]
    steps(first, interrupted, range(3))
    second.load_state_dict(first.state_dict())
    resumed = kind(second.parameters(), lr=0.1)  # type: ignore[call-arg]
    restore_optimiser(resumed, optimiser_tensors(interrupted))
    steps(second, resumed, range(3, 6))
    for expected, found in zip(whole.parameters(), second.parameters(), strict=True):
        assert torch.equal(expected, found)
