"""Series are counted as PromQL's matchers select them."""

from __future__ import annotations

import pytest

from benchmarks.selectors import series_count


@pytest.mark.parametrize(
    ("expr", "series"),
    [
        ("bench_value", 1_200),
        ('bench_value{part="wide"}', 1_000),
        ('bench_value{group=~"g0[0-4]"}', 200),
        ('bench_value{instance=~"10.0.0.[1-3]:9100"}', 3),
        ('bench_value{instance=~"0.0.[1-3]:9100"}', 0),
        ('bench_value{group!="g00"}', 1_160),
        ('bench_value{group!~"g0.|g1."}', 400),
        ('bench_value{group="g00",part="rest"}', 6),
        ('sum by (group) (rate(bench_value{ group = "g07" }[5m]))', 40),
        ('up{group="g00"}', 0),
    ],
)
def test_matchers_select_series(expr: str, series: int) -> None:
    assert series_count(expr) == series


def test_a_label_that_no_series_has_is_empty() -> None:
    assert series_count('bench_value{part="wide",turn!="3"}') == 1_000
    assert series_count('bench_value{turn="3"}') == 0
