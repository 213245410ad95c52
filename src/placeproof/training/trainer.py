"""Trains a network phase by phase (paper, section 4.3), and goes on where it was interrupted.

Every batch is a pure function of the recipe's seed, the phase, the epoch and its number. So the
weights, what the optimiser remembers and how far the run has come are its whole state.
"""

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from placeproof.errors import TrainingError
from placeproof.network.bupm import Bupm
from placeproof.network.projection import Projection
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.training.development import (
    Example,
    ProjectedFeatures,
    measure,
    take_samples,
)
from placeproof.training.distributed import Processes
from placeproof.training.examples import BatchSource
from placeproof.training.features import Extraction, FrozenExtraction, Memory, TrainedExtraction
from placeproof.training.initial import whiten
from placeproof.training.interruption import Interrupted, Interruption
from placeproof.training.journal import Journal
from placeproof.training.loader import Loaded, load_epoch
from placeproof.training.losses import LOSSES
from placeproof.training.material import Material
from placeproof.training.objective import Objective
from placeproof.training.progress import Advance, progress_of
from placeproof.training.recipe import Phase, Recipe
from placeproof.training.samples import write_samples
from placeproof.training.scores import Scores
from placeproof.training.state import (
    Position,
    State,
    load_state,
    optimiser_tensors,
    restore_optimiser,
    save_state,
)

STATE_FILE, SAMPLES_FOLDER = "state.safetensors", "samples"
MATCHED_BYTES = 2**30  # of best-match scores that are kept during a phase
EPOCH_OTHERS = 8  # panoramas of other places that each photo is compared with after an epoch
PARTS = ("extractor", "projection", "detector", "verification")
OPTIMISERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


@dataclass(frozen=True, slots=True)
class Machine:
    """What a run takes of the machine; its result does not depend on it.

    Attributes:
        processes: All that train this network.
        features: Where features of frozen extractors are kept on the disk.
        memory: Bytes of features that are kept in memory.
        workers: Batches that are prepared at the same time.
        save_seconds: After so many seconds the state is saved, also within an epoch.
    """

    processes: Processes
    features: Path
    memory: int = 2**31
    workers: int = 2
    save_seconds: float = 120.0


class Trainer:
    """One run: a recipe, its pictures, a network and a folder.

    Args:
        recipe: What to do.
        run: Tells this run apart (:func:`~placeproof.training.state.run_id`).
        material: The pictures.
        network: As a new run begins, on its device; trained in place.
        output: The run's folder, which exists.
        machine: What it runs on.
        interruption: Says when to stop.

    Attributes:
        resumed: Whether the folder holds a state, from which the run goes on.

    Raises:
        StateError: If the folder's state is damaged, or another run's.
    """

    def __init__(
        self,
        recipe: Recipe,
        run: str,
        material: Material,
        network: Bupm,
        output: Path,
        machine: Machine,
        interruption: Interruption,
    ) -> None:
        self.recipe = recipe
        self.material = material
        self.network = network.eval().requires_grad_(False)
        self._machine = machine
        self._interruption = interruption
        self._processes = machine.processes
        self._memory = Memory(machine.memory)
        self._cache = FeatureCache(machine.features)
        self._output = output
        self._path = output / STATE_FILE
        found = None
        if self._processes.first:
            for left in output.glob(".*.tmp"):  # of a write that was killed
                left.unlink(missing_ok=True)
            found = load_state(self._path, run)
        state = self._processes.from_first(found)
        self.resumed = state is not None
        self._state = state or State(run, Position(), {}, {}, {})
        if state is not None:
            self.network.load_state_dict(state.network)
        side = recipe.operation.photo_side
        self._examples = material.examples(side, square=False, others=EPOCH_OTHERS)
        self._masks = material.masks
        self._matched = Memory(0)
        self._saved = time.monotonic()

    @property
    def position(self) -> Position:
        """How far the run has come."""
        return self._state.position

    def prepare(self) -> None:
        """Makes of training panoramas what a new network takes from them before it is trained.

        Raises:
            Interrupted: If that was asked for; it has to be done anew.
        """
        if isinstance(self.network.projection, Projection):
            whiten(self.network.projection.linear, self._raw_panoramas(on_disk=True))
        self._draw_background(on_disk=True)

    def run(self, journal: Journal | None) -> None:
        """Runs all phases that are left.

        Args:
            journal: Where the first process writes measures.

        Raises:
            Interrupted: If that was asked for. The state is saved.
            TrainingError: If a loss is no number.
            PlaceproofError: If a picture cannot be read, or the state cannot be written.
        """
        while self.position.phase < len(self.recipe.phase):
            self._run_phase(self.recipe.phase[self.position.phase], journal)

    def _run_phase(self, phase: Phase, journal: Journal | None) -> None:
        for part in PARTS:
            getattr(self.network, part).requires_grad_(part in phase.train)
        trained = [p for p in self.network.parameters() if p.requires_grad]
        optimiser = OPTIMISERS[phase.optimiser](trained, lr=phase.learning_rate)
        restore_optimiser(optimiser, self._state.optimiser)
        self._state.optimiser = {}
        frozen = "extractor" not in phase.train
        endless = phase.data == "synthetic" and self.recipe.data.pool == 0
        extraction: Extraction = (
            FrozenExtraction(
                self.network.extractor,
                self._memory,
                self._cache,
                store_queries=not endless,
                projection=None if "projection" in phase.train else self.network.projection,
            )
            if frozen
            else TrainedExtraction(self.network.extractor)
        )
        source = self.material.source(self.position.phase, self._look_alikes(phase, optimiser))
        self._matched = Memory(MATCHED_BYTES if extraction.projects else 0)
        objective = self._processes.wrap(
            Objective(self.network, LOSSES[phase.loss], extraction, self._matched)
        )
        position = self.position
        if not position.measured:
            self._end_epoch(phase, optimiser, journal)
        while position.epoch < phase.epochs and not _patience_is_over(phase, position):
            self._run_epoch(phase, source, extraction, objective, optimiser, journal)
            self.save(optimiser)
            position.epoch, position.batch = position.epoch + 1, 0
            if position.epoch % phase.measure_every == 0 or position.epoch == phase.epochs:
                self._end_epoch(phase, optimiser, journal)
        self._matched = Memory(0)
        self.network.load_state_dict(self._state.best)
        self._state.best = {}
        self._state.position = Position(phase=position.phase + 1, step=position.step)
        self.save(None)

    def _run_epoch(
        self,
        phase: Phase,
        source: BatchSource,
        extraction: Extraction,
        objective: nn.Module,
        optimiser: torch.optim.Optimizer,
        journal: Journal | None,
    ) -> None:
        """Runs the batches of an epoch that are left."""
        position, epoch = self.position, self.position.epoch + 1
        loaded_batches = load_epoch(
            source,
            extraction,
            self._processes,
            position.epoch,
            position.batch,
            self._machine.workers,
        )
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.closing(loaded_batches))
            shown = journal and stack.enter_context(
                journal.epoch(phase.name, epoch, source.batches, position.batch)
            )
            finished = time.perf_counter()
            for loaded in loaded_batches:
                loss, stop = self._step(phase, objective, optimiser, loaded)
                began, finished = finished, time.perf_counter()
                if journal and shown:
                    pairs = len(loaded.drawn.pairs)
                    speed = {"pairs a second": pairs / (finished - began), "cached": loaded.cached}
                    journal.log(position.step, phase.name, epoch, {"loss": loss, **speed})
                    shown.advance(pairs, loss)
                if stop or time.monotonic() - self._saved > self._machine.save_seconds:
                    self.save(optimiser)
                if stop:
                    raise Interrupted

    def _step(
        self, phase: Phase, objective: nn.Module, optimiser: torch.optim.Optimizer, loaded: Loaded
    ) -> tuple[float, bool]:
        """Learns from a batch.

        Returns:
            The mean loss of the whole batch, and whether any process was asked to stop.
        """
        counts = LOSSES[phase.loss].counts
        every = sum(map(counts, loaded.drawn.pairs))
        mine = sum(map(counts, loaded.batch.pairs))
        optimiser.zero_grad()
        torch.manual_seed(step_seed(self.recipe.seed, self.position.step))  # of what losses draw
        # Gradients are averaged over the processes, each of which has the mean of its own pairs.
        weight = mine * self._processes.world / every if every else 0.0
        loss = objective(loaded) * weight
        loss.backward()
        optimiser.step()
        parts = self._processes.gather((loss.item(), self._interruption.asked))
        mean = sum(part for part, _ in parts) / len(parts)
        if not math.isfinite(mean):
            raise TrainingError(
                f"phase '{phase.name}': the loss of step {self.position.step + 1} is no number; "
                "use a lower learning_rate, and another --output or the last state"
            )
        self.position.batch += 1
        self.position.step += 1
        return mean, any(asked for _, asked in parts)

    def _end_epoch(
        self, phase: Phase, optimiser: torch.optim.Optimizer, journal: Journal | None
    ) -> None:
        """Measures the network, keeps it if none of the phase was better, and saves the state."""
        position = self.position
        frozen = "extractor" not in phase.train
        if position.epoch > 0 and not {"extractor", "projection"}.isdisjoint(phase.train):
            self._draw_background(on_disk=frozen)
        loss = LOSSES[phase.loss]
        # Before there is a decision, there is none to be measured.
        examples = self._examples if "verification" in loss.reaches else []
        summary = self.measure(examples, on_disk=frozen).summary()
        key = loss.measure
        value = summary[key] if key == "AUC" else -summary[key]
        counts = position.epoch > 0 or not self._untrained(phase)
        if counts and (position.best is None or value > position.best):
            position.best, position.best_epoch = value, position.epoch
            self._state.best = {n: t.detach().clone() for n, t in self.network.state_dict().items()}
        position.measured = True
        if journal:
            values = {f"development {name}": number for name, number in summary.items()}
            journal.log(position.step, phase.name, position.epoch, values, show=True)
        self._write_samples(phase, position.epoch, on_disk=frozen)
        self.save(optimiser)

    def _untrained(self, phase: Phase) -> bool:
        """Whether a phase begins with random weights, which are no result, whatever their AUC."""
        earlier = {p for each in self.recipe.phase[: self.position.phase] for p in each.train}
        return not {"detector", "verification"}.intersection(phase.train) <= earlier

    def measure(self, examples: Sequence[Example], *, on_disk: bool) -> Scores:
        """Measures the network as it is on development pairs; all processes have to ask.

        Args:
            examples: Real pairs; the synthetic ones are the same in the whole run.
            on_disk: Whether features are worth keeping on the disk: not while they change.

        Raises:
            Interrupted: If that was asked for.
        """
        with progress_of("development pairs", show=self._processes.first) as advance:
            scores = measure(
                self.network,
                self.frozen(on_disk=on_disk),
                examples,
                self._masks,
                self._matched,
                self._processes,
                lambda: self._interruption.asked,
                advance,
            )
        if scores is None:
            raise Interrupted
        return scores

    def frozen(self, *, on_disk: bool) -> FrozenExtraction:
        """Raw features of the extractor as it is now; see :class:`FrozenExtraction`."""
        return FrozenExtraction(
            self.network.extractor, self._memory, self._cache if on_disk else None
        )

    def save(self, optimiser: torch.optim.Optimizer | None) -> None:
        """Writes the state, if this is the first process."""
        if self._processes.first:
            self._state.network = self.network.state_dict()
            self._state.optimiser = {} if optimiser is None else optimiser_tensors(optimiser)
            save_state(self._state, self._path)
        self._saved = time.monotonic()

    def _look_alikes(
        self, phase: Phase, optimiser: torch.optim.Optimizer
    ) -> dict[str, list[str]] | None:
        """Mined once, where the phase begins, by the first process; the state keeps them."""
        position = self.position
        if "look-alike" in phase.negatives and position.look_alikes is None:
            found = None
            if self._processes.first:
                features = ProjectedFeatures(self.network, self.frozen(on_disk=True))
                with (
                    contextlib.suppress(Interrupted),
                    progress_of("look-alikes", show=True) as advance,
                ):
                    found = self.material.mine(position.phase, features, self._checked(advance))
            position.look_alikes = self._processes.from_first(found)
            if position.look_alikes is None:
                raise Interrupted
            self.save(optimiser)
        return position.look_alikes

    def _draw_background(self, *, on_disk: bool) -> None:
        """Draws the patches that a match has to beat, as the network now sees them."""
        if self.network.background is not None:
            with torch.no_grad():
                raw = self._raw_panoramas(on_disk=on_disk)
                projected = [self.network.projection(one[None])[0].half() for one in raw]
            self.network.background.draw(projected, self.recipe.seed)

    def _raw_panoramas(self, *, on_disk: bool) -> Iterator[Tensor]:
        """Raw features of the training panoramas that are looked at before the training."""
        extraction = self.frozen(on_disk=on_disk)
        for picture in self.material.panoramas:
            self._check()
            yield extraction.features([picture], [extraction.fetch(picture)])[0]

    def _checked(self, advance: Advance) -> Advance:
        def checked(done: int, total: int) -> None:
            advance(done, total)
            self._check()

        return checked

    def _check(self) -> None:
        if self._interruption.asked:
            raise Interrupted

    def _write_samples(self, phase: Phase, epoch: int, *, on_disk: bool) -> None:
        """A picture of what the network finds in some development pairs."""
        if not self._processes.first:
            return
        extraction = self.frozen(on_disk=on_disk)
        samples = take_samples(self.network, extraction, self._examples, self._masks)
        folder = self._output / SAMPLES_FOLDER
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.position.phase + 1}-{phase.name}-{epoch:03d}.jpg"
        write_samples(samples, self.network.extractor.stride, path)


def step_seed(seed: int, step: int) -> int:
    """A seed of its own for every step of a run."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1)[0])


def _patience_is_over(phase: Phase, position: Position) -> bool:
    idle = position.epoch - position.best_epoch
    return phase.patience is not None and idle >= phase.patience
