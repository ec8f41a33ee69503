"""What is known of how long questions take."""

from __future__ import annotations

import gc
import weakref

from proxy.upstream.latencies import Latencies


def test_of_a_kind_that_was_hardly_asked_nothing_is_said() -> None:
    latencies = Latencies()
    for _ in range(4):
        latencies.add("a", 10)
    assert latencies.typical_ms("a") is None
    assert latencies.slow_ms("b") is None
    latencies.add("a", 10)
    assert latencies.typical_ms("a") == 10


def test_the_median_and_what_nearly_all_were_faster_than() -> None:
    latencies = Latencies()
    for took_ms in (*range(1, 40), 5_000):
        latencies.add("a", took_ms)
    assert latencies.typical_ms("a") == 21
    assert latencies.slow_ms("a") == 39


def test_kinds_do_not_mix_and_old_times_are_forgotten() -> None:
    latencies = Latencies()
    for _ in range(40):
        latencies.add("slow", 1_000)
        latencies.add("fast", 1)
    assert latencies.slow_ms("fast") == 1
    for _ in range(40):
        latencies.add("slow", 10)
    assert latencies.slow_ms("slow") == 10


def test_the_kinds_that_were_asked_least_recently_are_forgotten() -> None:
    latencies = Latencies(most_kinds=2)
    for kind in ("a", "b"):
        for _ in range(5):
            latencies.add(kind, 1)
    latencies.add("a", 1)
    latencies.add("c", 1)
    assert latencies.typical_ms("a") == 1
    assert latencies.typical_ms("b") is None


def test_a_kind_that_is_as_long_as_a_query_is_not_kept() -> None:
    class Kind:
        """Something that can be hashed, and weakly referred to."""

    kind = Kind()
    is_kept = weakref.ref(kind)
    latencies = Latencies()
    latencies.add(kind, 1)
    del kind
    gc.collect()
    assert is_kept() is None
