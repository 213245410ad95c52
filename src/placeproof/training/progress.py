"""How work goes that has no batches: measuring, mining, looking at panoramas."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Advance = Callable[[int, int], None]  # how much is done, how much there is
LEAST_SECONDS = 5.0  # what is done sooner is not worth a line


@contextmanager
def progress_of(title: str, *, show: bool) -> Iterator[Advance]:
    """Shows a bar on a terminal, and says in a line how long it took, on the standard error.

    Args:
        title: What is done.
        show: Whether to show anything; of several processes, one speaks.
    """
    console = Console(stderr=True, quiet=not show)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    began = perf_counter()
    with bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
    seconds = perf_counter() - began
    if seconds >= LEAST_SECONDS:
        console.print(f"{title}: {seconds:.0f} s", markup=False, highlight=False)
