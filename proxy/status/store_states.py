"""The stores of Thanos as the last look found them, and what is in doubt without them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.codec.stores_json import kind_text
from proxy.status.snapshot import StoreState
from proxy.status.words import moment, span

if TYPE_CHECKING:
    from proxy.plan.holes import Outage, Store, StoreWatch

_MOST = 200
_FAR_MS = 1 << 52
"""Thanos writes the largest numbers there are for "since ever" and "until now"."""


def age_ms(watch: StoreWatch, monotonic_ms: int) -> int | None:
    """How long ago the stores were looked at; None where nobody does."""
    if not watch.is_watched or watch.last_look_ms < 0:
        return None
    return max(monotonic_ms - watch.last_look_ms, 0)


def store_states(watch: StoreWatch, monotonic_ms: int, now_ms: int) -> tuple[StoreState, ...]:
    """All stores that are listed, and those that ought to be; those that are away first."""
    away = {outage.kind: outage for outage in watch.open_outages}
    listed = [_listed(store, away, monotonic_ms, now_ms) for store in watch.listed[:_MOST]]
    named = {store.kind for store in watch.listed if not store.is_healthy}
    gone = [
        _gone(outage, watch, monotonic_ms, now_ms)
        for outage in away.values()
        if outage.kind not in named
    ]
    states = sorted([*gone, *listed], key=lambda one: (not one.hole, one.is_healthy))
    return tuple(states[:_MOST])


def _listed(store: Store, away: dict[str, Outage], monotonic_ms: int, now_ms: int) -> StoreState:
    outage = None if store.is_healthy else away.get(store.kind)
    return StoreState(
        kind=kind_text(store.kind),
        address=store.address,
        min_ms=_known(store.min_ms),
        max_ms=_known(store.max_ms),
        is_healthy=store.is_healthy,
        last_error=store.last_error,
        hole=_hole(outage, monotonic_ms, now_ms) if outage else "",
    )


def _gone(outage: Outage, watch: StoreWatch, monotonic_ms: int, now_ms: int) -> StoreState:
    """One that is not even listed any more."""
    expected = watch.expected.get(outage.kind)
    present = {store.address for store in watch.listed if store.is_healthy}
    addresses = sorted(expected.addresses - present) if expected else []
    return StoreState(
        kind=kind_text(outage.kind),
        address=addresses[0] if addresses else "",
        min_ms=_known(outage.min_ms),
        max_ms=_known(outage.max_ms),
        is_healthy=False,
        last_error="Thanos Query does not list it any more",
        hole=_hole(outage, monotonic_ms, now_ms),
    )


def _hole(outage: Outage, monotonic_ms: int, now_ms: int) -> str:
    """In words. The outage is told on the monotonic clock, its data's times on the wall's."""
    since = f"for {span(max(monotonic_ms - outage.from_ms, 0))}" if outage.from_ms > -_FAR_MS else "now"
    begin = f"from {moment(outage.min_ms)}" if outage.min_ms > -_FAR_MS else "from the beginning"
    end = f"to {moment(outage.max_ms)}" if outage.max_ms < min(_FAR_MS, now_ms) else "to now"
    return f"away {since}, answers may lack its data {begin} {end}"


def _known(time_ms: int) -> int | None:
    return time_ms if abs(time_ms) < _FAR_MS else None
