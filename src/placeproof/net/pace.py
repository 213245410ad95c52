"""When the next request goes out: limits per host, and waits between attempts."""

import re
import threading
import time
from datetime import UTC
from email.utils import parsedate_to_datetime

FIRST_BACKOFF_S = 1.0
MOST_BACKOFF_S = 30.0


class Clock:
    """The time, and waits that another thread can end. Tests have one that never waits."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Returns after so long, or at once when the clock is stopped."""
        self._stopped.wait(seconds)

    def stop(self) -> None:
        """Ends all waits, those of the future too."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stopped.is_set()


class Pace:
    """Spaces the requests to each host evenly; for any number of threads."""

    def __init__(self, clock: Clock, requests_per_second: float) -> None:
        self._clock = clock
        self._interval_s = 1 / requests_per_second
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}  # host: when its next request may go out

    def turn(self, host: str) -> None:
        """Waits until a request to this host may go out; returns at once on a stopped clock."""
        while not self._clock.stopped:
            with self._lock:
                now = self._clock.monotonic()
                wait_s = self._next.get(host, now) - now
                if wait_s <= 0:
                    self._next[host] = now + self._interval_s
                    return
            self._clock.wait(wait_s)

    def hold(self, host: str, seconds: float) -> None:
        """Lets no request to this host go out for so long, not those of other threads either."""
        with self._lock:
            until = self._clock.monotonic() + seconds
            self._next[host] = max(until, self._next.get(host, until))


def backoff_s(failures: int, share: float) -> float:
    """Exponential backoff with full jitter, in seconds.

    Args:
        failures: How many attempts have failed, at least 1.
        share: A random number in [0, 1).
    """
    return share * min(MOST_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(failures - 1, 30))


def retry_after_s(header: str | None, now: float) -> float | None:
    """Seconds that a ``Retry-After`` header asks to wait (RFC 9110, 10.2.3), at least 0.

    Args:
        header: Seconds or an HTTP date; None where there is no header.
        now: Seconds since 1970.

    Returns:
        None where there is no header, or it says neither.
    """
    text = (header or "").strip()
    if re.fullmatch("[0-9]+", text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:  # "-0000": the clock's zone is not known, but the time is in UTC
        date = date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - now)
