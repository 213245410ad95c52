"""At most one request in so many seconds, over all threads and processes of a user."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from placeproof.errors import StorageError
from placeproof.files import write_atomically
from placeproof.net.pace import Clock


class SharedPace:
    """Lets one request at a time through, and the next one an interval after its end.

    What the file holds is when the last request ended, in seconds since 1970.
    """

    def __init__(self, file: Path, clock: Clock, interval_s: float) -> None:
        self._file = file
        self._clock = clock
        self._interval_s = interval_s

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for the turn and holds it.

        Raises:
            StorageError: If the file cannot be written.
        """
        try:
            lock = FileLock(f"{self._file}.lock")
            lock.acquire()
        except OSError as error:
            raise StorageError(f"cannot lock {str(self._file)!r}: {error.strerror}") from error
        try:
            since_s = self._clock.now() - self._last()
            if 0 <= since_s < self._interval_s:  # below 0, the clock was set back
                self._clock.wait(self._interval_s - since_s)
            try:
                yield
            finally:
                write_atomically(self._file, repr(self._clock.now()).encode())
        finally:
            lock.release()

    def _last(self) -> float:
        try:
            return float(self._file.read_text(encoding="ascii"))
        except (OSError, ValueError):  # none yet, or damaged
            return float("-inf")
