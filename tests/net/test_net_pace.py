import threading
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import FakeClock

from placeproof.net.pace import Clock, Pace, backoff_s, retry_after_s

NOW = 1_800_000_000.0


def test_requests_to_a_host_are_spaced_and_other_hosts_do_not_wait(clock: FakeClock) -> None:
    pace = Pace(clock, requests_per_second=4)
    times = []
    for _ in range(3):
        pace.turn("a.example")
        times.append(clock.time)
        pace.turn(f"b{len(times)}.example")
    assert times == [1000.0, 1000.25, 1000.5]
    assert len(clock.waits) == 2


def test_time_that_passed_anyway_is_not_waited_for(clock: FakeClock) -> None:
    pace = Pace(clock, requests_per_second=1)
    pace.turn("a.example")
    clock.time += 0.75
    pace.turn("a.example")
    clock.time += 5
    pace.turn("a.example")
    assert clock.waits == [0.25]


def test_threads_share_the_limit(clock: FakeClock) -> None:
    pace = Pace(clock, requests_per_second=2)
    threads = [threading.Thread(target=pace.turn, args=("a.example",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.time >= 1000 + 19 * 0.5


def test_a_held_host_waits_and_others_do_not(clock: FakeClock) -> None:
    pace = Pace(clock, requests_per_second=10)
    pace.hold("a.example", 30)
    pace.hold("a.example", 5)  # a shorter one ends no longer one
    pace.turn("b.example")
    assert clock.time == 1000
    pace.turn("a.example")
    assert clock.time == 1030


def test_a_stopped_clock_ends_waits_that_have_begun_and_those_to_come() -> None:
    clock = Clock()
    pace = Pace(clock, requests_per_second=0.001)
    pace.turn("a.example")
    waiting = threading.Thread(target=pace.turn, args=("a.example",))
    waiting.start()
    clock.stop()
    waiting.join(60)
    assert not waiting.is_alive()
    pace.turn("a.example")
    clock.wait(1000)
    assert clock.stopped


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_backoff_is_anything_up_to_a_limit_that_doubles(failures: int, share: float) -> None:
    limit = min(30.0, 2.0 ** (min(failures, 20) - 1))
    assert 0 <= backoff_s(failures, share) < limit
    assert backoff_s(failures, share) == pytest.approx(share * limit)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        ("Fri, 15 Jan 2027 09:00:00 +0100", 0.0),  # NOW, in another zone
        ("Friday, 15-Jan-27 08:01:00 GMT", 60.0),
        ("9" * 5000, float("inf")),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


@given(st.text())
def test_retry_after_may_be_anything(header: str) -> None:
    seconds = retry_after_s(header, NOW)
    assert seconds is None or seconds >= 0
