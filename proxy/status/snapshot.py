"""What a process says of itself at one moment. Pure; `orjson` writes these as JSON as they are.

Each worker makes one a second. The page shows those of all workers together. Times end in `_ms` (Unix
milliseconds where they are moments), shares are between 0 and 1, and None means "nothing to tell by".
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, in one sentence.

    fault: its short name, one of a fixed list (`findings.FAULTS`), in metrics too. weight: the
    heavier, the earlier it is named. is_critical: people do not get their answers, or soon will not.
    subject: what it is about, an address or a tenant or an expression. text: the sentence. advice:
    where to look first. anchor: the section of the page that shows it.
    """

    fault: str
    weight: int
    is_critical: bool
    subject: str
    text: str
    advice: str
    anchor: str
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Rates:
    """Of the last ten seconds, quantiles of the last minute. hit_share: of the steps asked for.

    loop_lag_ms: how late the event loop was at worst. loop_busy: the share of a core it used.
    """

    requests_per_s: float = 0.0
    errors_per_s: float = 0.0
    upstream_per_s: float = 0.0
    median_ms: float | None = None
    p99_ms: float | None = None
    hit_share: float | None = None
    loop_lag_ms: float = 0.0
    loop_busy: float = 0.0


@dataclass(frozen=True, slots=True)
class Moment:
    """One point of the curves, every two seconds for the last five minutes."""

    at_ms: int
    requests_per_s: float
    errors_per_s: float
    p99_ms: float | None
    hit_share: float | None
    waiting: int
    memory_share: float


@dataclass(frozen=True, slots=True)
class Address:
    """One address of the upstream.

    state: "closed" (working), "half_open" (on trial) or "open" (given no work). latency_ms: of late.
    slowness: in times of what such questions usually take. skew_ms: how far its clock is ahead at
    least. last_reason: of what was held against it last, in one word (`upstream.signs`).
    """

    url: str
    state: str
    in_flight: int
    latency_ms: float | None = None
    slowness: float = 1.0
    skew_ms: int | None = None
    failures: int = 0
    last_error: str = ""
    last_reason: str = ""


@dataclass(frozen=True, slots=True)
class TenantLoad:
    """running, waiting: requests at the gate now. share: of the upstream's time in the last minute."""

    tenant: str
    running: int
    waiting: int
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Queue:
    """The gate before the upstream; `most`: how many may run.

    stuck_ms: for how long nobody was let in although somebody waits.
    """

    running: int = 0
    most: int = 0
    waiting: int = 0
    refused_per_s: float = 0.0
    tenants: tuple[TenantLoad, ...] = ()
    stuck_ms: int = 0


@dataclass(frozen=True, slots=True)
class MemoryInFlight:
    """What answers under way hold."""

    held_bytes: int = 0
    most_bytes: int = 0
    waiting: int = 0
    refused_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CacheState:
    """The cache in memory. missed_evicted_per_s: extents asked for that had to go for want of room.

    refused_per_s: extents that are too large for it.
    """

    held_bytes: int = 0
    most_bytes: int = 0
    extents: int = 0
    evicted_per_s: float = 0.0
    missed_evicted_per_s: float = 0.0
    lookups_per_s: float = 0.0
    refused_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TierState:
    """A cache tier. state: "working", "reads left alone", "writes left alone", "left alone"."""

    name: str
    state: str
    hits_per_s: float = 0.0
    failed_per_s: float = 0.0
    skipped_per_s: float = 0.0
    dropped_per_s: float = 0.0
    queue_bytes: int = 0


@dataclass(frozen=True, slots=True)
class StoreState:
    """One store of Thanos as `/api/v1/stores` lists it. hole: what its loss leaves in doubt, or ""."""

    kind: str
    address: str
    min_ms: int | None
    max_ms: int | None
    is_healthy: bool
    last_error: str = ""
    hole: str = ""


@dataclass(frozen=True, slots=True)
class FileState:
    """A file that is read again when it changes."""

    name: str
    is_good: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class FailingQuery:
    """An expression that has failed of late. reason: its last failure's.

    has_killed: it ran when a process died.
    """

    expr: str
    failures: int
    reason: str = ""
    dashboard: str = ""
    tenant: str = ""
    last_ms: int = 0
    has_killed: bool = False


@dataclass(frozen=True, slots=True)
class SplitRun:
    """One question to the upstream: `from_ms` to `to_ms` of data, 0 where it has no times.

    state: "waiting", "fetching", "scanning", "done" or "failed". The rest are milliseconds since the
    request began: when it was planned, sent, when its answer had arrived and was read; None: not yet.
    """

    from_ms: int
    to_ms: int
    state: str
    begun_at_ms: float
    sent_at_ms: float | None = None
    arrived_at_ms: float | None = None
    done_at_ms: float | None = None
    url: str = ""
    attempts: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class QueryRun:
    """A request that runs, or that has run (`took_ms` is its age or its length).

    handler: the endpoint ("query_range", "query", "labels", …). stages: milliseconds by stage.
    upstream_ms: all questions to the upstream together.
    result: what the cache held ("hit", "partial", "miss", "bypass", "stale", ""). id: for cancelling.
    """

    id: str
    handler: str
    began_ms: int
    took_ms: float
    code: int = 0
    expr: str = ""
    start_ms: int = 0
    end_ms: int = 0
    step_ms: int = 0
    tenant: str = ""
    user: str = ""
    dashboard: str = ""
    panel: str = ""
    result: str = ""
    reason: str = ""
    steps: int = 0
    steps_held: int = 0
    upstream_bytes: int = 0
    upstream_ms: float = 0.0
    sent_bytes: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    splits: tuple[SplitRun, ...] = ()
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything. `slowest` by time, `costliest` by what they asked of the upstream, both bounded.

    unfound_names: of the upstream, that could not be looked up. stores_age_ms: of the last look.
    """

    at_ms: int
    pid: int
    version: str = ""
    started_ms: int = 0
    workers: int = 1
    is_leaving: bool = False
    findings: tuple[Finding, ...] = ()
    rates: Rates = Rates()
    history: tuple[Moment, ...] = ()
    addresses: tuple[Address, ...] = ()
    queue: Queue = Queue()
    memory: MemoryInFlight = MemoryInFlight()
    cache: CacheState = CacheState()
    tiers: tuple[TierState, ...] = ()
    stores: tuple[StoreState, ...] = ()
    files: tuple[FileState, ...] = ()
    failing: tuple[FailingQuery, ...] = ()
    unfound_names: tuple[str, ...] = ()
    stores_age_ms: int | None = None
    running: tuple[QueryRun, ...] = ()
    slowest: tuple[QueryRun, ...] = ()
    costliest: tuple[QueryRun, ...] = ()
