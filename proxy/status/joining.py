"""Snapshots of several workers as one. Pure.

Counts and rates add up; of states the worst counts, and of quantiles the worst worker's.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from proxy.status.findings import in_order
from proxy.status.snapshot import (
    Address,
    CacheState,
    FailingQuery,
    FileState,
    MemoryInFlight,
    Moment,
    QueryRun,
    Queue,
    Rates,
    Snapshot,
    TenantLoad,
    TierState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")
_STATES = ("closed", "half_open", "open")
_SHOWN, _SHOWN_RUNNING = 30, 200
_MOMENT_MS = 2_000


def together(snapshots: Sequence[Snapshot]) -> Snapshot:
    """One of one or more; the first says what is the same for all."""
    first = snapshots[0]
    if len(snapshots) == 1:
        return first
    return dataclasses.replace(
        first,
        at_ms=max(one.at_ms for one in snapshots),
        started_ms=min(one.started_ms for one in snapshots),
        workers=max(first.workers, len(snapshots)),
        findings=in_order(found for one in snapshots for found in one.findings),
        rates=_rates([one.rates for one in snapshots]),
        history=_history(snapshots),
        addresses=_each(snapshots, "addresses", "url", _address),
        queue=_queue([one.queue for one in snapshots]),
        memory=_summed(MemoryInFlight, [one.memory for one in snapshots]),
        cache=_summed(CacheState, [one.cache for one in snapshots]),
        tiers=_each(snapshots, "tiers", "name", _tier),
        files=_each(snapshots, "files", "name", _file),
        running=_runs(snapshots, "running", lambda run: run.took_ms, _SHOWN_RUNNING),
        slowest=_runs(snapshots, "slowest", lambda run: run.took_ms, _SHOWN),
        costliest=_runs(snapshots, "costliest", lambda run: run.upstream_ms, _SHOWN),
        failing=_each(snapshots, "failing", "expr", _failing),
        unfound_names=tuple(dict.fromkeys(n for one in snapshots for n in one.unfound_names)),
        stores_age_ms=_most(one.stores_age_ms for one in snapshots),
    )


def _most(values: Iterable[float | None]) -> Any:
    return max((value for value in values if value is not None), default=None)


def _summed(kind: type[T], parts: Sequence[T]) -> T:
    """Of a record of numbers the sum of each."""
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: sum(getattr(part, name) for part in parts) for name in names})


def _each(
    snapshots: Sequence[Snapshot], name: str, key: str, join: Callable[[list[T]], T]
) -> tuple[T, ...]:
    """The lists `name` of all as one; entries that agree in `key` become one."""
    found: dict[str, list[T]] = {}
    for snapshot in snapshots:
        for entry in getattr(snapshot, name):
            found.setdefault(getattr(entry, key), []).append(entry)
    return tuple(join(entries) for entries in found.values())


def _rates(parts: Sequence[Rates]) -> Rates:
    asked = sum(one.requests_per_s for one in parts)
    shares = [(one.hit_share, one.requests_per_s) for one in parts if one.hit_share is not None]
    weight = sum(rate for _, rate in shares)
    return Rates(
        requests_per_s=asked,
        errors_per_s=sum(one.errors_per_s for one in parts),
        upstream_per_s=sum(one.upstream_per_s for one in parts),
        median_ms=_most(one.median_ms for one in parts),
        p99_ms=_most(one.p99_ms for one in parts),
        hit_share=sum(share * rate for share, rate in shares) / weight if weight else None,
        loop_lag_ms=max(one.loop_lag_ms for one in parts),
        loop_busy=max(one.loop_busy for one in parts),
    )


def _history(snapshots: Sequence[Snapshot]) -> tuple[Moment, ...]:
    """The first one's moments, with what the others said of about the same time."""
    by_time = [{m.at_ms // _MOMENT_MS: m for m in one.history} for one in snapshots[1:]]
    joined = []
    for moment in snapshots[0].history:
        same = [times.get(moment.at_ms // _MOMENT_MS) for times in by_time]
        joined.append(_moment([moment, *(one for one in same if one is not None)]))
    return tuple(joined)


def _moment(parts: Sequence[Moment]) -> Moment:
    hits = [one.hit_share for one in parts if one.hit_share is not None]
    return Moment(
        parts[0].at_ms,
        sum(one.requests_per_s for one in parts),
        sum(one.errors_per_s for one in parts),
        _most(one.p99_ms for one in parts),
        sum(hits) / len(hits) if hits else None,
        sum(one.waiting for one in parts),
        sum(one.memory_share for one in parts) / len(parts),
    )


def _address(parts: list[Address]) -> Address:
    """What was said last of it stands with whoever has seen most failures."""
    worst = max(parts, key=lambda one: (_STATES.index(one.state), one.failures))
    return dataclasses.replace(
        worst,
        in_flight=sum(one.in_flight for one in parts),
        latency_ms=_most(one.latency_ms for one in parts),
        slowness=max(one.slowness for one in parts),
        failures=sum(one.failures for one in parts),
    )


def _queue(parts: Sequence[Queue]) -> Queue:
    tenants: dict[str, list[TenantLoad]] = {}
    for queue in parts:
        for load in queue.tenants:
            tenants.setdefault(load.tenant, []).append(load)
    return Queue(
        running=sum(one.running for one in parts),
        most=sum(one.most for one in parts),
        waiting=sum(one.waiting for one in parts),
        refused_per_s=sum(one.refused_per_s for one in parts),
        tenants=tuple(
            TenantLoad(
                tenant,
                sum(one.running for one in loads),
                sum(one.waiting for one in loads),
                sum(one.share for one in loads) / len(parts),
            )
            for tenant, loads in tenants.items()
        ),
        stuck_ms=max(one.stuck_ms for one in parts),
    )


def _tier(parts: list[TierState]) -> TierState:
    states = [one.state for one in parts if one.state != "working"]
    names = ("hits_per_s", "failed_per_s", "skipped_per_s", "dropped_per_s", "queue_bytes")
    sums = {name: sum(map(attrgetter(name), parts)) for name in names}
    return TierState(name=parts[0].name, state=states[0] if states else "working", **sums)


def _file(parts: list[FileState]) -> FileState:
    return next((one for one in parts if not one.is_good), parts[0])


def _failing(parts: list[FailingQuery]) -> FailingQuery:
    last = max(parts, key=lambda one: one.last_ms)
    return dataclasses.replace(
        last,
        failures=sum(one.failures for one in parts),
        has_killed=any(one.has_killed for one in parts),
    )


def _runs(
    snapshots: Sequence[Snapshot], name: str, measure: Callable[[QueryRun], float], most: int
) -> tuple[QueryRun, ...]:
    runs = [run for snapshot in snapshots for run in getattr(snapshot, name)]
    return tuple(sorted(runs, key=measure, reverse=True)[:most])
