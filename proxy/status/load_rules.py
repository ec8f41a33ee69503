"""What can be wrong with the load: turns, memory, this process's time, and queries that fail. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.status.snapshot import Finding
from proxy.status.words import count, percent, quote, size, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.status.snapshot import FailingQuery, Snapshot, TenantLoad

_MOST_OF_IT = 0.6
_LEAST_REQUESTS = 3
_REFUSALS_PER_S = 0.3
"""Three within ten seconds: one alone says nothing."""
_LONGEST_STUCK_MS = 10_000
_LEAST_FAILURES = 3
_LATELY_MS = 45_000
"""One that has not failed for longer is mended, or nobody asks it any more."""
_MOST_DEADLY = 3
"""Where more expressions than this fail again and again, it is not they who are at fault."""
_LATE_MS = 500.0
_BUSY = 0.95
_ERROR_SHARE, _BAD_ERROR_SHARE = 0.05, 0.2
_LEAST_ERRORS_PER_S = 0.3
_SLOW_MS = 5_000.0


def queue(now: Snapshot) -> Iterator[Finding]:
    """Turns at the upstream: who has most of them, whether they come at all, whether they suffice."""
    queue = now.queue
    is_full = queue.running >= queue.most
    if queue.waiting and is_full and queue.stuck_ms >= _LONGEST_STUCK_MS:
        yield Finding(
            "queue_stuck",
            80,
            is_critical=True,
            subject="",
            text=f"{count(queue.waiting, 'request')} wait for a turn, and none was given one for "
            f"{span(queue.stuck_ms)}: all {queue.most} turns are held",
            advice="look at what runs, and whether the upstream answers it at all",
            anchor="queue",
        )
    hot = _hot(now)
    if hot is not None:
        yield _hot_tenant(hot, now)
    elif queue.waiting > max(queue.most, 1) or queue.refused_per_s >= _REFUSALS_PER_S:
        refused = f", {queue.refused_per_s:.1f} a second are refused" if queue.refused_per_s else ""
        yield Finding(
            "queue_long",
            50,
            is_critical=queue.refused_per_s >= _REFUSALS_PER_S,
            subject="",
            text=f"{count(queue.waiting, 'request')} wait for one of {queue.most} turns{refused}",
            advice="look at what is slow or asked too often; more turns: --limits.max-concurrent",
            anchor="queue",
        )


def _hot(now: Snapshot) -> TenantLoad | None:
    """The tenant that has most of what runs and waits, when somebody waits; never the only one."""
    queue = now.queue
    if not (queue.waiting or queue.refused_per_s >= _REFUSALS_PER_S) or len(queue.tenants) < 2:  # noqa: PLR2004
        return None
    top = max(queue.tenants, key=lambda one: one.running + one.waiting)
    has = top.running + top.waiting
    is_most = has >= max(_MOST_OF_IT * (queue.running + queue.waiting), _LEAST_REQUESTS)
    return top if is_most else None


def _hot_tenant(hot: TenantLoad, now: Snapshot) -> Finding:
    others = now.queue.waiting - hot.waiting
    wait = f"{others} requests of others" if others > 0 else f"{hot.waiting} requests of its own"
    return Finding(
        "hot_tenant",
        70 if others > 0 else 54,
        is_critical=False,
        subject=hot.tenant,
        text=f"tenant {quote(hot.tenant)} holds {hot.running} of {now.queue.most} turns while "
        f"{wait} wait; it took {percent(hot.share)} of the upstream's time in the last minute",
        advice="look at what it asks; bounds: --limits.max-concurrent-per-tenant, --limits.config-file",
        anchor="tenants",
    )


def memory(now: Snapshot) -> Iterator[Finding]:
    """Answers under way that get no memory."""
    memory = now.memory
    is_refusing = memory.refused_per_s >= _REFUSALS_PER_S
    if not is_refusing and not memory.waiting:
        return
    what = (
        f"{memory.refused_per_s:.1f} answers a second are refused"
        if is_refusing
        else f"{count(memory.waiting, 'answer')} wait"
    )
    yield Finding(
        "no_memory",
        85 if is_refusing else 65,
        is_critical=is_refusing,
        subject="",
        text=f"{what} for want of memory: answers under way hold {size(memory.held_bytes)} of "
        f"{size(memory.most_bytes)}",
        advice="look at the costliest queries; the bound: --limits.memory-in-flight",
        anchor="memory",
    )


def queries(now: Snapshot) -> Iterator[Finding]:
    """Expressions that fail again and again, or that ran when a process died."""
    lately = [one for one in now.failing if now.at_ms - one.last_ms <= _LATELY_MS]
    failing = [one for one in lately if one.failures >= _LEAST_FAILURES]
    yield from (_deadly(one) for one in now.failing if one.has_killed)
    if len(failing) <= _MOST_DEADLY:
        yield from (_deadly(one) for one in failing if not one.has_killed)


def _deadly(one: FailingQuery) -> Finding:
    panel = f", dashboard {quote(one.dashboard)}" if one.dashboard else ""
    whose = f" (tenant {quote(one.tenant)}{panel})" if one.tenant else panel
    did = (
        "ran when a process died"
        if one.has_killed
        else f"failed {one.failures} times within five minutes ({quote(one.reason)})"
    )
    return Finding(
        "query_of_death",
        78 if one.has_killed else 60,
        is_critical=one.has_killed,
        subject=quote(one.expr),
        text=f"the query {quote(one.expr)}{whose} {did}",
        advice="look at that panel; a rule under `blocked` in --limits.config-file keeps it away",
        anchor="failing",
    )


def loop(now: Snapshot) -> Iterator[Finding]:
    """This process has too little time."""
    rates = now.rates
    if rates.loop_lag_ms < _LATE_MS and rates.loop_busy < _BUSY:
        return
    late = rates.loop_lag_ms >= _LATE_MS
    text = f"was up to {span(rates.loop_lag_ms)} late" if late else "is busy all the time"
    yield Finding(
        "loop_blocked",
        72 if late else 53,
        is_critical=False,
        subject=f"process {now.pid}",
        text=f"the event loop of process {now.pid} {text}, and used "
        f"{percent(rates.loop_busy)} of a core",
        advice="look at the processor time of this host, and what runs; more processes: --workers",
        anchor="loop",
    )


def answers(now: Snapshot) -> Iterator[Finding]:
    """What clients notice, whatever the cause."""
    rates = now.rates
    share = rates.errors_per_s / rates.requests_per_s if rates.requests_per_s else 0.0
    if rates.errors_per_s >= _LEAST_ERRORS_PER_S and share >= _ERROR_SHARE:
        yield Finding(
            "errors",
            68,
            is_critical=share >= _BAD_ERROR_SHARE,
            subject="",
            text=f"{percent(share)} of the answers are errors ({rates.errors_per_s:.1f} a second)",
            advice="look at the log, and at the addresses of the upstream",
            anchor="rates",
        )
    if rates.p99_ms is not None and rates.p99_ms >= _SLOW_MS:
        yield Finding(
            "slow",
            34,
            is_critical=False,
            subject="",
            text=f"one answer of a hundred takes {span(rates.p99_ms)} or longer",
            advice="look at the slowest queries",
            anchor="slowest",
        )
