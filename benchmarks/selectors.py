"""The benchmark's series, and how many of them a selector selects: for counting samples asked for."""

from __future__ import annotations

import re
from functools import cache

METRIC = "bench_value"
SERIES = 1_200
GROUPS = 30
WIDE_SERIES = 1_000
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"\\]*)"')


def labels_of(number: int) -> dict[str, str]:
    """Of one series; group `g<n>` holds the 40 instances with number mod 30 = n."""
    return {
        "__name__": METRIC,
        "cluster": "eu-west-1",
        "group": f"g{number % GROUPS:02d}",
        "instance": f"10.0.{number // 250}.{number % 250}:9100",
        "job": "node",
        "part": "wide" if number < WIDE_SERIES else "rest",
    }


@cache
def _all_labels() -> tuple[dict[str, str], ...]:
    return tuple(labels_of(number) for number in range(SERIES))


@cache
def series_count(expr: str) -> int:
    """How many series an expression with one selector reads; 0 for other metrics.

    A label that a series lacks is empty, as in PromQL. Matchers are plain texts without escapes.
    """
    if METRIC not in expr:
        return 0
    matchers = _MATCHER.findall(expr)
    return sum(all(_fits(labels, *matcher) for matcher in matchers) for labels in _all_labels())


def _fits(labels: dict[str, str], name: str, kind: str, wanted: str) -> bool:
    value = labels.get(name, "")
    is_equal = value == wanted if kind in {"=", "!="} else re.fullmatch(wanted, value) is not None
    return is_equal is (kind in {"=", "=~"})
