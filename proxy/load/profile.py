"""A dashboard made up around one metric, for when there is no dashboard at hand.

    wide     every series of the metric, as they are and as rates
    medium   one line for each value of a label
    small    single lines over the whole range
    tiny     single numbers, and single lines over the last quarter of an hour
    mixed    one wide panel, two medium, four small, four tiny

How large the answers are depends on the metric. It is best a counter: rates are asked of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.load import LoadError
from proxy.load.dashboard import Dashboard, Viewer, read_dashboard
from proxy.promql.lexer import LexError, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

PROFILES = ("wide", "medium", "small", "tiny", "mixed")
_SMALL_RANGE = "15m"
_WIDTH = {"wide": 24, "medium": 12, "small": 6, "tiny": 3}
_MIXED = {"wide": 1, "medium": 2, "small": 4, "tiny": 4}


def profile_dashboard(name: str, metric: str, by: str, viewer: Viewer) -> Dashboard:
    """The questions of a profile. Raises `LoadError` when the metric is no metric's name."""
    try:
        starts_well = tokenize(metric)[:1]
    except LexError as error:
        raise LoadError(f"--metric {metric}: {error}") from error
    if not starts_well or starts_well[0].kind != "word":
        raise LoadError(f"--metric {metric}: neither a metric's name nor name{{label=…}}")
    sizes = _MIXED if name == "mixed" else {name: len(_EXPRESSIONS[name])}
    panels = [
        _panel(f"{size} {number}", size, expr.format(metric=metric, by=by))
        for size, count in sizes.items()
        for number, expr in enumerate(_EXPRESSIONS[size][:count], 1)
    ]
    return read_dashboard({"title": f"profile {name}: {metric}", "panels": panels}, viewer)


def _panel(title: str, size: str, expr: str) -> dict[str, object]:
    return {
        "title": title,
        "gridPos": {"w": _WIDTH[size]},
        "timeFrom": _SMALL_RANGE if size == "tiny" else "",
        "targets": [{"expr": expr.removeprefix("="), "instant": expr.startswith("=")}],
    }


_RATE = "rate({metric}[$__rate_interval])"
_EXPRESSIONS: dict[str, Sequence[str]] = {
    "wide": ("{metric}", _RATE),
    "medium": ("sum by ({by}) (" + _RATE + ")", "max by ({by}) ({metric})"),
    "small": (
        "sum(" + _RATE + ")",
        "count({metric})",
        "max({metric})",
        "quantile(0.9, " + _RATE + ")",
    ),
    "tiny": ("=sum({metric})", "=count({metric})", "sum(" + _RATE + ")", "count({metric})"),
}
"""`=` marks an instant query."""
