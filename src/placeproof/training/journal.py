"""What a training run leaves to read: measures as JSON lines, in TensorBoard, on the terminal."""

import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from placeproof.errors import StorageError, TrainingError
from placeproof.files import write_atomically

METRICS_FILE = "metrics.jsonl"
TENSORBOARD_FOLDER = "tensorboard"
PLACE = ("step", "phase", "epoch")  # of every line, before its values

_log = logging.getLogger(__name__)


class Journal(AbstractContextManager["Journal"]):
    """Writes a run's measures to ``metrics.jsonl``, one JSON object a line.

    A line is in the file once :meth:`log` returns. A run that goes on from a state goes on with
    exactly the lines that led to it: what the interrupted run wrote of later steps is dropped, and
    so is a last line that it wrote half.

    Args:
        folder: The run's folder; made if it is missing.
        resume_at_step: Step of the state that the run goes on from; None begins anew, and what
            the file held is gone.
        tensorboard: Whether to keep the same measures in ``tensorboard/``, for TensorBoard.
        console: Where progress is shown: a bar on a terminal, and always a line for each epoch.
            By default the standard error.

    Raises:
        StorageError: If the files cannot be read or written.
        TrainingError: If TensorBoard is asked for and not installed.
    """

    def __init__(
        self,
        folder: Path,
        resume_at_step: int | None,
        *,
        tensorboard: bool = False,
        console: Console | None = None,
    ) -> None:
        self.path = folder / METRICS_FILE
        self._console = console or Console(stderr=True)
        self._mirror = _Mirror(folder / TENSORBOARD_FOLDER) if tensorboard else None
        with _storage_errors(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            lines = _lines_up_to(self.path, resume_at_step)
            write_atomically(self.path, b"".join(line + b"\n" for line in lines))
            self._file = self.path.open("ab", buffering=0)
        self._known: set[bytes] = set()
        for line in lines:
            entry = json.loads(line)
            if entry["step"] == resume_at_step:
                self._known.add(line)
            if self._mirror:
                self._mirror.add(entry)

    def log(
        self,
        step: int,
        phase: str,
        epoch: int,
        values: Mapping[str, float],
        *,
        show: bool = False,
    ) -> None:
        """Writes a line.

        A line that was already there for the step at which the run went on is not repeated.

        Args:
            step: How many steps the run has made, over all phases; never less than before.
            phase: Name of the phase.
            epoch: Number of the epoch in the phase.
            values: Measures by name; what is no finite number becomes null.
            show: Whether to say them on the terminal too.

        Raises:
            StorageError: If it cannot be written.
            ValueError: If a measure has the name of what every line has.
        """
        if clash := sorted(set(PLACE) & values.keys()):
            raise ValueError(f"no measure can be called '{clash[0]}'")
        numbers = {name: float(value) for name, value in values.items()}
        place = {"step": step, "phase": phase, "epoch": epoch}
        entry = place | {n: v if math.isfinite(v) else None for n, v in numbers.items()}
        line = json.dumps(entry, ensure_ascii=False, allow_nan=False).encode()
        if line not in self._known:
            with _storage_errors(self.path):
                rest = line + b"\n"
                while rest:  # an almost full disk takes a part
                    rest = rest[self._file.write(rest) :]
            if self._mirror:
                self._mirror.add(entry)
        if show:
            said = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
            self._say(f"{phase}, epoch {epoch}: {said}")

    @contextmanager
    def epoch(self, phase: str, epoch: int, batches: int, done: int = 0) -> Iterator["Epoch"]:
        """Shows how an epoch goes, and once it is over, says it in a line.

        Args:
            phase: Name of the phase.
            epoch: Number of the epoch in the phase.
            batches: How many batches it has.
            done: How many an interrupted run has done already.
        """
        title = f"{phase}, epoch {epoch}"
        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[said]}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        with bar:
            task = bar.add_task(title, total=batches, completed=done, said="")
            running = Epoch(lambda said: bar.update(task, advance=1, said=said))
            yield running
        if running.batches:
            self._say(f"{title}: {running.summary()}")
        if self._mirror:
            self._mirror.flush()

    def close(self) -> None:
        """Closes the files."""
        self._file.close()
        if self._mirror:
            self._mirror.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class Epoch:
    """Counts the batches of an epoch.

    Args:
        show: Shows what is said of them after each.

    Attributes:
        batches: How many have been counted.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._began = perf_counter()
        self._pairs = 0
        self._loss = 0.0
        self.batches = 0

    def advance(self, pairs: int, loss: float) -> None:
        """Counts a batch.

        Args:
            pairs: How many pairs it had, over all processes.
            loss: Its mean loss.
        """
        self.batches += 1
        self._pairs += pairs
        self._loss += loss
        self._show(self.summary())

    @property
    def pairs_a_second(self) -> float:
        """Mean over the batches counted, with all that it took to prepare them."""
        seconds = perf_counter() - self._began
        return self._pairs / seconds if seconds > 0 else 0.0

    @property
    def loss(self) -> float:
        """Mean over the batches counted; no number before the first."""
        return self._loss / self.batches if self.batches else math.nan

    def summary(self) -> str:
        """Loss and speed in words."""
        return f"loss {self.loss:.4f}, {self.pairs_a_second:.3g} pairs a second"


class _Mirror:
    """The same measures as TensorBoard's events, in a folder that is cleared of older ones."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise TrainingError(
                "TensorBoard is not installed: run pip install 'placeproof[tensorboard]'"
            ) from error
        self._folder = folder
        with _storage_errors(folder):
            for old in folder.glob("events.out.tfevents.*"):
                old.unlink()
            self._writer: Any = SummaryWriter(str(folder))

    def add(self, entry: dict[str, Any]) -> None:
        with _storage_errors(self._folder):
            for name, value in entry.items():
                if name not in PLACE:
                    number = math.nan if value is None else value
                    self._writer.add_scalar(f"{entry['phase']}/{name}", number, entry["step"])

    def flush(self) -> None:
        with _storage_errors(self._folder):
            self._writer.flush()

    def close(self) -> None:
        with _storage_errors(self._folder):
            self._writer.close()


def _lines_up_to(path: Path, step: int | None) -> list[bytes]:
    """The whole lines of a metrics file that are of no later step, without their ends."""
    if step is None or not path.exists():
        return []
    kept = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            entry = json.loads(line)
            if entry["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            _log.warning("line %d of '%s' is damaged and is dropped", number, path)
    return kept


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write '{path}': {error.strerror or error}") from error
