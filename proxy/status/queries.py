"""The queries that run, each as a waterfall, and those that have run, by time and by cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from proxy.status import figures
from proxy.status.html import Markup, clip, code, join, tag, typed
from proxy.status.tables import Cell, Column, Row, note, table
from proxy.status.waterfall import waterfall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from proxy.status.snapshot import QueryRun, Snapshot

CANCEL = "api/v1/admin/thanoxy/cancel"
EXPLAIN = "api/v1/thanoxy/explain"
COVERAGE = "api/v1/thanoxy/coverage"

_MOST_RUNNING = 20
_MOST_RECENT = 15
_MOST_LINK_CHARACTERS = 1500
_ERROR_CODE = 400


def running(snapshot: Snapshot, can_cancel: bool) -> Markup:
    if not snapshot.running:
        return note("No query is under way.")
    longest_first = sorted(snapshot.running, key=lambda run: -run.took_ms)
    shown = [_running(run, can_cancel) for run in longest_first[:_MOST_RUNNING]]
    left = len(longest_first) - len(shown)
    legend = tag(
        "p",
        *(
            tag("span", tag("span", class_=f"swatch {tone}", aria_hidden="true"), tone)
            for tone in ("waiting", "fetching", "scanning", "failed")
        ),
        class_="legend",
    )
    return join(
        legend,
        tag("ul", *shown, class_="runs"),
        note(f"and {left:,} more queries, younger ones") if left else None,
    )


def _running(run: QueryRun, can_cancel: bool) -> Markup:
    head = tag(
        "div",
        tag("p", code(run.expr), class_="expr"),
        _cancel(run) if can_cancel and run.id else None,
        class_="run-head",
    )
    told = [
        tag("strong", figures.duration(run.took_ms)),
        tag("span", clip(run.handler, 40)),
        *(_named(name, value) for name, value in _whose(run) if value),
        tag("span", f"step {figures.step(run.step_ms)}") if run.step_ms else None,
        tag("span", f"{_range(run)}") if run.end_ms > run.start_ms else None,
        tag("span", "cache ", _kept(run)) if run.result else None,
        tag("span", f"{figures.data(run.upstream_bytes)} received") if run.upstream_bytes else None,
    ]
    splits = waterfall(run.splits, run.took_ms) if run.splits else None
    links = tag("span", *_links(run), class_="links")
    return tag(
        "li",
        head,
        tag("p", *told, links, class_="told"),
        splits,
        data_key=clip(run.id, 80),
    )


def _named(name: str, value: str) -> Markup:
    return tag("span", f"{name} ", typed(value, 80), class_="wide-only" if name == "trace" else None)


def _whose(run: QueryRun) -> tuple[tuple[str, str], ...]:
    return (
        ("tenant", run.tenant),
        ("user", run.user),
        ("dashboard", run.dashboard),
        ("panel", run.panel),
        ("trace", run.trace_id),
    )


def _range(run: QueryRun) -> str:
    return f"{figures.duration(run.end_ms - run.start_ms)} to {figures.moment(run.end_ms)}"


def _kept(run: QueryRun) -> Markup:
    """What the cache held; why not, where it was not asked."""
    if run.reason or not run.steps:
        return join(typed(run.result, 20), " ", typed(run.reason, 80) if run.reason else None)
    return join(typed(run.result, 20), f" {run.steps_held:,} / {run.steps:,}")


def _cancel(run: QueryRun) -> Markup:
    return tag(
        "form",
        tag("input", type="hidden", name="id", value=clip(run.id, 200)),
        tag("button", "Cancel", type="submit", aria_label=clip(f"Cancel {run.expr}", 120)),
        method="post",
        action=CANCEL,
        class_="cancel",
    )


def _links(run: QueryRun) -> Iterable[Markup]:
    """To the plan of a query, and to what is kept of it; too long ones have none."""
    if not run.step_ms or len(run.expr) > _MOST_LINK_CHARACTERS:
        return
    values = {
        "query": run.expr.encode("utf-8", "replace"),
        "start": _seconds(run.start_ms),
        "end": _seconds(run.end_ms),
    }
    coverage = urlencode(values)
    explain = urlencode({**values, "step": _seconds(run.step_ms)})
    label = clip(run.expr, 60)
    yield tag("a", "explain", href=f"{EXPLAIN}?{explain}", aria_label=f"Explain {label}")
    yield tag("a", "coverage", href=f"{COVERAGE}?{coverage}", aria_label=f"Coverage of {label}")


def _seconds(at_ms: int) -> str:
    """Exact, without needless digits."""
    return str(at_ms // 1000) if at_ms % 1000 == 0 else f"{at_ms / 1000:.3f}"


def recent(snapshot: Snapshot) -> Markup:
    """Both lists, each as it is and in groups; which is seen is the reader's choice (style.css)."""
    return join(
        _lists("slowest", "Slowest recent queries", snapshot.slowest),
        _lists("costliest", "Costliest recent queries, by what the upstream sent", snapshot.costliest),
    )


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
        Column("Received", is_number=True),
        Column("Cache (steps)"),
        Column("Code", is_number=True),
        Column("Dashboard"),
        Column("Tenant"),
        Column("When"),
    )
    rows = [_one(run) for run in runs[:_MOST_RECENT]]
    return table(name, title, columns, rows)


def _one(run: QueryRun) -> Row:
    dashboard = join(
        typed(run.dashboard, 80), tag("span", " / ", typed(run.panel, 40)) if run.panel else None
    )
    links = tag("span", *_links(run), class_="links")
    name = code(run.expr) if run.expr else tag("span", clip(run.handler, 40))
    return Row(
        f"{run.id} {run.began_ms}",
        (
            Cell(join(name, links)),
            Cell(figures.duration(run.took_ms), run.took_ms),
            Cell(figures.data(run.upstream_bytes), run.upstream_bytes),
            Cell(_kept(run)),
            Cell(str(run.code or figures.NOTHING), run.code),
            Cell(dashboard),
            Cell(typed(run.tenant, 80)),
            Cell(
                tag("time", figures.clock(run.began_ms), datetime=figures.iso(run.began_ms)),
                run.began_ms,
            ),
        ),
        mark="bad" if run.code >= _ERROR_CODE else "",
    )


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
        Column("Received", is_number=True),
        Column("Steps held", is_number=True),
        Column("Failed", is_number=True),
    )
    rows = [_group_row(key, members, group) for key, members in found.items()]
    return table(name, title, columns, rows[:_MOST_RECENT])


def _group_row(key: str, members: Sequence[QueryRun], group: _Group) -> Row:
    took_ms = sum(run.took_ms for run in members)
    longest_ms = max(run.took_ms for run in members)
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
            Cell(figures.data(received), received),
            Cell(figures.share(held), held),
            Cell(figures.number(failed), failed),
        ),
    )
