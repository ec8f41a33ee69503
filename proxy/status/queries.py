"""The queries that run, each as a waterfall of its splits."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from proxy.status import figures
from proxy.status.html import Markup, clip, code, join, tag, typed
from proxy.status.tables import note
from proxy.status.waterfall import waterfall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.status.snapshot import QueryRun, Snapshot

CANCEL = "api/v1/admin/thanoxy/cancel"
EXPLAIN = "api/v1/thanoxy/explain"
COVERAGE = "api/v1/thanoxy/coverage"

_MOST_RUNNING = 12
_MOST_LINK_CHARACTERS = 1500


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
        tag("span", "cache ", kept(run)) if run.result else None,
        tag("span", f"{figures.data(run.upstream_bytes)} received") if run.upstream_bytes else None,
    ]
    splits = waterfall(run.splits, run.took_ms) if run.splits else None
    led = tag("span", *links(run), class_="links")
    return tag(
        "li",
        head,
        tag("p", *told, led, class_="told"),
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


def kept(run: QueryRun) -> Markup:
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


def links(run: QueryRun) -> Iterable[Markup]:
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
    tenant = clip(run.tenant, 200)
    for name, address, told in (
        ("explain", f"{EXPLAIN}?{explain}", f"Explain {label}"),
        ("coverage", f"{COVERAGE}?{coverage}", f"Coverage of {label}"),
    ):
        yield tag("a", name, href=address, aria_label=told, data_tenant=tenant)


def _seconds(at_ms: int) -> str:
    """Exact, without needless digits."""
    return str(at_ms // 1000) if at_ms % 1000 == 0 else f"{at_ms / 1000:.3f}"
