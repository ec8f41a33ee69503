"""The HTML report of a run. All text from files and targets is escaped where it is put in."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from proxy.load.page import card, notes, page, table, tile
from proxy.load.plots import (
    colour,
    latency_chart,
    latency_scale,
    percentile_chart,
    requests_chart,
)
from proxy.load.result import (
    COLUMNS,
    NONE,
    cache_text,
    failure_rows,
    latency_text,
    ratio_cells,
    slowest,
    summary_cells,
    warnings,
)
from proxy.load.saved import Saved
from proxy.load.table import saved_text
from proxy.load.units import clock, count, duration, rate, share, size

if TYPE_CHECKING:
    from proxy.load.result import RunResult, TargetResult
    from proxy.load.svg import Scale

_MOST_QUESTIONS = 15
_HOW = (
    "Requests were planned before the run began and sent at their times, whatever the target did. "
    "A latency runs from the planned time to the last byte, so a target that stalls shows with "
    "all requests that fell into the stall. Timeouts count as long as they lasted; quick failures are "
    "counted as errors only. Percentiles are at most 0.8 % too high."
)


def report_page(result: RunResult, *, with_ratios: bool) -> str:
    """The whole document."""
    scale = latency_scale([target.tally for target in result.targets])
    sections = [_head(result), notes([*warnings(result.targets), *result.notes])]
    sections.append(_summary(result, with_ratios=with_ratios))
    sections.append(_percentiles(result))
    sections += [_target(result, target, scale) for target in result.targets]
    sections.append(f'<p class="soft small">{escape(_HOW)}</p>')
    return page(f"thanoxy-load: {result.workload.title}", sections)


def _head(result: RunResult) -> str:
    facts = "".join(
        f'<span><span class="soft">{escape(name)}</span> {escape(value)}</span>'
        for name, value in result.facts
    )
    ended = f", ended early after {clock(result.ran_ms / 1000)}" if result.interrupted else ""
    return (
        f"<h1>{escape(result.workload.title)}</h1>"
        f'<p class="soft">thanoxy-load, {escape(result.started)}{escape(ended)}</p>'
        f'<div class="facts card">{facts}</div>'
    )


def _summary(result: RunResult, *, with_ratios: bool) -> str:
    rows = []
    for number, target in enumerate(result.targets):
        rows.append((target.name, *summary_cells(result, target)))
        if with_ratios and number:
            rows.append(("against the first", *ratio_cells(result.targets[0], target)))
    css = ["name", *[""] * (len(COLUMNS) - 1), "text"]
    return card("Summary", table(("target", *COLUMNS), rows, css))


def _percentiles(result: RunResult) -> str:
    plot = percentile_chart(
        [target.tally.all.latency for target in result.targets], "latency by percentile"
    )
    if not plot:
        return ""
    keys = [(colour(number), target.name) for number, target in enumerate(result.targets)]
    explained = "Latency that this share of the requests did not exceed."
    return card("Percentile curve", plot, explained=explained, keys=keys)


def _target(result: RunResult, target: TargetResult, scale: Scale) -> str:
    tally = target.tally
    pieces = f"By the planned time of the requests, in pieces of {duration(tally.bucket_ms)}."
    logarithmic = " The axis is logarithmic." if scale.is_log else ""
    parts = [
        f"<h2>{escape(target.name)}</h2>",
        _tiles(result, target),
        card(
            "Latency over time",
            latency_chart(tally, scale, result.ran_ms, "latency over time"),
            explained=pieces + logarithmic,
            keys=(("c0", "p50"), ("c1", "p99")),
        ),
        card(
            "Requests and errors over time",
            requests_chart(tally, result.ran_ms, "requests and errors over time"),
            explained=pieces,
            keys=(("done", "answered"), ("bad", "failed")),
        ),
        _saved(target.saved),
        _failures(target),
        _questions(result, target),
    ]
    return "\n".join(parts)


def _tiles(result: RunResult, target: TargetResult) -> str:
    tally = target.tally
    latency = tally.all.latency
    tiles = [
        tile("answered", rate(tally.answered_per_s(result.ran_ms))),
        tile("p50", latency_text(latency, 50.0)),
        tile("p99", latency_text(latency, 99.0)),
        tile("max", latency_text(latency, 100.0)),
        tile("errors", count(tally.all.failures), "bad" if tally.all.failures else ""),
        tile("received", size(tally.all.size_bytes)),
    ]
    cache = cache_text(tally)
    shown = f'<p class="soft small">X-Thanoxy-Cache: {escape(cache)}</p>' if cache != NONE else ""
    return f'<div class="tiles">{"".join(tiles)}</div>{shown}'


def _saved(saved: Saved | str) -> str:
    if not isinstance(saved, Saved) or saved.share is None:
        return card("Upstream work saved", f'<p class="soft small">{escape(saved_text(saved))}</p>')
    held = max(0.0, min(1.0, saved.share)) * 100
    bar = (
        f'<div class="split"><div class="held" style="width:{held:.2f}%"></div>'
        f'<div class="asked" style="width:{100 - held:.2f}%"></div></div>'
        f'<p class="small">{escape(saved_text(saved))}</p>'
    )
    keys = (("held", f"from the cache {share(held / 100)}"), ("asked", "asked of the upstream"))
    explained = "Steps of range queries, by the target's own counters, of all its clients."
    return card("Upstream work saved", bar, explained=explained, keys=keys)


def _failures(target: TargetResult) -> str:
    rows = failure_rows(target.tally)
    if not rows:
        return ""
    return card("Errors", table(("kind", "requests", "first example"), rows, ("text", "", "text code")))


def _questions(result: RunResult, target: TargetResult) -> str:
    rows = slowest(result, target, _MOST_QUESTIONS)
    if not rows:
        return ""
    head = ("question", "requests", "errors", "p50", "p99", "bytes each", "expression")
    css = ("name", "", "", "", "", "", "text code")
    return card("Slowest questions", table(head, rows, css))
