"""What can be wrong with the upstream: its addresses, its clocks, its names, its stores. Pure."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from proxy.status.snapshot import Finding
from proxy.status.words import count, names, quote, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.status.snapshot import Address, Snapshot, StoreState

TIMES_AS_SLOW = 3.0
_SLOWER_THAN_BEFORE = 5.0
_LEAST_LATE_MS = 500.0
"""What is quicker than this troubles nobody, however much slower it is than it was."""
LEAST_SKEW_MS = 2_000
_LONGEST_UNSEEN_MS = 30_000
_CLOSED = "closed"


def addresses(now: Snapshot) -> Iterator[Finding]:
    """Addresses that get no work; the slow ones are named as slow."""
    ill = [one for one in now.addresses if one.state != _CLOSED]
    if now.addresses and len(ill) == len(now.addresses):
        yield _all_dead(ill)
        return
    left = len(now.addresses) - len(ill)
    for one in ill:
        if one.last_reason == "overtaken":
            yield _slow(one, now)
        else:
            yield Finding(
                "upstream_dead",
                58,
                is_critical=left < len(ill),
                subject=one.url,
                text=f"{one.url} gets no work, because it fails: {_error(one)}; "
                f"{left} of {count(len(now.addresses), 'address', 'addresses')} still work",
                advice="look whether that Thanos Query runs and can be reached from here",
                anchor="addresses",
            )
    for one in now.addresses:
        if one.state == _CLOSED and _is_slow(one, now.addresses):
            yield _slow(one, now)


def _all_dead(ill: Sequence[Address]) -> Finding:
    what = "the upstream does" if len(ill) == 1 else f"all {len(ill)} addresses of the upstream do"
    return Finding(
        "all_upstreams_dead",
        100,
        is_critical=True,
        subject=ill[0].url,
        text=f"{what} not answer as they should: {names([one.url for one in ill])}; "
        f"the last error: {_error(ill[0])}",
        advice="look whether Thanos Query runs and can be reached from here",
        anchor="addresses",
    )


def _error(one: Address) -> str:
    return quote(one.last_error) or "it does not answer"


def _is_slow(one: Address, all_of_them: Sequence[Address]) -> bool:
    others = [other.slowness for other in all_of_them if other is not one and other.state == _CLOSED]
    if others:
        return one.slowness >= TIMES_AS_SLOW * max(median(others), 1.0)
    is_late = one.latency_ms is not None and one.latency_ms >= _LEAST_LATE_MS
    return one.slowness >= _SLOWER_THAN_BEFORE and is_late


def _slow(one: Address, now: Snapshot) -> Finding:
    others = [o.latency_ms for o in now.addresses if o is not one and o.latency_ms is not None]
    than = f"; the others answer in {span(median(others))}" if others else ""
    took = f" ({span(one.latency_ms)}{than})" if one.latency_ms is not None else ""
    is_known = one.slowness >= TIMES_AS_SLOW
    times = f"at least {one.slowness:.1f} times as long as usual" if is_known else "longer than others"
    gets = ", and gets no work for a while" if one.state != _CLOSED else ""
    return Finding(
        "upstream_slow",
        55,
        is_critical=False,
        subject=one.url,
        text=f"{one.url} takes {times}{took}{gets}",
        advice="look at the load of that Thanos Query, and at the stores that only it asks",
        anchor="addresses",
    )


def clocks(now: Snapshot) -> Iterator[Finding]:
    """Clocks that differ; where all others agree, it is the one here."""
    skews = [(one, one.skew_ms) for one in now.addresses if one.skew_ms is not None]
    off = [(one, skew) for one, skew in skews if abs(skew) >= LEAST_SKEW_MS]
    if not off:
        return
    values = [skew for _, skew in skews]
    is_ours = len(off) == len(skews) > 1 and max(values) - min(values) < LEAST_SKEW_MS
    address, skew = max(off, key=lambda pair: abs(pair[1]))
    way = "ahead of" if skew > 0 else "behind"
    if is_ours:
        other = "behind" if skew > 0 else "ahead of"
        text = f"the clock of this host is at least {span(abs(skew))} {other} those of all addresses"
    else:
        text = f"the clock of {address.url} is at least {span(abs(skew))} {way} the one here"
    yield Finding(
        "clock_skew",
        45,
        is_critical=False,
        subject="this host" if is_ours else address.url,
        text=f"{text}: dashboards that end now lack their newest points or show none",
        advice="look whether time is synchronised (chrony, ntpd) on both hosts",
        anchor="addresses",
    )


def lookups(now: Snapshot) -> Iterator[Finding]:
    """Names that cannot be looked up."""
    if not now.unfound_names:
        return
    is_lost = not now.addresses
    state = "and no address is known" if is_lost else "the addresses known before are asked"
    yield Finding(
        "dns_failing",
        100 if is_lost else 28,
        is_critical=is_lost,
        subject=now.unfound_names[0],
        text=f"{names(now.unfound_names)} cannot be looked up: {state}",
        advice="look at the name servers of this host, and whether the service still has that name",
        anchor="addresses",
    )


def stores(now: Snapshot) -> Iterator[Finding]:
    """Stores that Thanos Query has lost."""
    lost = [one for one in now.stores if one.hole or not one.is_healthy]
    if lost:
        yield _lost(lost)
    age_ms = now.stores_age_ms
    if age_ms is not None and age_ms >= _LONGEST_UNSEEN_MS:
        yield Finding(
            "stores_unseen",
            20,
            is_critical=False,
            subject="",
            text=f"the stores of Thanos Query were seen {span(age_ms)} ago for the last time: "
            "answers are kept for seconds only",
            advice="ask Thanos Query for /api/v1/stores, and look how long it takes",
            anchor="stores",
        )


def _lost(lost: Sequence[StoreState]) -> Finding:
    worst = max(lost, key=lambda one: bool(one.hole))
    error = f" ({quote(worst.last_error)})" if worst.last_error else ""
    more = f", and {len(lost) - 1} more are away" if len(lost) > 1 else ""
    hole = f": {worst.hole}" if worst.hole else ""
    return Finding(
        "store_lost",
        62,
        is_critical=False,
        subject=worst.address or worst.kind,
        text=f"Thanos Query has lost the store {worst.kind} at {worst.address or 'no known address'}"
        f"{error}{more}{hole}",
        advice="look whether that store runs, and whether Thanos Query reaches its gRPC port",
        anchor="stores",
    )
