"""A running query as a waterfall of its splits: waiting, fetching, scanning."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from proxy.status import figures
from proxy.status.html import Markup, join, tag, typed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from proxy.status.snapshot import SplitRun

_MOST_ROWS = 12
_DAY_MS = 86_400_000
_ROW = 18
_BAR = 10
_LEAST_WIDTH = 0.4
"""Percent: what took no time at all is seen all the same."""
_STATES = ("waiting", "fetching", "scanning", "done", "failed")
_TONES = {"waiting": "idle", "fetching": "busy", "scanning": "busy", "done": "done", "failed": "bad"}


def waterfall(splits: Sequence[SplitRun], age_ms: float) -> Markup:
    """Times run from the request's beginning to `age_ms`. What is done gives way to what is not."""
    shown = _chosen(splits)
    end_ms = max([age_ms, *(_end(split, age_ms) for split in shown)])
    end_ms = end_ms if math.isfinite(end_ms) and end_ms > 0 else 1.0
    bars = [bar for place, split in enumerate(shown) for bar in _bars(split, place, age_ms, end_ms)]
    height = _ROW * len(shown)
    lines = [tag("line", class_="tick", x1=x, x2=x, y1=0, y2=height) for x in ("25%", "50%", "75%")]
    chart = tag("svg", *lines, *bars, class_="bars", height=height, role="img", aria_label=told(splits))
    left = len(splits) - len(shown)
    return join(
        tag(
            "div",
            tag("ol", *(tag("li", _window(split)) for split in shown), class_="windows"),
            chart,
            tag("ol", *(tag("li", _word(split, age_ms)) for split in shown), class_="words"),
            tag(
                "div", *(tag("span", text) for text in _axis(end_ms)), class_="axis", aria_hidden="true"
            ),
            class_="waterfall",
        ),
        tag("p", f"and {left:,} more splits", class_="note") if left else None,
    )


def told(splits: Sequence[SplitRun]) -> str:
    """The picture in words."""
    counts = Counter(split.state for split in splits)
    parts = [f"{counts[state]} {state}" for state in _STATES if counts[state]]
    return f"{len(splits):,} splits: {', '.join(parts)}"


def _chosen(splits: Sequence[SplitRun]) -> list[SplitRun]:
    if len(splits) <= _MOST_ROWS:
        return list(splits)
    places = sorted(range(len(splits)), key=lambda place: (splits[place].state == "done", place))
    return [splits[place] for place in sorted(places[:_MOST_ROWS])]


def _end(split: SplitRun, age_ms: float) -> float:
    is_over = split.state in {"done", "failed"}
    known = split.done_at_ms or split.arrived_at_ms or split.sent_at_ms or split.begun_at_ms
    return known if is_over else age_ms


def _bars(split: SplitRun, place: int, age_ms: float, end_ms: float) -> Iterable[Markup]:
    over_ms = _end(split, age_ms)
    marks = (split.begun_at_ms, split.sent_at_ms, split.arrived_at_ms)
    tones = ("waiting", "fetching", "scanning")
    ends = (split.sent_at_ms, split.arrived_at_ms, None)
    for begin, end, tone in zip(marks, ends, tones, strict=True):
        if begin is None:
            return
        tone = "failed" if split.state == "failed" and end is None else tone  # noqa: PLW2901
        yield _bar(begin / end_ms, (over_ms if end is None else end) / end_ms, place, tone)


def _bar(begin: float, end: float, place: int, tone: str) -> Markup:
    left = _percent(begin)
    width = max(_percent(end) - left, _LEAST_WIDTH)
    top = place * _ROW + (_ROW - _BAR) // 2
    return tag("rect", class_=tone, x=f"{left:.2f}%", width=f"{width:.2f}%", y=top, height=_BAR)


def _percent(part: float) -> float:
    return min(max(part, 0.0), 1.0) * 100 if math.isfinite(part) else 0.0


def _window(split: SplitRun) -> Markup:
    """Where there is little room: the day of what is as long as days, else the time."""
    if not split.from_ms and not split.to_ms:
        return tag("span", "whole")
    day, _, time = figures.day_and_time(split.from_ms).rpartition(" ")
    length_ms = split.to_ms - split.from_ms
    is_long = length_ms >= _DAY_MS // 2  # a split of a day ends with its last step
    return join(
        tag("span", f"{day} ", class_=None if is_long else "wide-only"),
        tag("span", time, class_="wide-only" if is_long else None),
        tag("span", f" + {figures.duration(length_ms)}", class_="wide-only"),
    )


def _word(split: SplitRun, age_ms: float) -> Markup:
    """What it does now, for how long, and where."""
    begun = {"fetching": split.sent_at_ms, "scanning": split.arrived_at_ms}.get(split.state)
    since = split.begun_at_ms if begun is None else begun
    took = _end(split, age_ms) - since
    tried = f", attempt {split.attempts}" if split.attempts > 1 else ""
    size = f", {figures.data(split.size_bytes)}" if split.size_bytes else ""
    place = join(" · ", typed(split.url, 60)) if split.url else None
    state = split.state if split.state in _STATES else "waiting"
    return join(
        tag("span", state, class_=f"word {_TONES[state]}"),
        f" {figures.duration(took)}",
        tag("span", f"{tried}{size}", place, class_="wide-only"),
    )


def _axis(end_ms: float) -> list[str]:
    return [figures.duration(end_ms * part / 4) for part in range(5)]
