"""Times, durations and tables in words."""

from __future__ import annotations

import pytest

from proxy.plan.wording import about, aligned, count, lasting, moment, printable

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("time_ms", "exactly", "roughly"),
    [
        (0, "0s", "0s"),
        (7, "7ms", "7ms"),
        (999, "999ms", "999ms"),
        (1_500, "1s500ms", "1s"),
        (60_000, "1m", "1m"),
        (5_400_000, "1h30m", "1h30m"),
        (DAY_MS + 3_661_001, "1d1h1m1s1ms", "1d1h"),
        (400 * DAY_MS, "400d", "400d"),
        (-90_000, "-1m30s", "-1m30s"),
    ],
)
def test_a_duration_is_said_exactly_or_in_two_units(time_ms: int, exactly: str, roughly: str) -> None:
    assert lasting(time_ms) == exactly
    assert about(time_ms) == roughly


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_795_809_600_000, "2026-11-27T20:00:00Z"),
        (1_795_809_600_050, "2026-11-27T20:00:00.050Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (-61_000_000_000_000, "0036-12-26T11:33:20Z"),
        (-90_000_000_000_000, "-90000000000000ms"),
        (1 << 62, f"{1 << 62}ms"),
        (10**400, f"{10**400}ms"),
    ],
)
def test_a_time_is_utc_as_far_as_calendars_go(time_ms: int, text: str) -> None:
    assert moment(time_ms) == text


def test_nothing_that_a_terminal_would_obey_is_printed() -> None:
    assert printable("sum(a)\n\x1b[2J\x07\u202e → ü") == "sum(a)\\n\\x1b[2J\\x07\\u202e → ü"


def test_one_is_not_said_as_many() -> None:
    assert [count(number, "step") for number in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]


def test_columns_stand_below_each_other_and_no_line_ends_with_blanks() -> None:
    rows = [("a", "long", ""), ("bbb", "c", "end"), ("only",)]
    assert aligned(rows) == ["  a     long", "  bbb   c     end", "  only"]
    assert aligned([]) == []
