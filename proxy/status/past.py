"""Queries that have run: the slowest, the costliest, those that fail; as they are and in groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.status import figures
from proxy.status.html import Markup, clip, code, join, tag, typed
from proxy.status.queries import kept, links
from proxy.status.tables import Cell, Column, Row, note, state, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.status.snapshot import FailingQuery, QueryRun, Snapshot

_MOST_ROWS = 15
_ERROR_CODE = 400


def recent(snapshot: Snapshot) -> Markup:
    """Both lists, each as it is and in groups; which is seen is the reader's choice (style.css)."""
    return join(
        _lists("slowest", "Slowest recent queries", snapshot.slowest),
        _lists("costliest", "Costliest recent queries, by the upstream's time", snapshot.costliest),
    )


class RecentLists:
    """`recent`, made anew only when it has changed: most of the time it has not, and it is long."""

    def __init__(self) -> None:
        self._of: tuple[Sequence[QueryRun], Sequence[QueryRun]] | None = None
        self._made = Markup()

    def __call__(self, snapshot: Snapshot) -> Markup:
        of = (snapshot.slowest, snapshot.costliest)
        if self._of != of:
            self._of, self._made = of, recent(snapshot)
        return self._made


def _lists(name: str, title: str, runs: Sequence[QueryRun]) -> Markup:
    if not runs:
        return join(tag("h3", title), note("None yet."))
    tables = [tag("div", _each(name, title, runs), class_="by by-query")]
    for group in _GROUPS:
        inner = _grouped(f"{name}-{group.name}", f"{title}, by {group.name}", runs, group)
        tables.append(tag("div", inner, class_=f"by by-{group.name}"))
    return join(tag("h3", title), *tables)


def _each(name: str, title: str, runs: Sequence[QueryRun]) -> Markup:
    columns = (
        Column("Query"),
        Column("Took", is_number=True),
        Column("Upstream", is_number=True),
        Column("Received", is_number=True),
        Column("Cache (steps)"),
        Column("Code", is_number=True),
        Column("Dashboard"),
        Column("Tenant"),
        Column("When"),
    )
    rows = [_one(run) for run in runs[:_MOST_ROWS]]
    return table(name, title, columns, rows)


def _one(run: QueryRun) -> Row:
    dashboard = join(
        typed(run.dashboard, 80), tag("span", " / ", typed(run.panel, 40)) if run.panel else None
    )
    led = tag("span", *links(run), class_="links")
    name = code(run.expr) if run.expr else tag("span", clip(run.handler, 40))
    return Row(
        f"{run.id} {run.began_ms}",
        (
            Cell(join(name, led)),
            Cell(figures.duration(run.took_ms), run.took_ms),
            Cell(figures.duration(run.upstream_ms), run.upstream_ms),
            Cell(figures.data(run.upstream_bytes), run.upstream_bytes),
            Cell(kept(run)),
            Cell(str(run.code or figures.NOTHING), run.code),
            Cell(dashboard),
            Cell(typed(run.tenant, 80)),
            Cell(_time(run.began_ms), run.began_ms),
        ),
        mark="bad" if run.code >= _ERROR_CODE else "",
    )


def failing(snapshot: Snapshot) -> Markup:
    """Expressions that keep failing, or that ran when a process died."""
    if not snapshot.failing:
        return note("No query has failed of late.")
    columns = (
        Column("Query"),
        Column("Failures", is_number=True),
        Column("Last reason"),
        Column("Dashboard"),
        Column("Tenant"),
        Column("Last"),
    )
    rows = [_failing(one) for one in snapshot.failing[:_MOST_ROWS]]
    return table("failing", "Expressions that have failed of late", columns, rows)


def _failing(one: FailingQuery) -> Row:
    died = state("ran when a process died", "bad") if one.has_killed else None
    reason = typed(one.reason) if one.reason or not died else None
    return Row(
        f"{one.expr[:80]} {one.tenant}",
        (
            Cell(code(one.expr)),
            Cell(figures.number(one.failures), one.failures),
            Cell(join(died, " ", reason)),
            Cell(typed(one.dashboard, 80)),
            Cell(typed(one.tenant, 80)),
            Cell(_time(one.last_ms), one.last_ms),
        ),
        mark="bad" if one.has_killed else "",
    )


def _time(at_ms: int) -> Markup:
    return tag("time", figures.clock(at_ms), datetime=figures.iso(at_ms))


@dataclass(frozen=True, slots=True)
class _Group:
    """A way to put queries together."""

    name: str
    key: Callable[[QueryRun], str]


_GROUPS = (
    _Group("dashboard", lambda run: run.dashboard),
    _Group("tenant", lambda run: run.tenant),
    _Group("expression", lambda run: run.expr),
)
GROUP_NAMES = ("query", *(group.name for group in _GROUPS))


def _grouped(name: str, title: str, runs: Sequence[QueryRun], group: _Group) -> Markup:
    found: dict[str, list[QueryRun]] = {}
    for run in runs:
        found.setdefault(group.key(run), []).append(run)
    columns = (
        Column(group.name.capitalize()),
        Column("Queries", is_number=True),
        Column("Took together", is_number=True),
        Column("Longest", is_number=True),
        Column("Upstream", is_number=True),
        Column("Received", is_number=True),
        Column("Steps held", is_number=True),
        Column("Failed", is_number=True),
    )
    rows = [_group_row(key, members, group) for key, members in found.items()]
    return table(name, title, columns, rows[:_MOST_ROWS])


def _group_row(key: str, members: Sequence[QueryRun], group: _Group) -> Row:
    took_ms = sum(run.took_ms for run in members)
    longest_ms = max(run.took_ms for run in members)
    upstream_ms = sum(run.upstream_ms for run in members)
    received = sum(run.upstream_bytes for run in members)
    steps = sum(run.steps for run in members)
    held = sum(run.steps_held for run in members) / steps if steps else None
    failed = sum(run.code >= _ERROR_CODE for run in members)
    return Row(
        key,
        (
            Cell(code(key) if group.name == "expression" and key else typed(key)),
            Cell(figures.number(len(members)), len(members)),
            Cell(figures.duration(took_ms), took_ms),
            Cell(figures.duration(longest_ms), longest_ms),
            Cell(figures.duration(upstream_ms), upstream_ms),
            Cell(figures.data(received), received),
            Cell(figures.share(held), held),
            Cell(figures.number(failed), failed),
        ),
    )
