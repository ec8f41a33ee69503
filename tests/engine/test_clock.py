"""The real clocks."""

from __future__ import annotations

import time

from proxy.engine.clock import SystemClock


def test_the_wall_clock_is_unix_time_in_milliseconds() -> None:
    assert abs(SystemClock().wall_ms() - time.time() * 1000) < 5_000


def test_the_other_one_counts_milliseconds_and_never_goes_back() -> None:
    clock = SystemClock()
    first = clock.monotonic_ms()
    time.sleep(0.02)
    assert 15 <= clock.monotonic_ms() - first < 5_000
