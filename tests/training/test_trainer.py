import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file
from torch import Tensor

from placeproof.errors import StateError, StorageError, TrainingError
from placeproof.network.checkpoint import load_checkpoint
from placeproof.training import features
from placeproof.training import trainer as trainer_module
from placeproof.training.examples import Batch, BatchSource, Input
from placeproof.training.features import FrozenExtraction
from placeproof.training.interruption import Interrupted, Interruption
from placeproof.training.journal import METRICS_FILE, PLACE, Journal
from placeproof.training.recipe import Part
from placeproof.training.scores import Scores
from placeproof.training.state import load_state
from placeproof.training.trainer import PARTS, STATE_FILE, Trainer, step_seed

DETECTOR: tuple[Part, ...] = ("detector",)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """As the runs in other processes, so that sums are the same to the last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    tiny.train(folder, trainer_class=Trainer)
    return folder


def final(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / STATE_FILE)


def assert_same_run(folder: Path, other: Path) -> None:
    """The same weights to the last bit, in single precision, and the same measures."""
    one, two = final(folder), final(other)
    assert one.keys() == two.keys()
    assert [name for name in one if not torch.equal(one[name], two[name])] == []
    measures = [
        [
            {name: value for name, value in json.loads(line).items() if name not in UNLIKE}
            for line in (each / METRICS_FILE).read_text().splitlines()
        ]
        for each in (folder, other)
    ]
    assert measures[0] == measures[1]
    cards = [load_checkpoint(each / "tiny.safetensors").card for each in (folder, other)]
    assert cards[0] == replace(cards[1], created=cards[0].created)


UNLIKE = ("pairs a second", "cached")  # they depend on the machine, and on what came before


class AskedAt(Interruption):
    """Asks to stop when it has itself been asked so many times."""

    def __init__(self, countdown: int) -> None:
        super().__init__()
        self.countdown = countdown

    @property
    def asked(self) -> bool:
        self.countdown -= 1
        return self.countdown < 0

    @asked.setter
    def asked(self, _value: bool) -> None:
        pass


def test_a_run_learns(whole: Path) -> None:
    lines = [json.loads(line) for line in (whole / METRICS_FILE).read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line and line["phase"] == "masks"]
    assert losses[-1] < losses[0]
    assert [line["step"] for line in lines if "loss" in line] == [*range(1, tiny.STEPS + 1)]
    assert all("development mask loss" in line or "loss" in line for line in lines)
    pictures = sorted(path.name for path in (whole / "samples").iterdir())
    assert pictures == [
        f"{n + 1}-{p.name}-{e:03d}.jpg" for n, p in enumerate(tiny.PHASES) for e in range(3)
    ]
    card = load_checkpoint(whole / "tiny.safetensors").card
    assert card.operation.photo_side == tiny.RECIPE.operation.photo_side
    assert 0.5 < card.metrics["development, all: AUC"] <= 1


def test_a_run_is_a_function_of_its_recipe(whole: Path, tmp_path: Path) -> None:
    tiny.train(tmp_path / "again")
    assert_same_run(whole, tmp_path / "again")


def test_a_finished_run_only_writes_its_checkpoint_again(whole: Path) -> None:
    before, weights = final(whole), (whole / "tiny.safetensors").read_bytes()
    (whole / "tiny.safetensors").unlink()
    tiny.train(whole)
    assert (whole / "tiny.safetensors").read_bytes() == weights
    assert all(torch.equal(before[name], tensor) for name, tensor in final(whole).items())


def test_stopped_in_every_measurement_it_comes_to_the_same_bits(
    whole: Path, tmp_path: Path
) -> None:
    stops = 0
    # Asked a little later each time, it stops in measurements and between phases, too.
    for patience in range(8, 2000, 20):
        try:
            tiny.train(tmp_path, interruption=AskedAt(patience))
            break
        except Interrupted:
            stops += 1
    assert stops >= 3
    assert_same_run(whole, tmp_path)


def test_stopped_after_any_step_it_comes_to_the_same_bits(whole: Path, tmp_path: Path) -> None:
    class Stopping(tiny.Quick):
        def _step(self, *arguments: object) -> tuple[float, bool]:  # type: ignore[override]
            loss, _ = super()._step(*arguments)  # type: ignore[arg-type]
            return loss, self.position.step in (1, 4, 5, 7, 9, 10, 11)

    for _ in range(7):
        with pytest.raises(Interrupted):
            tiny.train(tmp_path, trainer_class=Stopping)
    tiny.train(tmp_path, trainer_class=Stopping)
    assert_same_run(whole, tmp_path)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The runs of processes of their own, and how each process ended."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, tiny.__file__, str(folder), str(port)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr
    return folder, run.stdout.splitlines()


@pytest.mark.parametrize(("name", "step"), tiny.SIGNALS.items())
def test_a_signal_loses_nothing(
    name: str, step: int, whole: Path, elsewhere: tuple[Path, list[str]]
) -> None:
    folder, ended = elsewhere[0] / name, elsewhere[1]
    killed = name == "SIGKILL"
    assert f"{name} {-signal.SIGKILL if killed else 5}" in ended
    state = load_state(folder / STATE_FILE, "run")
    assert state is not None
    assert state.position.step == (step if killed else step + 1)  # a step is finished
    (folder / ".0123456789abcdef.tmp").write_bytes(b"half a state")
    tiny.train(folder)
    assert_same_run(whole, folder)
    assert not [*folder.glob(".*.tmp")]


def test_two_processes_train_as_one(whole: Path, elsewhere: tuple[Path, list[str]]) -> None:
    folder, ended = elsewhere[0] / "two", elsewhere[1]
    assert [line for line in ended if "together" in line] == ["together 0"] * 2
    curves = [
        [json.loads(line) for line in (each / METRICS_FILE).read_text().splitlines()]
        for each in (whole, folder)
    ]
    for one, two in zip(*curves, strict=True):
        assert one.keys() == two.keys()
        assert [one[name] for name in PLACE] == [two[name] for name in PLACE]
        for name in one.keys() - {*UNLIKE, *PLACE}:
            assert one[name] == pytest.approx(two[name], rel=1e-4, abs=1e-5), name
    weights, together = final(whole), final(folder)
    torch.testing.assert_close(together, weights, rtol=1e-3, atol=1e-4)


def test_a_full_disk_loses_nothing(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "full"
    saved = []
    save_state = trainer_module.save_state

    def save(*arguments: object) -> None:
        saved.append(1)
        if len(saved) == 12:
            raise StorageError("cannot write: No space left on device")
        save_state(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(trainer_module, "save_state", save)
        with pytest.raises(StorageError):
            tiny.train(folder, save_seconds=0)
    tiny.train(folder)
    assert_same_run(whole, folder)


def test_another_recipe_or_a_damaged_state_is_refused(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="another recipe"):
        tiny.train(whole, run="of another recipe")
    (tmp_path / STATE_FILE).write_bytes((whole / STATE_FILE).read_bytes()[:-1])
    with pytest.raises(StateError, match="damaged"):
        tiny.train(tmp_path)


@pytest.mark.parametrize("number", range(3))
def test_frozen_parts_keep_their_bits_and_others_change(number: int, tmp_path: Path) -> None:
    recipe = tiny.one_phase(number, epochs=1)
    seen: list[dict[str, Tensor]] = []

    class Beginning(tiny.Quick):
        def run(self, journal: Journal | None) -> None:
            seen.append({n: t.clone() for n, t in self.network.state_dict().items()})
            super().run(journal)

    tiny.train(tmp_path, recipe=recipe, trainer_class=Beginning)
    (before,) = seen
    after = {n.removeprefix("network."): t for n, t in final(tmp_path).items()}
    for part in PARTS:
        names = [name for name in before if name.startswith(part + ".")]
        kept = all(torch.equal(before[name], after[name]) for name in names)
        assert kept == (part not in recipe.phase[0].train), part


def test_each_phase_goes_on_from_the_best_epoch_of_the_one_before(tmp_path: Path) -> None:
    class Measured(tiny.Quick):
        def measure(self, *arguments: object, **options: object) -> Scores:
            phase, epoch = self.position.phase, self.position.epoch
            seen.setdefault((phase, epoch), self.network.detector.join.bias.clone())
            scores = super().measure(*arguments, **options)  # type: ignore[arg-type]
            return replace(scores, mask_loss=losses[epoch])

    seen: dict[tuple[int, int], Tensor] = {}
    losses = (0.05, 0.3, 0.1, 0.4, 0.2)  # the first is of random weights, and does not count
    phases = (replace(tiny.PHASES[0], epochs=4), tiny.PHASES[1])
    recipe = replace(tiny.RECIPE, phase=phases)
    tiny.train(tmp_path, recipe=recipe, trainer_class=Measured)
    equal = [torch.equal(seen[1, 0], seen[0, epoch]) for epoch in range(5)]
    assert equal == [False, False, True, False, False]


def test_a_background_is_of_the_projection_that_it_is_used_with(tmp_path: Path) -> None:
    trainer = tiny.train(tmp_path, recipe=tiny.one_phase(0))
    trainer.network.load_state_dict(
        {n.removeprefix("network."): t for n, t in final(tmp_path).items()}
    )
    background = trainer.network.background
    assert background is not None
    kept = background.patches.clone()
    trainer._draw_background(on_disk=False)
    assert torch.equal(background.patches, kept)
    assert kept.norm(dim=1).allclose(torch.ones(len(kept)))


def test_patience_ends_a_phase(tmp_path: Path) -> None:
    # A rate of next to nothing betters the AUC of no epoch after the first.
    recipe = tiny.one_phase(1, epochs=50, patience=2, learning_rate=1e-12)
    trainer = tiny.train(tmp_path, recipe=recipe)
    assert trainer.position.step == 3 * 2  # epochs of two batches


def test_look_alikes_are_mined_once_and_kept(tmp_path: Path) -> None:
    material = tiny.TinyMaterial()
    recipe = tiny.one_phase(2)
    with pytest.raises(Interrupted):
        tiny.train(tmp_path, recipe=recipe, material=material, interruption=AskedAt(40))
    tiny.train(tmp_path, recipe=recipe, material=material)
    first, again = material.given
    assert first is not None
    assert first == again


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    recipe = tiny.one_phase(0, learning_rate=1e30)
    with pytest.raises(TrainingError, match="phase 'masks': the loss of step 2 is no number"):
        tiny.train(tmp_path, recipe=recipe)


def test_a_frozen_extractor_sees_each_picture_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(extraction: FrozenExtraction, picture: Input) -> Tensor:
        asked.append(picture.key)
        return original_fetch(extraction, picture)

    def to_network(*arguments: object) -> Tensor:
        seen.append(1)
        return original(*arguments)  # type: ignore[arg-type]

    asked: list[str] = []
    seen: list[int] = []
    original_fetch, original = FrozenExtraction.fetch, features.to_network
    monkeypatch.setattr(FrozenExtraction, "fetch", fetch)
    monkeypatch.setattr(features, "to_network", to_network)
    monkeypatch.setattr(tiny, "finish", lambda *_, **__: None)  # looks once more, in half precision
    tiny.train(tmp_path, recipe=tiny.one_phase(1))
    assert len(seen) == len(set(asked)) < len(asked)


def test_a_signal_is_asked_for_once_and_then_obeyed(request: pytest.FixtureRequest) -> None:
    # A shell starts what runs in its background with SIGINT ignored.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, inherited))
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        assert not interruption.asked
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


class Again(tiny.TinyMaterial):
    """Every epoch has the same pairs."""

    def source(self, number: int, look_alikes: Mapping[str, Sequence[str]] | None) -> BatchSource:
        class Repeated(tiny.Source):
            def draw(self, epoch: int, number: int) -> Batch:
                del epoch
                return super().draw(0, number)

        super().source(number, look_alikes)
        return Repeated(0, range(8))


def test_a_phase_that_finds_patches_resumes_as_well(tmp_path: Path) -> None:
    # After it, pairs that were matched in the first epoch are matched anew in a resumed run.
    recipe = replace(tiny.RECIPE, phase=(tiny.FEATURES, replace(tiny.PHASES[0], train=DETECTOR)))
    tiny.train(tmp_path / "whole", recipe=recipe, material=Again())
    lines = [
        json.loads(line) for line in (tmp_path / "whole" / METRICS_FILE).read_text().splitlines()
    ]
    found = [line["development correspondence loss"] for line in lines if "loss" not in line]
    assert found[2] < found[0]
    assert len(set(found[2:])) == 1  # features are frozen in the second phase
    # Before there is a decision, none is measured.
    assert not [name for line in lines for name in line if "AUC" in name]

    class Stopping(tiny.Quick):
        def _step(self, *arguments: object) -> tuple[float, bool]:  # type: ignore[override]
            loss, _ = super()._step(*arguments)  # type: ignore[arg-type]
            return loss, self.position.step in (1, 2, 3, 7)

    for _ in range(4):
        with pytest.raises(Interrupted):
            tiny.train(
                tmp_path / "stopped", recipe=recipe, trainer_class=Stopping, material=Again()
            )
    tiny.train(tmp_path / "stopped", recipe=recipe, material=Again())
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


def test_every_step_has_draws_of_its_own() -> None:
    seeds = [step_seed(seed, step) for seed in range(3) for step in range(100)]
    assert len(set(seeds)) == len(seeds)
    assert seeds == [step_seed(seed, step) for seed in range(3) for step in range(100)]


def test_a_phase_that_is_measured_seldom_resumes_as_well(tmp_path: Path) -> None:
    recipe = tiny.one_phase(1, epochs=5, measure_every=2)
    tiny.train(tmp_path / "whole", recipe=recipe)
    lines = [
        json.loads(line) for line in (tmp_path / "whole" / METRICS_FILE).read_text().splitlines()
    ]
    assert [line["epoch"] for line in lines if "loss" not in line] == [0, 2, 4, 5]

    class Stopping(tiny.Quick):
        def _step(self, *arguments: object) -> tuple[float, bool]:  # type: ignore[override]
            loss, _ = super()._step(*arguments)  # type: ignore[arg-type]
            return loss, self.position.step in (2, 3, 8)

    for _ in range(3):
        with pytest.raises(Interrupted):
            tiny.train(tmp_path / "stopped", recipe=recipe, trainer_class=Stopping)
    tiny.train(tmp_path / "stopped", recipe=recipe)
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")
