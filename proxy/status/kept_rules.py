"""What can be wrong with what is kept, and with what was configured. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.status.snapshot import Finding
from proxy.status.words import percent, quote, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.status.snapshot import Snapshot

_LEAST_PER_S = 0.5
_FULL = 0.8
_MISSED_SHARE = 0.05
_WORKING = "working"
_LONGEST_ERROR = 300


def tiers(now: Snapshot) -> Iterator[Finding]:
    """Cache tiers that fail, and writes that they do not keep up with."""
    for tier in now.tiers:
        if tier.state != _WORKING:
            yield Finding(
                "tier_hung",
                40,
                is_critical=False,
                subject=tier.name,
                text=f"the cache tier {tier.name} fails ({tier.state}): {tier.failed_per_s:.1f} "
                f"questions a second failed, {tier.skipped_per_s:.1f} were not asked: Thanos answers",
                advice=f"look whether {tier.name} runs, and how long it takes to answer",
                anchor="tiers",
            )
        if tier.dropped_per_s >= _LEAST_PER_S:
            yield Finding(
                "writes_dropped",
                30,
                is_critical=False,
                subject=tier.name,
                text=f"{tier.dropped_per_s:.1f} writes a second to the cache tier {tier.name} are "
                f"dropped: {size(tier.queue_bytes)} wait already",
                advice=f"look how fast {tier.name} takes writes",
                anchor="tiers",
            )


def cache(now: Snapshot) -> Iterator[Finding]:
    """A cache that has to forget what is wanted still."""
    cache = now.cache
    is_full = cache.most_bytes > 0 and cache.held_bytes >= _FULL * cache.most_bytes
    missed = cache.missed_evicted_per_s
    is_missed = missed >= _LEAST_PER_S and missed >= _MISSED_SHARE * cache.lookups_per_s
    is_refusing = cache.most_bytes > 0 and cache.refused_per_s >= _LEAST_PER_S
    if not (is_full and is_missed) and not is_refusing:
        return
    text = (
        f"{missed:.1f} extents a second were wanted again after they had to go "
        f"({percent(missed / max(cache.lookups_per_s, missed))} of those asked for)"
        if is_missed
        else f"{cache.refused_per_s:.1f} extents a second are too large to be kept"
    )
    yield Finding(
        "cache_too_small",
        25,
        is_critical=False,
        subject="",
        text=f"the cache in memory is too small ({size(cache.most_bytes)}): {text}",
        advice="give it more memory: max_size in --query-range.response-cache-config",
        anchor="cache",
    )


def files(now: Snapshot) -> Iterator[Finding]:
    """Files that could not be read again."""
    for one in now.files:
        if not one.is_good:
            yield Finding(
                "bad_reload",
                35,
                is_critical=False,
                subject=one.name,
                text=f"{one.name} was changed and cannot be read: {quote(one.error, _LONGEST_ERROR)}; "
                "what was read before stays in force",
                advice="mend the file: it is read again by itself",
                anchor="files",
            )
