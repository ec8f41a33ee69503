"""HdrHistogram's percentile text."""

from __future__ import annotations

import pytest

from proxy.load.hgrm import hgrm
from proxy.load.histogram import Histogram


def of(*values: float) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def test_every_line_has_value_share_count_and_the_inverse() -> None:
    lines = hgrm(of(*map(float, range(1, 1_001)))).splitlines()
    assert lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    rows = [[float(field) for field in line.split()] for line in lines[2:-3]]
    assert rows[0][1:] == [0.0, 1.0, 1.0]
    halves = {row[1]: row for row in rows}
    assert halves[0.5][0] == pytest.approx(500, rel=0.008)
    assert halves[0.5][3] == 2.0
    assert halves[0.9375][0] == pytest.approx(938, rel=0.008)
    assert rows[-1] == [1_000.0, 1.0, 1_000.0]
    for column in (0, 1, 2):
        assert [row[column] for row in rows] == sorted(row[column] for row in rows)


def test_the_foot_names_mean_deviation_and_maximum() -> None:
    foot = hgrm(of(1.0, 3.0)).splitlines()[-3:]
    assert "Mean    =        2.000, StdDeviation   =        1.000" in foot[0]
    assert "Max     =        3.000, Total count    =            2" in foot[1]


def test_one_value_and_none_are_written_too() -> None:
    assert "       5.000 1.000000000000          1" in hgrm(of(5.0))
    assert "Total count    =            0" in hgrm(Histogram())
