"""A training run that takes a second or two: pictures made by code, timm's smallest network.

Run as a program, it makes the runs that need processes of their own.
"""

import functools
import hashlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.network.bupm import Bupm
from placeproof.training.development import Example
from placeproof.training.distributed import processes
from placeproof.training.examples import Batch, BatchSource, Input, Pair
from placeproof.training.final import finish
from placeproof.training.interruption import Interrupted, Interruption
from placeproof.training.journal import Journal
from placeproof.training.recipe import DataSpec, OperationSpec, Phase, Recipe
from placeproof.training.trainer import Machine, Trainer

EXTRACTOR, STRIDE, CHANNELS = "test_resnet", 32, 96
SIZE = (256, 128)
COLUMNS, ROWS = SIZE[0] // STRIDE, SIZE[1] // STRIDE
STEPS = 12  # of RECIPE, in all
SIGNALS = {"SIGTERM": 3, "SIGINT": 9, "SIGKILL": 6}  # and the steps before which they come

PHASES = (
    Phase("masks", "synthetic", "mask", "sgd", 0.05, 4, ("projection", "detector"), epochs=2),
    Phase(
        "decision",
        "pairs",
        "decision",
        "adam",
        0.003,
        4,
        ("verification",),
        epochs=2,
        negatives=("disordered",),
    ),
    Phase(
        "all",
        "pairs",
        "decision",
        "adam",
        1e-3,
        4,
        ("extractor", "projection", "detector", "verification"),
        epochs=2,
        negatives=("look-alike",),
    ),
)
FEATURES = Phase(
    "features", "synthetic", "correspondence", "adam", 1e-3, 4, ("projection",), epochs=2
)
RECIPE = Recipe(
    name="tiny",
    seed=0,
    extractor=EXTRACTOR,
    attribution="none",
    data=DataSpec(SIZE[0], (64, 96), square=False, cut="planar", pool=2),
    operation=OperationSpec(64, 0.0, 0.1, 0.1),
    phase=PHASES,
    projection=8,
    hidden=4,
    background=16,
)


def panorama_pixels(place: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(place)
    blocks = random.integers(0, 256, (ROWS * 2, COLUMNS * 2, 3), dtype=np.uint8)
    return blocks.repeat(16, axis=0).repeat(16, axis=1)


def query_pixels(place: int, column: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    columns = np.arange(column * STRIDE, column * STRIDE + width) % SIZE[0]
    return panorama_pixels(place)[STRIDE : STRIDE + height, columns]


def true_mask(column: int, size: tuple[int, int]) -> NDArray[np.float32]:
    mask = np.zeros((ROWS, COLUMNS), np.float32)
    wide = np.arange(column, column + size[0] // STRIDE) % COLUMNS
    mask[1 : 1 + size[1] // STRIDE, wide] = 1
    return mask


def true_matches(column: int, size: tuple[int, int]) -> NDArray[np.int64]:
    rows = np.arange(1, 1 + size[1] // STRIDE)
    return rows[:, None] * COLUMNS + np.arange(column, column + size[0] // STRIDE) % COLUMNS


def empty_mask() -> NDArray[np.float32]:
    return np.zeros((ROWS, COLUMNS), np.float32)


def key(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def panorama(place: int) -> Input:
    load = functools.partial(panorama_pixels, place)
    return Input(key("panorama", place), SIZE, wraps=True, load=load)


def query(place: int, column: int, size: tuple[int, int]) -> Input:
    load = functools.partial(query_pixels, place, column, size)
    return Input(key("query", place, column, size), size, wraps=False, load=load)


class Source:
    """Two batches of two right and three wrong pairs; queries of three shapes."""

    batches = 2

    def __init__(self, seed: int, places: Sequence[int]) -> None:
        self.seed = seed
        self.places = places

    def draw(self, epoch: int, number: int) -> Batch:
        random = np.random.default_rng((self.seed, epoch, number))
        places = random.permutation(self.places)[:4].tolist()
        shapes = [(64, 64), (96, 64), (64, 64), (64, 96)]
        columns = random.integers(0, COLUMNS, 4).tolist()
        queries = tuple(query(*each) for each in zip(places, columns, shapes, strict=True))
        same = [True, True, False, False]
        pairs = tuple(
            Pair(
                i,
                i if same[i] else 5 - i,
                same[i],
                functools.partial(true_mask, columns[i], shapes[i]) if same[i] else empty_mask,
                functools.partial(true_matches, columns[i], shapes[i]) if same[i] else None,
            )
            for i in range(4)
        )
        # Two processes get unequal shares of the pairs, and of those with a mask.
        unknown = (replace(pairs[1], mask=None), Pair(0, 3, same=False))
        pairs = (pairs[0], unknown[0], *pairs[2:], unknown[1])
        return Batch(queries, tuple(map(panorama, places)), pairs)


class TinyMaterial:
    """Eight places to train on, and four others to develop on."""

    panoramas = tuple(map(panorama, range(8)))

    def __init__(self) -> None:
        self.masks = [Source(99, range(8, 12)).draw(0, 0)]
        self.given: list[Mapping[str, Sequence[str]] | None] = []

    def source(self, number: int, look_alikes: Mapping[str, Sequence[str]] | None) -> BatchSource:
        self.given.append(look_alikes)
        return Source(number, range(8))

    def mine(
        self,
        number: int,
        features: Callable[[Input], torch.Tensor],
        progress: Callable[[int, int], None],
    ) -> dict[str, list[str]]:
        value = float(features(panorama(0)).sum())
        progress(1, 1)
        return {"query": [f"{number} {value:.6f}"]}

    def examples(self, size: int, *, square: bool, others: int) -> list[Example]:
        del square, others
        return [
            Example(i, query(place, i, (size, 64)), panorama(other), place == other, place == other)
            for i, place in enumerate(range(8, 12))
            for other in range(8, 12)
        ]


def network(seed: int = 0, recipe: Recipe = RECIPE) -> Bupm:
    made = replace(recipe, seed=seed).network()
    with torch.no_grad():
        for parameter in made.verification.parameters():
            parameter.abs_()  # no dead unit
    return made


class Quick(Trainer):
    """Without pictures of samples, which take half of the time."""

    def _write_samples(self, *_arguments: object, **_options: object) -> None:  # type: ignore[override]
        pass


def train(
    output: Path,
    *,
    recipe: Recipe = RECIPE,
    material: TinyMaterial | None = None,
    interruption: Interruption | None = None,
    trainer_class: type[Trainer] | None = None,
    save_seconds: float = 1e9,
    run: str = "run",
) -> Trainer:
    """Trains in a folder, and writes the checkpoint at the end."""
    output.mkdir(exist_ok=True)
    with processes(torch.device("cpu")) as group:
        machine = Machine(group, output / "features", save_seconds=save_seconds)
        trainer = (trainer_class or Quick)(
            recipe,
            run,
            material or TinyMaterial(),
            network(recipe=recipe),
            output,
            machine,
            interruption or Interruption(),
        )
        if not trainer.resumed:
            trainer.prepare()
        step = trainer.position.step if trainer.resumed else None
        if group.first:
            with Journal(output, step) as journal:
                trainer.run(journal)
        else:
            trainer.run(None)
        finish(trainer, "pictures made by code", output / "tiny.safetensors", write=group.first)
    return trainer


def one_phase(number: int, **changes: object) -> Recipe:
    """The recipe with one of its phases alone."""
    return replace(RECIPE, phase=(replace(PHASES[number], **changes),))  # type: ignore[arg-type]


class Signalled(Quick):
    """Sends itself a signal before the step ``at``."""

    signal_: ClassVar[int] = signal.SIGTERM
    at: ClassVar[int] = -1

    def _step(self, *arguments: object) -> tuple[float, bool]:  # type: ignore[override]
        if self.position.step == self.at:
            os.kill(os.getpid(), self.signal_)
        return super()._step(*arguments)  # type: ignore[arg-type]


def train_signalled(output: Path, name: str, step: int) -> int:
    """Trains until a signal comes.

    Returns:
        5 if the run says that it was interrupted.
    """
    Signalled.signal_, Signalled.at = getattr(signal, name), step
    kill = name == "SIGKILL"  # the state is then written after each step
    with Interruption() as interruption:
        try:
            train(
                output,
                interruption=interruption,
                trainer_class=Signalled,
                save_seconds=0.0 if kill else 1e9,
            )
        except Interrupted:
            return 5
    return 0


def train_together(output: Path, rank: int, port: int) -> int:
    """One of two processes that train together, as torchrun would start it."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    train(output)
    return 0


def child(work: Callable[[], int]) -> int:
    """Starts a process of its own; it is a fork, so that torch is not loaded once more."""
    number = os.fork()
    if number:
        return number
    code = 70
    try:
        torch.set_num_threads(1)
        code = work()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Runs that are interrupted, and one of two processes; prints how each process ended."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    for name, step in SIGNALS.items():
        sys.stdout.flush()  # what a fork would write once more
        work = functools.partial(train_signalled, folder / name, name, step)
        _, status = os.waitpid(child(work), 0)
        sys.stdout.write(f"{name} {os.waitstatus_to_exitcode(status)}\n")
    sys.stdout.flush()
    works = [functools.partial(train_together, folder / "two", rank, port) for rank in (0, 1)]
    for number in [child(work) for work in works]:
        _, status = os.waitpid(number, 0)
        sys.stdout.write(f"together {os.waitstatus_to_exitcode(status)}\n")


if __name__ == "__main__":
    main()
