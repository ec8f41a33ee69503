"""Numbers and names in sentences."""

from __future__ import annotations

import pytest

from proxy.status.words import count, moment, names, percent, quote, size, span


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (2_500, "2.5 s"),
        (5_000, "5 s"),
        (59_000, "59 s"),
        (90_000, "1.5 min"),
        (3 * 3_600_000, "3 h"),
        (40 * 86_400_000, "40 d"),
    ],
)
def test_a_span_has_the_unit_that_fits(time_ms: int, text: str) -> None:
    assert span(time_ms) == text


def test_a_moment_is_told_to_the_minute_and_never_fails() -> None:
    assert moment(1_700_000_000_000) == "2023-11-14 22:13 UTC"
    assert moment(1 << 62) == moment(-(1 << 62)) == "another age"


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (256 << 20, "256 MiB"), (5 << 30, "5 GiB")],
)
def test_a_size_has_the_unit_that_fits(size_bytes: int, text: str) -> None:
    assert size(size_bytes) == text


def test_a_quote_is_one_line_and_not_too_long() -> None:
    assert quote("sum(\n  rate(x[5m])\n)") == "sum( rate(x[5m]) )"
    assert len(quote("x" * 1_000)) == 120
    assert quote("x" * 120) == "x" * 120
    assert quote("x" * 200, 300) == "x" * 200


def test_shares_counts_and_lists() -> None:
    assert percent(0.074) == "7 %"
    assert [count(number, "address", "addresses") for number in (1, 2)] == ["1 address", "2 addresses"]
    assert count(3, "request") == "3 requests"
    assert names(["a", "b", "c"]) == "a, b, c"
    assert names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
