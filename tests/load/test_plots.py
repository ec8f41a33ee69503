"""What the plots show."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from proxy.load.plots import (
    colour,
    latency_chart,
    latency_scale,
    percentile_chart,
    requests_chart,
)
from tests.load.examples import failed, ok, tally


def titles(text: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(text).iter("title")]


def test_latency_over_time_has_both_percentiles_of_every_piece() -> None:
    counted = tally(*(ok(0, ms) for ms in range(1, 101)), ok(3_200, 40))
    text = latency_chart(counted, latency_scale([counted]), 10_000, "latency")
    assert sorted(titles(text)) == [
        "0:00  p50 50.2 ms",
        "0:00  p99 99.5 ms",
        "0:04  p50 40.0 ms",
        "0:04  p99 40.0 ms",
    ]


def test_a_run_without_answers_still_has_its_plots() -> None:
    counted = tally(failed(0))
    assert titles(latency_chart(counted, latency_scale([counted]), 10_000, "latency")) == []
    assert titles(requests_chart(counted, 10_000, "requests")) == ["0:00  0 answered, 1 failed"]
    assert percentile_chart([counted.all.latency], "curve") == ""
    assert ET.fromstring(requests_chart(tally(), 10_000, "requests")).tag == "svg"


def test_requests_and_errors_are_counted_by_planned_time() -> None:
    counted = tally(ok(0, 1), ok(900, 5_000), failed(1_100))
    text = requests_chart(counted, 10_000, "requests")
    assert titles(text) == ["0:00  2 answered, 0 failed", "0:01  0 answered, 1 failed"]


def test_the_percentile_curve_goes_from_the_least_to_the_largest_value() -> None:
    one, two = tally(*(ok(0, ms) for ms in range(1, 2_001))), tally(ok(0, 7))
    text = percentile_chart([one.all.latency, two.all.latency], "curve")
    shown = titles(text)
    assert "p0  1.01 ms" in shown
    assert "p99.95  2.00 s" in shown
    assert "p90  7.00 ms" in shown
    assert re.findall(r">([\d.]+ %)<", text) == [
        "0 %",
        "50 %",
        "75 %",
        "90 %",
        "95 %",
        "99 %",
        "99.9 %",
    ]


def test_time_ticks_are_those_of_a_clock() -> None:
    hour = requests_chart(tally(duration_ms=3_600_000.0), 3_600_000, "requests")
    assert ">10:00<" in hour
    assert ">1:00:00<" in hour


def test_more_targets_than_colours_are_dashed() -> None:
    assert [colour(number) for number in (0, 3, 4)] == ["c0", "c3", "c0 dashed"]
