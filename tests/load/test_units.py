"""Numbers as people read them."""

from __future__ import annotations

import pytest

from proxy.load import units


@pytest.mark.parametrize(
    ("value_ms", "text"),
    [
        (0, "0"),
        (0.0456, "46 µs"),
        (1, "1.00 ms"),
        (9.996, "10.0 ms"),
        (99.96, "100 ms"),
        (999.4, "999 ms"),
        (999.6, "1.00 s"),
        (45_678, "45.7 s"),
        (125_000, "2:05 min"),
    ],
)
def test_durations_have_three_digits(value_ms: float, text: str) -> None:
    assert units.duration(value_ms) == text


@pytest.mark.parametrize(
    ("value_bytes", "text"), [(0, "0 B"), (999, "999 B"), (1_000, "1.00 KB"), (46_100_000, "46.1 MB")]
)
def test_sizes_have_three_digits(value_bytes: float, text: str) -> None:
    assert units.size(value_bytes) == text
    assert units.size(5e15) == "5000 TB"


@pytest.mark.parametrize(
    ("value_ms", "text"),
    [(21_600_000, "6h"), (90_000, "1m30s"), (500, "500ms"), (90_061_001, "1d1h1m1s1ms"), (0, "0s")],
)
def test_settings_are_written_as_they_may_be_typed(value_ms: int, text: str) -> None:
    assert units.span(value_ms) == text


def test_rates_counts_shares_and_clocks() -> None:
    assert (units.rate(3.3), units.rate(12_345.6)) == ("3.30 /s", "12,346 /s")
    assert units.count(1234567.8) == "1,234,568"
    assert (units.share(0.98612), units.share(1.0), units.share(0)) == ("98.6 %", "100 %", "0 %")
    assert (units.clock(65), units.clock(3_725)) == ("1:05", "1:02:05")
