"""The parts of the page that are about this process: rates, gate, memory, cache, loop, files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from proxy.status import figures
from proxy.status.curves import curve
from proxy.status.html import Markup, join, tag, typed
from proxy.status.tables import Cell, Column, Row, facts, gauge, note, state, table

if TYPE_CHECKING:
    from proxy.status.snapshot import Moment, Snapshot

_MOST_TENANTS = 50
_BUSY = 0.8
_FULL = 0.95


def rates(snapshot: Snapshot) -> Markup:
    now = snapshot.rates
    queue, memory = snapshot.queue, snapshot.memory
    held = _part(memory.held_bytes, memory.most_bytes)
    waiting = queue.waiting + memory.waiting
    dials = (
        _dial(snapshot, "requests", figures.number(now.requests_per_s), "/s", "requests_per_s"),
        _dial(snapshot, "errors", figures.number(now.errors_per_s), "/s", "errors_per_s"),
        _dial(snapshot, "99th percentile", *_split(figures.duration(now.p99_ms)), "p99_ms"),
        _dial(snapshot, "from the cache", *_split(figures.share(now.hit_share)), "hit_share"),
        _dial(snapshot, "waiting", figures.number(waiting), "", "waiting"),
        _dial(snapshot, "memory in flight", *_split(figures.share(held)), "memory_share"),
    )
    rest = facts(
        ("median", figures.duration(now.median_ms)),
        ("asked of the upstream", f"{figures.number(now.upstream_per_s)} /s"),
        ("queries under way", figures.number(len(snapshot.running))),
    )
    return join(tag("div", *dials, class_="dials"), rest)


def _dial(snapshot: Snapshot, name: str, value: str, unit: str, field: str) -> Markup:
    points = [(moment.at_ms, _value(moment, field)) for moment in snapshot.history]
    known = [value for _, value in points if value is not None and math.isfinite(value)]
    peak = _shown(field, max(known)) if known else figures.NOTHING
    most = 1.0 if field in {"hit_share", "memory_share"} else None
    label = f"{name}, the last five minutes: now {value} {unit}, at most {peak}"
    return tag(
        "div",
        tag("h3", name),
        tag("p", value, tag("span", unit, class_="unit") if unit else None, class_="figure"),
        curve(points, snapshot.at_ms, most, label),
        tag("p", tag("span", "5 min"), tag("span", f"peak {peak}"), class_="scale"),
        class_="dial",
    )


def _value(moment: Moment, field: str) -> float | None:
    value: float | None = getattr(moment, field)
    return value


def _shown(field: str, value: float) -> str:
    if field == "p99_ms":
        return figures.duration(value)
    return figures.share(value) if field.endswith("_share") else figures.number(value)


def _split(text: str) -> tuple[str, str]:
    """A figure and its unit, which is set smaller."""
    value, _, unit = text.partition(" ")
    return value, unit


def _part(held: float, most: float) -> float | None:
    return held / most if most else None


def _tone(part: float | None) -> str:
    if part is None or part < _BUSY:
        return ""
    return "bad" if part >= _FULL else "warned"


def _filled(part: float | None, label: str) -> Markup:
    return gauge(part or 0.0, label, _tone(part))


def queue(snapshot: Snapshot) -> Markup:
    gate = snapshot.queue
    part = _part(gate.running, gate.most)
    most = figures.number(gate.most) if gate.most else "any number"
    told = f"{figures.number(gate.running)} of {most} running"
    return join(
        tag("p", told, class_="sum"),
        _filled(part, told),
        facts(
            ("waiting", figures.number(gate.waiting)),
            ("refused", f"{figures.number(gate.refused_per_s)} /s"),
            *((("nobody let in for", figures.duration(gate.stuck_ms)),) if gate.stuck_ms else ()),
        ),
    )


def memory(snapshot: Snapshot) -> Markup:
    held = snapshot.memory
    told = f"{figures.data(held.held_bytes)} of {figures.data(held.most_bytes)} held by answers"
    return join(
        tag("p", told, class_="sum"),
        _filled(_part(held.held_bytes, held.most_bytes), told),
        facts(
            ("waiting for room", figures.number(held.waiting)),
            ("refused", f"{figures.number(held.refused_per_s)} /s"),
        ),
    )


def cache(snapshot: Snapshot) -> Markup:
    kept = snapshot.cache
    if not kept.most_bytes:
        return note("Nothing is kept in memory: the cache has no room.")
    told = f"{figures.data(kept.held_bytes)} of {figures.data(kept.most_bytes)} filled"
    return join(
        tag("p", told, class_="sum"),
        gauge(kept.held_bytes / kept.most_bytes, told),  # a full cache is no trouble by itself
        facts(
            ("extents", figures.number(kept.extents)),
            ("looked for", f"{figures.number(kept.lookups_per_s)} /s"),
            ("removed for room", f"{figures.number(kept.evicted_per_s)} /s"),
            ("asked for again", f"{figures.number(kept.missed_evicted_per_s)} /s"),
            ("too large for it", f"{figures.number(kept.refused_per_s)} /s"),
        ),
    )


def loop(snapshot: Snapshot) -> Markup:
    now = snapshot.rates
    told = f"{figures.share(now.loop_busy)} of a core used"
    return join(
        tag("p", told, class_="sum"),
        _filled(now.loop_busy, told),
        facts(("late by at most", figures.duration(now.loop_lag_ms))),
    )


def tenants(snapshot: Snapshot) -> Markup:
    loads = snapshot.queue.tenants
    if not loads:
        return note("No tenant has anything running or waiting.")
    columns = (
        Column("Tenant"),
        Column("Running", is_number=True),
        Column("Waiting", is_number=True),
        Column("Share", is_number=True),
    )
    rows = [
        Row(
            f"{place}",
            (
                Cell(typed(load.tenant)),
                Cell(figures.number(load.running), load.running),
                Cell(figures.number(load.waiting), load.waiting),
                Cell(_share(load.share), load.share),
            ),
        )
        for place, load in enumerate(loads[:_MOST_TENANTS])
    ]
    shown = table(
        "tenants", "Who has the gate before the upstream, and what share of its time", columns, rows
    )
    left = len(loads) - len(rows)
    return join(shown, note(f"and {left:,} more tenants") if left else None)


def _share(part: float) -> Markup:
    text = figures.share(part)
    return join(text, gauge(part, f"{text} of the upstream's time"))


def files(snapshot: Snapshot) -> Markup:
    if not snapshot.files:
        return note("No file is read again when it changes.")
    columns = (Column("File"), Column("State"), Column("What is wrong", can_sort=False))
    rows = [
        Row(
            f"{place}",
            (
                Cell(typed(file.name)),
                Cell(state("in use", "good") if file.is_good else state("not taken over", "bad")),
                Cell(typed(file.error)),
            ),
        )
        for place, file in enumerate(snapshot.files)
    ]
    return table("files", "Files that are read again when they change", columns, rows)
