"""Snapshots that have something of everything, for what carries and joins them."""

from __future__ import annotations

import dataclasses

from proxy.status.snapshot import (
    Address,
    CacheState,
    FailingQuery,
    FileState,
    Finding,
    MemoryInFlight,
    Moment,
    QueryRun,
    Queue,
    Rates,
    Snapshot,
    SplitRun,
    StoreState,
    TenantLoad,
    TierState,
)

FINDING = Finding("upstream_dead", 50, False, "http://a", "a gets no work", "look", "upstreams", 5)
RUN = QueryRun(
    "1-7",
    "query_range",
    900,
    100.0,
    expr="up",
    upstream_ms=80.0,
    stages={"plan": 0.5},
    splits=(SplitRun(0, 60_000, "fetching", 0.1, sent_at_ms=0.4),),
)
FULL = Snapshot(
    at_ms=10_000,
    pid=1,
    version="1",
    started_ms=500,
    findings=(FINDING,),
    rates=Rates(10.0, 1.0, 5.0, 2.0, 50.0, 0.5, 3.0, 0.25),
    history=(
        Moment(8_000, 9.0, 1.0, 40.0, 0.5, 1, 0.25),
        Moment(10_000, 10.0, 1.0, None, None, 2, 0.5),
    ),
    addresses=(Address("http://a", "open", 1, 5.0, 2.0, None, 3, "refused"),),
    queue=Queue(3, 10, 2, 0.5, (TenantLoad("t", 3, 2, 0.75),), 100),
    memory=MemoryInFlight(100, 1_000, 1, 0.25),
    cache=CacheState(10, 100, 2, 0.5, 0.25, 4.0, 0.0),
    tiers=(TierState("lmdb", "working", 1.0, 2.0, 3.0, 4.0, 5),),
    stores=(StoreState("sidecar", "1.2.3.4", 0, None, True),),
    files=(FileState("limits", True),),
    running=(RUN,),
    slowest=(RUN,),
    costliest=(RUN,),
    failing=(FailingQuery("up", 3, "timeout", "d", "t", 9_000),),
    unfound_names=("thanos",),
    stores_age_ms=1_000,
)


def other(**changes: object) -> Snapshot:
    """Another worker's, with some things otherwise."""
    return dataclasses.replace(FULL, pid=2, **changes)  # type: ignore[arg-type]
