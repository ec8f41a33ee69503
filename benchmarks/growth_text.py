"""A run of the growth as fits, sentences and plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.figures import Figure, count_text, figure
from benchmarks.fits import line, linear_stretch, power_law
from benchmarks.growth import (
    CACHE,
    CLIENTS,
    COLD,
    DIRECT,
    EXTENT_STEPS,
    LATENCY,
    LATENCY_P99,
    LOOKUP,
    LOOKUP_P99,
    PEAK,
    RESIDENT,
    SERIES,
    STEPS,
    THROUGHPUT,
    WARM_GZIP,
    WARM_IDENTITY,
)
from benchmarks.quantiles import three_digits
from benchmarks.tables import markdown
from proxy.load.units import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.results import Curve, GrowthRun

_FEWEST = 3
"""Points that a fit needs to say anything."""


def plots(run: GrowthRun) -> dict[str, str]:
    """SVG files by name."""
    answers = (DIRECT, COLD, WARM_GZIP, WARM_IDENTITY)
    milliseconds = duration
    wanted: list[tuple[str, Figure, str, tuple[str, ...]]] = [
        (
            "growth-series",
            Figure("Time of an answer: more series of 1,000 steps", "points", milliseconds),
            SERIES,
            answers,
        ),
        (
            "growth-steps",
            Figure("Time of an answer: more steps of 100 series", "points", milliseconds),
            STEPS,
            answers,
        ),
        (
            "growth-memory",
            Figure("Peak memory above the idle process: more series", "points", _megabytes),
            SERIES,
            (PEAK,),
        ),
        (
            "growth-clients",
            Figure("Latency with many clients that never pause", "connections", milliseconds),
            CLIENTS,
            (LATENCY, LATENCY_P99),
        ),
        (
            "growth-throughput",
            Figure("Answers a second with many clients", "connections", count_text),
            CLIENTS,
            (THROUGHPUT,),
        ),
        (
            "growth-cache",
            Figure("A look at a kept extent, by what is kept", "extents kept", milliseconds),
            CACHE,
            (LOOKUP, LOOKUP_P99),
        ),
        (
            "growth-cache-memory",
            Figure("Resident memory above the idle process", "extents kept", _megabytes),
            CACHE,
            (RESIDENT,),
        ),
    ]
    found = {}
    for name, shown, group, names in wanted:
        curves = [one for one in (curve_of(run, group, title) for title in names) if one]
        if curves:
            found[name] = figure(shown, curves)
    return found


def _megabytes(value: float) -> str:
    return f"{three_digits(value)} MB"


def curve_of(run: GrowthRun, group: str, name: str) -> Curve | None:
    """None where that section was not run; points that are not above 0 are left out."""
    for curve in run.curves:
        if (curve.group, curve.name) == (group, name):
            kept = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if y > 0]
            xs, ys = zip(*kept, strict=True) if kept else ((), ())
            return type(curve)(group, name, xs, ys)
    return None


def answers_table(run: GrowthRun, group: str) -> str:
    """The fits of times and memory by points."""
    rows = []
    for name in (DIRECT, COLD, WARM_GZIP, WARM_IDENTITY, PEAK):
        curve = curve_of(run, group, name)
        if curve is None or len(curve.x) < _FEWEST:
            continue
        law, straight = power_law(curve.x, curve.y), line(curve.x, curve.y)
        unit, factor = ("B", 1e6) if name == PEAK else ("ns", 1e6)
        fixed = _megabytes(straight.fixed) if name == PEAK else duration(straight.fixed)
        rows.append(
            (
                name,
                f"{law.exponent:.2f}",
                fixed if straight.fixed > 0 else "none",
                f"{three_digits(straight.slope * factor)} {unit}",
                count_text(straight.knee) if straight.knee > 1 else "",
                _stretch(curve),
                f"{straight.worst:.0%}",
            )
        )
    head = (
        "",
        "exponent",
        "fixed part",
        "each point",
        "half of it is fixed at",
        "linear between",
        "worst deviation of the line",
    )
    return markdown(head, rows)


def _stretch(curve: Curve) -> str:
    found = linear_stretch(curve.x, curve.y)
    return f"{count_text(found[0])} and {count_text(found[1])}" if found else "nowhere"


def clients_table(run: GrowthRun) -> str:
    """What was measured at each number of connections."""
    return _measured(run, CLIENTS, "connections", (LATENCY, LATENCY_P99, THROUGHPUT))


def cache_table(run: GrowthRun) -> str:
    """What was measured at each number of extents."""
    return _measured(run, CACHE, "extents kept", (LOOKUP, LOOKUP_P99, RESIDENT))


def _measured(run: GrowthRun, group: str, x_title: str, names: Sequence[str]) -> str:
    curves = [one for one in (curve_of(run, group, name) for name in names) if one]
    units = {THROUGHPUT: "", RESIDENT: ", MB"}
    heads = [f"{curve.name}{units.get(curve.name, ', ms')}" for curve in curves]
    by_x: dict[float, dict[str, str]] = {}
    for curve in curves:
        for x, y in zip(curve.x, curve.y, strict=True):
            by_x.setdefault(x, {})[curve.name] = three_digits(y)
    rows = [
        (f"{x:,.0f}", *(cells.get(curve.name, "") for curve in curves)) for x, cells in by_x.items()
    ]
    return markdown((x_title, *heads), rows)


def clients_text(run: GrowthRun) -> str:
    """Where more clients only wait longer."""
    rate, latency = curve_of(run, CLIENTS, THROUGHPUT), curve_of(run, CLIENTS, LATENCY)
    if rate is None or latency is None or len(rate.x) < _FEWEST:
        return ""
    most = max(rate.y)
    full = next(x for x, y in zip(rate.x, rate.y, strict=True) if y >= 0.9 * most)
    queued = [(x, y) for x, y in zip(latency.x, latency.y, strict=True) if x >= full]
    text = (
        f"One processor gives {most:,.0f} answers a second at most, and nine tenths of that from"
        f" {full:,.0f} connections on; at {rate.x[-1]:,.0f} it is {rate.y[-1] / most:.0%} of the most."
    )
    if len(queued) >= _FEWEST - 1:
        law = power_law(*zip(*queued, strict=True))
        text += f" From there the median grows with the connections to the power of {law.exponent:.2f}."
    return f"{text}\n"


def cache_text(run: GrowthRun) -> str:
    """What an extent costs, and that looking it up does not depend on the others."""
    lookup, resident = curve_of(run, CACHE, LOOKUP), curve_of(run, CACHE, RESIDENT)
    if lookup is None or resident is None or len(lookup.x) < _FEWEST:
        return ""
    straight, law = line(resident.x, resident.y), power_law(lookup.x, lookup.y)
    return (
        f"A look takes {lookup.y[-1] / lookup.y[0]:.2f} times as long with {lookup.x[-1]:,.0f} extents"
        f" as with {lookup.x[0]:,.0f} (exponent {law.exponent:+.3f}). Memory is linear:"
        f" {straight.slope * 1e6:,.0f} bytes an extent of {EXTENT_STEPS} points,"
        f" {straight.slope * 1e6 / EXTENT_STEPS:.1f} a point (the line's worst deviation is"
        f" {straight.worst:.0%}).\n"
    )
