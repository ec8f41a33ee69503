"""What is found of what is kept, and what is not."""

from __future__ import annotations

from proxy.status.kept_rules import cache, files, tiers
from proxy.status.snapshot import CacheState, FileState, TierState
from tests.status.snapshots import faults, only


def test_a_tier_that_is_left_alone_or_fails_is_named() -> None:
    assert faults(tiers, tiers=(TierState("redis", "working", hits_per_s=9, failed_per_s=5),)) == []
    found = only(tiers, tiers=(TierState("redis", "reads left alone", 0, 1.5, 20),))
    assert (found.fault, found.subject) == ("tier_hung", "redis")
    assert found.text == (
        "the cache tier redis fails (reads left alone): 1.5 questions a second failed, "
        "20.0 were not asked: Thanos answers"
    )


def test_dropped_writes_are_named() -> None:
    assert faults(tiers, tiers=(TierState("redis", "working", dropped_per_s=0.4),)) == []
    dropping = TierState("redis", "working", dropped_per_s=2, queue_bytes=64 << 20)
    found = only(tiers, tiers=(dropping,))
    assert found.fault == "writes_dropped"
    assert found.text == (
        "2.0 writes a second to the cache tier redis are dropped: 64 MiB wait already"
    )


def test_a_cache_that_forgets_what_is_wanted_is_too_small() -> None:
    small = CacheState(90, 100, 9, 5, missed_evicted_per_s=2, lookups_per_s=20)
    found = only(cache, cache=small)
    assert found.fault == "cache_too_small"
    assert found.text == (
        "the cache in memory is too small (100 B): 2.0 extents a second were wanted again after they "
        "had to go (10 % of those asked for)"
    )


def test_a_cache_that_is_not_full_or_forgets_little_is_large_enough() -> None:
    for near in (
        CacheState(79, 100, 9, 5, 2, 20),
        CacheState(90, 100, 9, 5, 0.4, 1),
        CacheState(90, 100, 9, 5, 2, 41),
        CacheState(0, 0, 0, 0, 2, 2, refused_per_s=5),
    ):
        assert faults(cache, cache=near) == []


def test_a_cache_that_cannot_keep_an_extent_is_too_small() -> None:
    found = only(cache, cache=CacheState(0, 100, refused_per_s=0.5))
    assert found.text.endswith("0.5 extents a second are too large to be kept")


def test_a_file_that_cannot_be_read_is_named() -> None:
    found = only(
        files, files=(FileState("limits", False, "line 3: no such limit"), FileState("x", True))
    )
    assert (found.fault, found.subject) == ("bad_reload", "limits")
    assert "limits was changed and cannot be read: line 3: no such limit" in found.text
    assert faults(files, files=(FileState("limits", True),)) == []
