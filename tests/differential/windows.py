"""Start, end and step of a range query: where they lie, and the ways of writing them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

MOST_POINTS = 11_000
"""`(end - start) / step` that Thanos Query still answers."""

STEPS_MS = (
    *(1_500, 7_000, 15_000, 15_000, 35_000, 60_000, 60_000, 5 * MINUTE_MS, 7 * MINUTE_MS),
    *(HOUR_MS, 6 * HOUR_MS, DAY_MS),
    *(1, 333, 1_001, 13_337, 90_000, 61 * MINUTE_MS, 25 * HOUR_MS),
)

CUTS_MS = (HOUR_MS, 6 * HOUR_MS, DAY_MS)
"""Split intervals; windows are drawn so that they often begin, cross or end at a multiple."""


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """A range of time in Unix milliseconds, both ends included; `end_ms` may be off the grid."""

    start_ms: int
    end_ms: int
    step_ms: int

    @property
    def steps(self) -> int:
        return len(self.timestamps_ms)

    @property
    def timestamps_ms(self) -> range:
        return range(self.start_ms, self.end_ms + 1, self.step_ms)

    def moved(self, steps: int) -> Window:
        """The same window, some steps later."""
        by_ms = steps * self.step_ms
        return Window(self.start_ms + by_ms, self.end_ms + by_ms, self.step_ms)

    def splits(self, interval_ms: int) -> list[Window]:
        """Its timestamps by the interval that they lie in, each a window that ends on the grid."""
        groups = itertools.groupby(self.timestamps_ms, lambda t: t // interval_ms)
        runs = [list(times) for _, times in groups]
        return [Window(run[0], run[-1], self.step_ms) for run in runs]


def draw_window(chance: random.Random, data: Window, most_points: int, least_step_ms: int) -> Window:
    """A window of at most about `most_points` steps, somewhere around the data."""
    step_ms = max(chance.choice(STEPS_MS), least_step_ms)
    length_ms = draw_length_ms(chance, data, most_points * step_ms)
    place = chance.choices(list(PLACES), weights=[weight for weight, _ in PLACES.values()])[0]
    start_ms, end_ms = PLACES[place][1](chance, data, length_ms)
    if end_ms - start_ms > MOST_POINTS * step_ms:
        end_ms = start_ms + MOST_POINTS * step_ms
    return Window(start_ms, end_ms, step_ms)


def draw_length_ms(chance: random.Random, data: Window, most_ms: int) -> int:
    """Between a minute and all of the data, short and long ones alike; never above `most_ms`."""
    all_ms = data.end_ms - data.start_ms
    length_ms = int(MINUTE_MS * (all_ms / MINUTE_MS) ** chance.random())
    if chance.random() < 0.3:
        length_ms = all_ms
    return min(length_ms, most_ms)


Ends = tuple[int, int]


def inside(chance: random.Random, data: Window, length_ms: int) -> Ends:
    start_ms = chance.randint(data.start_ms, max(data.start_ms, data.end_ms - length_ms))
    return start_ms, start_ms + length_ms


def across_a_cut(chance: random.Random, data: Window, length_ms: int) -> Ends:
    start_ms = a_cut(chance, data) - int(length_ms * chance.random())
    return start_ms, start_ms + length_ms


def at_a_cut(chance: random.Random, data: Window, length_ms: int) -> Ends:
    """Begins or ends exactly at a cut, or a millisecond beside it."""
    cut_ms = a_cut(chance, data) + chance.choice([0, 0, -1, 1])
    return chance.choice([(cut_ms, cut_ms + length_ms), (cut_ms - length_ms, cut_ms)])


def a_cut(chance: random.Random, data: Window) -> int:
    interval_ms = chance.choice(CUTS_MS)
    return chance.randint(data.start_ms, data.end_ms) // interval_ms * interval_ms


def across_an_edge(chance: random.Random, data: Window, length_ms: int) -> Ends:
    edge_ms = chance.choice([data.start_ms, data.end_ms])
    start_ms = edge_ms - int(length_ms * chance.random())
    return start_ms, start_ms + length_ms


def into_the_future(chance: random.Random, data: Window, length_ms: int) -> Ends:
    start_ms = data.end_ms - int(length_ms * chance.random())
    return start_ms, start_ms + length_ms + chance.randint(0, 3 * DAY_MS)


def beside_the_data(chance: random.Random, data: Window, length_ms: int) -> Ends:
    before_ms = data.start_ms - length_ms - chance.randint(HOUR_MS, 30 * DAY_MS)
    after_ms = data.end_ms + chance.randint(HOUR_MS, 30 * DAY_MS)
    start_ms = chance.choice([before_ms, after_ms])
    return start_ms, start_ms + length_ms


def one_moment(chance: random.Random, data: Window, length_ms: int) -> Ends:
    start_ms = chance.randint(data.start_ms, data.end_ms)
    return start_ms, start_ms


def whole_minutes(chance: random.Random, data: Window, length_ms: int) -> Ends:
    """As dashboards ask."""
    length_ms = max(length_ms // MINUTE_MS, 1) * MINUTE_MS
    start_ms, _ = inside(chance, data, length_ms)
    return start_ms // MINUTE_MS * MINUTE_MS, start_ms // MINUTE_MS * MINUTE_MS + length_ms


def around_the_epoch(chance: random.Random, data: Window, length_ms: int) -> Ends:
    start_ms = -int(length_ms * chance.random())
    return start_ms, start_ms + length_ms


PLACES: dict[str, tuple[int, Callable[[random.Random, Window, int], Ends]]] = {
    "inside": (20, inside),
    "across a cut": (30, across_a_cut),
    "at a cut": (12, at_a_cut),
    "across an edge": (12, across_an_edge),
    "into the future": (6, into_the_future),
    "beside the data": (3, beside_the_data),
    "one moment": (4, one_moment),
    "whole minutes": (12, whole_minutes),
    "around the epoch": (1, around_the_epoch),
}
"""Weight and the way of drawing start and end."""


def write_time(chance: random.Random, time_ms: int) -> str:
    """A time as some client would write it, to the millisecond."""
    form = chance.choice(["shortest", "decimals", "scientific", "rfc3339", "rfc3339", "rfc3339"])
    if form == "shortest":
        return f"{time_ms / 1000:.3f}".rstrip("0").rstrip(".")
    if form == "decimals":
        return f"{time_ms / 1000:.{chance.choice([3, 4, 6])}f}"
    if form == "scientific":
        return f"{time_ms / 1000:.12{chance.choice('eE')}}"
    return write_rfc3339(chance, time_ms)


def write_rfc3339(chance: random.Random, time_ms: int) -> str:
    """With a zone of its own; the fraction only where there is one, or with zeros."""
    offset_min = chance.choice([0, 0, 330, -210, 840, -720])
    zone = dt.timezone(dt.timedelta(minutes=offset_min))
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    moment = (epoch + dt.timedelta(milliseconds=time_ms)).astimezone(zone)
    fraction = f".{time_ms % 1000:03}" + chance.choice(["", "0", "000000"])
    if time_ms % 1000 == 0 and chance.random() < 0.7:
        fraction = ""
    sign = "-" if offset_min < 0 else "+"
    hours, minutes = divmod(abs(offset_min), 60)
    shown = "Z" if offset_min == 0 else f"{sign}{hours:02}:{minutes:02}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{shown}"


def write_finer_time(chance: random.Random, time_ms: int) -> str:
    """A time with digits below the millisecond; few enough that rounding drops them, too.

    Thanos rounds floats to milliseconds and cuts RFC 3339 down to them.
    """
    digits = f"{time_ms % 1000:03}{chance.randint(1, 499_999):06}"
    if chance.random() < 0.5:
        return f"{time_ms // 1000}.{digits[: chance.randint(4, 9)]}"
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    moment = epoch + dt.timedelta(seconds=time_ms // 1000)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{digits}Z"


UNITS = (("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", SECOND_MS), ("ms", 1))


def write_duration(chance: random.Random, duration_ms: int) -> str:
    """A duration as seconds, in one unit, or in several: `90`, `90.000`, `90s`, `1m30s`."""
    form = chance.choice(["seconds", "seconds", "decimals", "scientific", "one unit", "units"])
    if form == "seconds":
        return f"{duration_ms / 1000:.3f}".rstrip("0").rstrip(".")
    if form == "decimals":
        return f"{duration_ms / 1000:.{chance.choice([3, 6])}f}"
    if form == "scientific":
        return f"{duration_ms / 1000:.6e}"
    if form == "one unit":
        name, unit_ms = chance.choice([u for u in UNITS if duration_ms % u[1] == 0])
        return f"{duration_ms // unit_ms}{name}"
    text, rest_ms = "", duration_ms
    for name, unit_ms in UNITS:
        amount, rest_ms = divmod(rest_ms, unit_ms)
        text += f"{amount}{name}" if amount else ""
    return text
