"""A question that is asked again and again, and the request that it is at a given time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from proxy.codec.durations import format_step, format_time
from proxy.load.intervals import align_ms
from proxy.load.variables import interpolate

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Window:
    """Where a question looks. Its end follows the clock at a distance, unless it is fixed.

    Start and end each stay on their phase of the step, so that a window that was aligned stays
    aligned as it moves. `step_ms` 0 is an instant query, at the window's end.
    """

    range_ms: int
    step_ms: int
    lag_ms: int = 0
    start_phase_ms: int = 0
    end_phase_ms: int = 0
    fixed_end_ms: int | None = None

    def at(self, now_ms: int) -> tuple[int, int]:
        """Start and end, Unix milliseconds."""
        if self.fixed_end_ms is not None:
            return self.fixed_end_ms - self.range_ms, self.fixed_end_ms
        end_ms = now_ms - self.lag_ms
        if not self.step_ms:
            return end_ms, end_ms
        return (
            align_ms(end_ms - self.range_ms, self.step_ms, self.start_phase_ms),
            align_ms(end_ms, self.step_ms, self.end_phase_ms),
        )


@dataclass(frozen=True, slots=True)
class Question:
    """One query of a panel, or of a log.

    `knows_times` says that the expression holds Grafana's `$__from` or `$__to`, which are known
    only when it is asked.
    """

    name: str
    expr: str
    window: Window
    panel_id: str = ""
    more: tuple[tuple[str, str], ...] = ()
    knows_times: bool = False

    @property
    def path(self) -> str:
        """Below the target's address."""
        return "/api/v1/query_range" if self.window.step_ms else "/api/v1/query"

    def form(self, now_ms: int) -> str:
        """The urlencoded parameters at a time, in Unix milliseconds."""
        start_ms, end_ms = self.window.at(now_ms)
        expr = self.expr
        if self.knows_times:
            expr = interpolate(expr, {}, time_variables(now_ms, self.window))
        if not self.window.step_ms:
            return urlencode([("query", expr), ("time", format_time(end_ms)), *self.more])
        times = (("start", start_ms), ("end", end_ms))
        parameters = [("query", expr), *((name, format_time(ms)) for name, ms in times)]
        return urlencode([*parameters, ("step", format_step(self.window.step_ms)), *self.more])


def time_variables(now_ms: int, window: Window) -> dict[str, str]:
    """Grafana's `$__from` and `$__to`: the window before it is aligned."""
    end_ms = now_ms - window.lag_ms
    times = {"__from": end_ms - window.range_ms, "__to": end_ms}
    seconds = {f"{name}:date:seconds": str(ms // 1000) for name, ms in times.items()}
    return {name: str(ms) for name, ms in times.items()} | seconds


@dataclass(frozen=True, slots=True)
class Workload:
    """What one user asks in one turn, and how long a turn is.

    `offsets_ms` says when in the turn each question is asked; they ascend. A dashboard asks all at
    once and a turn is the refresh interval; a log asks as it was written and a turn is the log.
    """

    title: str
    questions: tuple[Question, ...]
    offsets_ms: tuple[float, ...]
    turn_ms: float
    uid: str = ""
    notes: tuple[str, ...] = field(default=())


def with_step(questions: Sequence[Question], step_ms: int) -> list[Question]:
    """The same questions, all range queries with this step."""
    return [
        replace(q, window=replace(q.window, step_ms=step_ms)) if q.window.step_ms else q
        for q in questions
    ]
