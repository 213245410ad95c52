"""Worker processes that leave Ctrl-C to their parent, and end when it does."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread


@contextmanager
def processes(count: int, begin: Callable[[], None]) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh processes; what has not begun when the block is left is not done.

    They begin with Ctrl-C ignored. One that met it while it is starting would print a traceback.

    Args:
        count: How many.
        begin: Called in each before its first task.
    """
    # A fork of a process that has used torch may hang.
    pool = ProcessPoolExecutor(count, get_context("spawn"), _begin, (begin,))
    try:
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # they inherit it
        try:
            for _ in range(count):
                pool.submit(os.getpid)  # each starts a process
        finally:
            signal.signal(signal.SIGINT, previous)
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(begin: Callable[[], None]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it is not inherited
    Thread(target=_end_with_parent, daemon=True).start()
    begin()


def _end_with_parent() -> None:
    """Ends this process when its parent is gone: one that is killed says goodbye to nobody."""
    parent = parent_process()
    assert parent is not None  # noqa: S101 - of a process that multiprocessing made
    parent.join()
    os._exit(1)
