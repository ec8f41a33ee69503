"""Times and durations: read as Go reads them, written so that they are read back."""

from __future__ import annotations

import datetime as dt
import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.codec.durations import format_step, format_time, parse_duration_ms, parse_time_ms

CENTURY_MS = 100 * 366 * 86_400_000
TIMES_MS = st.integers(-CENTURY_MS, CENTURY_MS)

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000


def go_modf(value: float) -> tuple[float, float]:
    """Go's `math.Modf`: whole part and rest, both with the sign of the value."""
    whole = math.copysign(float(math.floor(abs(value))), value)
    return whole, value - whole


def go_round(value: float) -> float:
    """Go's `math.Round`: to the nearest, halves away from zero, without double rounding."""
    nearest = math.floor(Fraction(abs(value)) + Fraction(1, 2))
    return math.copysign(float(nearest), value)


def go_parse_time_ms(seconds: float) -> int:
    """Thanos's parseTime for a float, then Prometheus's `timestamp.FromTime`, step by step."""
    whole, rest = go_modf(seconds)
    rest = go_round(rest * 1000) / 1000
    sec, nsec = int(whole), int(rest * float(SECOND_NS))
    carry, nsec = divmod(nsec, SECOND_NS)  # time.Unix brings nanoseconds into [0, 1e9)
    return (sec + carry) * 1000 + nsec // MILLISECOND_NS


@given(TIMES_MS)
def test_a_written_time_is_read_back_exactly(time_ms: int) -> None:
    assert parse_time_ms(format_time(time_ms)) == time_ms


@pytest.mark.parametrize("second", [0, 1, -1, 1_700_000_000, -1_700_000_000, 4_102_444_800])
def test_every_millisecond_of_a_second_is_read_back(second: int) -> None:
    for time_ms in range(second * 1000, second * 1000 + 1000):
        assert parse_time_ms(format_time(time_ms)) == time_ms


@given(TIMES_MS)
def test_a_written_time_means_the_same_to_go(time_ms: int) -> None:
    assert go_parse_time_ms(float(format_time(time_ms))) == time_ms


@given(st.one_of(st.floats(-1e11, 1e11, exclude_min=True, exclude_max=True), st.floats(-5, 5)))
@example(0.0005)
@example(0.49999999999999994)
@example(-0.0005)
@example(1700000000.0015)
@example(-1.9999)
@example(1.9999)
@example(5e-324)
@example(-0.0)
def test_any_float_time_is_read_as_go_reads_it(seconds: float) -> None:
    assert parse_time_ms(repr(seconds)) == go_parse_time_ms(seconds)


@given(st.integers(0, 999), st.integers(-2_000_000_000, 4_000_000_000))
def test_half_milliseconds_round_as_in_go(millisecond: int, second: int) -> None:
    text = f"{second}.{millisecond:03d}5"
    assert parse_time_ms(text) == go_parse_time_ms(float(text))


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("0", 0),
        ("-1", -1000),
        ("+1.5", 1500),
        ("1e3", 1_000_000),
        (".5", 500),
        ("5.", 5000),
        ("1700000000.123", 1_700_000_000_123),
        ("1970-01-01T00:00:00Z", 0),
        ("2023-11-14T22:13:20.5Z", 1_700_000_000_500),
        ("2023-11-14T22:13:20.123000000Z", 1_700_000_000_123),
        ("2023-11-14T23:43:20+01:30", 1_700_000_000_000),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_times_of_both_forms_are_read(text: str, time_ms: int) -> None:
    assert parse_time_ms(text) == time_ms


@pytest.mark.parametrize(
    "text",
    [
        "", " 1", "1 ", "now", "NaN", "Inf", "-inf", "infinity", "1_000", "0x10", "0x1p4", "\u0661",
        "1e400", "1e11", "9999999999999", "2023-11-14", "2023-11-14 22:13:20Z",
        "2023-11-14T22:13:20", "2023-11-14T22:13:60Z", "2023-02-30T00:00:00Z",
        "2023-11-14T22:13:20.1234Z", "2023-11-14T22:13:20,5Z", "2023-11-14t22:13:20z",
        "2023-11-14T22:13:20+24:00", "1.5\n", "-9223372036.8547758e9",
    ],
)  # fmt: skip
def test_times_that_thanos_must_judge_are_left_to_it(text: str) -> None:
    assert parse_time_ms(text) is None


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)))  # noqa: DTZ001
def test_rfc_3339_text_is_the_moment_that_it_names(moment: dt.datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    epoch = dt.datetime(1970, 1, 1)  # noqa: DTZ001
    expected = (moment - epoch) // dt.timedelta(milliseconds=1)
    assert parse_time_ms(f"{moment.isoformat(timespec='milliseconds')}Z") == expected


@given(st.integers(1, CENTURY_MS))
def test_a_written_step_is_read_back_exactly(step_ms: int) -> None:
    assert parse_duration_ms(format_step(step_ms)) == step_ms


@given(st.floats(-1e9, 1e9))
@example(0.001)
@example(0.0015)
@example(1.1)
@example(0.3)
def test_float_durations_are_whole_milliseconds_of_go_or_left_to_thanos(seconds: float) -> None:
    nanoseconds = int(seconds * float(SECOND_NS))  # Go: time.Duration(d * float64(time.Second))
    expected = nanoseconds // MILLISECOND_NS if nanoseconds % MILLISECOND_NS == 0 else None
    assert parse_duration_ms(repr(seconds)) == expected


@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [
        ("15", 15_000),
        ("0.5", 500),
        ("-5", -5000),
        ("1e1", 10_000),
        ("0", 0),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("1500ms", 1500),
        ("1y1w1d1h1m1s1ms", 32_230_861_001),
        ("0s", 0),
        ("007s", 7000),
    ],
)
def test_durations_of_both_forms_are_read(text: str, duration_ms: int) -> None:
    assert parse_duration_ms(text) == duration_ms


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "5 m", "5M", "m", "1m1h", "1h1h", "-5m", "1.5h", "5m ", "NaN", "Inf", "1e400",
        "1_0", "0x5", "5µs", "5ns", "99999999y", "1e-9", "0.0001", "5m\n", "\u0665m",
        "9" * 5_000 + "s",
    ],
)  # fmt: skip
def test_durations_that_thanos_must_judge_are_left_to_it(text: str) -> None:
    assert parse_duration_ms(text) is None
