"""Grafana's arithmetic of intervals: which step a panel asks with, on which timestamps.

The rules, as Grafana 11 and 12 have them (`packages/grafana-data/src/datetime/rangeutil.ts`,
`pkg/promlib/models/query.go`, grafana-plugin-sdk-go `backend/gtime/gtime.go`):

* The browser divides the range by the panel's data points, rounds to a readable interval, and
  takes the panel's min interval where that is longer.
* The server divides again, with the target's min step as the least; without one, with what the
  browser found. At most 11,000 steps; `intervalFactor` of old dashboards multiplies.
* `$__rate_interval` is max(browser's interval + scrape interval, 4 * scrape interval), where the
  min step stands for the scrape interval if there is one.
* Start and end are rounded down to multiples of the step (here: in UTC).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from proxy.codec.durations import parse_duration_ms

SAFE_STEPS = 11_000
DEFAULT_DATA_POINTS = 1_500

_S, _M, _H, _D = 1_000, 60_000, 3_600_000, 86_400_000
_ROUNDED_MS = (
    (10, 1),
    (15, 10),
    (35, 20),
    (75, 50),
    (150, 100),
    (350, 200),
    (750, 500),
    (1_500, _S),
    (3_500, 2 * _S),
    (7_500, 5 * _S),
    (12_500, 10 * _S),
    (17_500, 15 * _S),
    (25 * _S, 20 * _S),
    (45 * _S, 30 * _S),
    (90 * _S, _M),
    (210 * _S, 2 * _M),
    (450 * _S, 5 * _M),
    (750 * _S, 10 * _M),
    (1_050 * _S, 15 * _M),
    (25 * _M, 20 * _M),
    (45 * _M, 30 * _M),
    (90 * _M, _H),
    (150 * _M, 2 * _H),
    (270 * _M, 3 * _H),
    (9 * _H, 6 * _H),
    (24 * _H, 12 * _H),
    (7 * _D, _D),
    (21 * _D, 7 * _D),
    (42 * _D, 30 * _D),
)
"""Up to the first number an interval becomes the second."""
_LIMITS_MS = [limit for limit, _ in _ROUNDED_MS]
_VALUES_MS = [value for _, value in _ROUNDED_MS] + [365 * _D]


@dataclass(frozen=True, slots=True)
class View:
    """What decides the interval of all queries of a panel."""

    range_ms: int
    data_points: int
    scrape_ms: int
    min_interval_ms: int = 0

    @property
    def interval_ms(self) -> int:
        """What the browser computes; `min_interval_ms` 0 stands for the scrape interval."""
        found = _VALUES_MS[bisect_right(_LIMITS_MS, self.range_ms / self.data_points)]
        return max(found, self.min_interval_ms or self.scrape_ms)


@dataclass(frozen=True, slots=True)
class MinStep:
    """A target's own min step: a duration, `$__interval`, `$__rate_interval`, or nothing (0)."""

    value_ms: int = 0
    is_interval: bool = False
    is_rate_interval: bool = False
    factor: int = 1


@dataclass(frozen=True, slots=True)
class Intervals:
    """What a query is asked with and what its variables stand for."""

    step_ms: int
    rate_interval_ms: int


def intervals(view: View, min_step: MinStep) -> Intervals:
    """Step and `$__rate_interval` of one target."""
    adjusted_ms = max(_server_interval_ms(view, min_step), _safe_ms(view.range_ms))
    if min_step.is_rate_interval:
        step_ms = _rate_interval_ms(adjusted_ms, view.scrape_ms)
        return Intervals(step_ms, step_ms)
    step_ms = adjusted_ms * max(1, min_step.factor)
    scrape_ms = step_ms if min_step.is_interval else min_step.value_ms or view.scrape_ms
    return Intervals(step_ms, _rate_interval_ms(view.interval_ms, scrape_ms))


def _server_interval_ms(view: View, min_step: MinStep) -> int:
    """The comparison comes before the rounding, as in Grafana: 40s of at least 35s become 30s."""
    least_ms = min_step.value_ms or view.interval_ms
    calculated_ms = view.range_ms / view.data_points
    return least_ms if calculated_ms < least_ms else _rounded_ms(calculated_ms)


def _safe_ms(range_ms: int) -> int:
    return _rounded_ms(range_ms / SAFE_STEPS)


def _rounded_ms(interval_ms: float) -> int:
    return _VALUES_MS[bisect_left(_LIMITS_MS, interval_ms)]


def _rate_interval_ms(interval_ms: int, scrape_ms: int) -> int:
    return max(interval_ms + scrape_ms, 4 * scrape_ms)


def auto_interval_ms(range_ms: int, count: int, least_ms: int) -> int:
    """The `auto` option of an interval variable: the range in `count` steps."""
    return View(range_ms, max(1, count), least_ms).interval_ms


def align_ms(time_ms: int, step_ms: int, phase_ms: int = 0) -> int:
    """The last multiple of the step, moved by the phase, that is not after the time."""
    return (time_ms - phase_ms) // step_ms * step_ms + phase_ms


def grafana_duration_ms(text: str) -> int | None:
    """`30s`, `>1m`, `1d`, `1M`, plain seconds; None when it is none of these."""
    text = text.strip().lstrip("<>").rstrip()
    if text.endswith("M") and text[:-1].isdecimal():
        return int(text[:-1]) * 30 * _D
    found = parse_duration_ms(text)
    return found if found is not None and found > 0 else None


def interval_text(interval_ms: int) -> str:
    """`$__interval` as text: the largest unit alone, the rest cut off (90s are `1m`)."""
    for name, unit_ms in (("y", 365 * _D), ("d", _D), ("h", _H), ("m", _M), ("s", _S)):
        if interval_ms >= unit_ms:
            return f"{interval_ms // unit_ms}{name}"
    return f"{max(1, interval_ms)}ms"


def go_duration_text(duration_ms: int) -> str:
    """`$__rate_interval` as text: what Go prints, such as `1m0s` or `1h0m0s`."""
    seconds, milliseconds = divmod(duration_ms, _S)
    if not seconds:
        return f"{milliseconds}ms" if milliseconds else "0s"
    fraction = f".{milliseconds:03d}".rstrip("0") if milliseconds else ""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest}{fraction}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
