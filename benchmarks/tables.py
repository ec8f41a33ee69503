"""A run's figures as Markdown tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from benchmarks.marks import by_workload, fastest_peer, marks, times
from benchmarks.participants import OURS
from benchmarks.quantiles import three_digits
from proxy.load.units import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.marks import Mark
    from benchmarks.results import Machine, PeersRun, Row

UNKNOWN = ""


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], names: int = 1) -> str:
    """A table whose first `names` columns are to the left, the others to the right."""
    rule = ["---"] * names + ["---:"] * (len(head) - names)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *rows))


def machine_text(machine: Machine, *, is_quick: bool, took_s: float, what: str) -> str:
    """What a run ran on, as one paragraph."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    quick = (
        "**These are figures of a short run (`--quick`): they show the form, not the speed.**\n\n"
        if is_quick
        else ""
    )
    return (
        f"{quick}{what}: {machine.cores} cores, {machine.memory_gb:.0f} GB, {machine.system};"
        f" {versions}. Others used {machine.busy * 100:.0f} % of the processors just before the run,"
        f" which took {duration(took_s * 1e3)}.\n"
    )


def marks_table(found: Sequence[Mark]) -> str:
    """Every mark, asked of thanoxy as it is and with its memo off."""
    rows = [(one.name, one.peer, one.wanted, one.found, one.verdict) for one in found]
    missed = sum(not one.is_met for one in found)
    head = ("workload", "of", "wanted", "found", "mark")
    summary = f"{len(found) - missed} of {len(found)} marks met.\n"
    return f"{summary}\n{markdown(head, rows, names=3)}"


def speed_table(run: PeersRun) -> str:
    """A row for each workload: medians, and how many times as long the fastest peer takes."""
    peers = list(dict.fromkeys(row.peer for row in run.rows))
    verdicts: dict[tuple[str, str], str] = {}
    for mark in marks(run):
        verdicts.setdefault((mark.name, mark.peer), mark.verdict)
    rows = []
    for workload, group in by_workload(run.rows).items():
        medians = {row.peer: three_digits(row.median_ms) for row in group}
        cells = [medians.get(peer, UNKNOWN) for peer in peers]
        ratios, found = [], []
        for ours in OURS:
            ratios.append(_ratio(group, ours))
            found.append(verdicts.get((workload, ours), UNKNOWN))
        rows.append((workload, *cells, *ratios, " / ".join(dict.fromkeys(found)).strip(" /")))
    head = (
        "median, ms",
        *peers,
        "fastest peer / thanoxy",
        "fastest peer / memo off",
        "mark",
    )
    return markdown(head, rows)


def _ratio(group: Sequence[Row], ours: str) -> str:
    peer = fastest_peer(group)
    mine = next((row for row in group if row.peer == ours), None)
    return times(peer.median_ms / mine.median_ms) if peer and mine else UNKNOWN


def cost_table(rows: Sequence[Row]) -> str:
    """One workload and peer in each row: all that was counted."""
    cells = [
        (
            row.workload,
            row.peer,
            f"{row.requests:,}",
            three_digits(row.median_ms),
            three_digits(row.p99_ms),
            three_digits(row.cpu_ms),
            three_digits(row.upstream_requests),
            three_digits(row.upstream_mb),
            share(row.samples, row.client_samples),
            f"{row.errors:,}",
        )
        for row in rows
    ]
    head = (
        "workload",
        "peer",
        "requests",
        "median ms",
        "p99 ms",
        "CPU ms",
        "asked of Thanos",
        "MB of Thanos",
        "samples of Thanos",
        "errors",
    )
    return markdown(head, cells, names=2)


def share(part: float, whole: float) -> str:
    """In percent of what the clients asked for; empty where that is not known or nothing."""
    if math.isnan(part) or not whole:
        return UNKNOWN
    return f"{three_digits(part / whole * 100)} %" if part else "0 %"


def throughput_table(run: PeersRun) -> str:
    peers = list(dict.fromkeys(one.peer for one in run.throughput))
    names = dict.fromkeys(one.workload for one in run.throughput)
    rates = {(one.workload, one.peer): one.requests_per_core_s for one in run.throughput}
    rows = [(name, *(f"{rates[name, peer]:,.0f}" for peer in peers)) for name in names]
    return markdown(("requests a core second", *peers), rows)


def memory_table(run: PeersRun) -> str:
    rows = [
        (
            one.peer,
            f"{one.points / 1e6:.1f} million",
            f"{one.grown_bytes / 1e6:,.0f}",
            f"{one.peak_bytes / 1e6:,.0f}",
            f"{one.bytes_a_point:.1f}",
        )
        for one in run.memory
    ]
    return markdown(("peer", "points kept", "RSS grown, MB", "peak RSS, MB", "bytes a point"), rows)


def crowd_table(run: PeersRun) -> str:
    rows = [
        (
            f"{one.clients} {one.how}",
            one.peer,
            f"{one.requests:,}",
            f"{one.errors:,}",
            f"{one.answered_per_s:,.0f}",
            three_digits(one.median_ms),
            three_digits(one.p99_ms),
            times(one.p99_ms / one.median_ms),
            three_digits(one.most_ms),
            f"{one.busy:.0%}",
            f"{one.late:,}",
        )
        for one in run.crowd
    ]
    head = (
        "clients",
        "peer",
        "requests",
        "errors",
        "answered a second",
        "median ms",
        "p99 ms",
        "p99 / median",
        "longest ms",
        "generator busy",
        "sent late",
    )
    return markdown(head, rows, names=2)


def reads_table(run: PeersRun) -> str:
    direct_ms = run.reads[0].median_ms if run.reads else math.nan
    rows = [
        (
            one.peer,
            three_digits(one.median_ms),
            three_digits(one.cpu_ms),
            f"{one.median_ms / direct_ms:.2f}",
        )
        for one in run.reads
    ]
    return markdown(("peer", "median ms", "CPU ms", "of direct"), rows)


def rows_text(rows: Sequence[Row]) -> str:
    """One workload for a terminal, while the run goes on."""
    peer = fastest_peer(rows)
    lines = [rows[0].workload]
    for row in rows:
        ratio = f"{row.median_ms / peer.median_ms:8.3f}" if peer else " " * 8
        lines.append(
            f"    {row.peer:24}{three_digits(row.median_ms):>9} ms{ratio} of the fastest peer"
            f"   p99 {three_digits(row.p99_ms):>8}   CPU {three_digits(row.cpu_ms):>8}"
            f"   samples of Thanos {share(row.samples, row.client_samples):>7}"
        )
    return "\n".join(lines)
