"""The questions of clients, and what somebody who sees certain stores answers to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from proxy.codec.durations import format_time, parse_duration_ms, parse_time_ms
from tests.soak.bodies import list_text, matrix_text, point_heads, times_of, vector_text
from tests.soak.clock import SECOND_MS
from tests.soak.world import EXPR_OF, METRICS, TENANTS, Expr, Metric, Rows, Times, World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.soak.views import View

RANGE_PATH = "/api/v1/query_range"
INSTANT_PATH = "/api/v1/query"
SERIES_PATH = "/api/v1/series"
LABELS_PATH = "/api/v1/labels"
PODS_PATH = "/api/v1/label/pod/values"
TENANT_HEADER = "THANOS-TENANT"


@dataclass(frozen=True, slots=True)
class RangeQuestion:
    """A range query."""

    expr: Expr
    tenant: str
    start_ms: int
    end_ms: int
    step_ms: int
    path: str = RANGE_PATH

    @property
    def times_ms(self) -> Times:
        return times_of(self.start_ms, self.end_ms, self.step_ms)

    @property
    def heads(self) -> list[str]:
        return point_heads(
            self.start_ms, self.step_ms, (self.end_ms - self.start_ms) // self.step_ms + 1
        )

    @property
    def parameters(self) -> str:
        return urlencode(
            {
                "query": self.expr.text,
                "start": format_time(self.start_ms),
                "end": format_time(self.end_ms),
                "step": f"{self.step_ms / SECOND_MS:g}",
            }
        )

    def rows(self, world: World, now_ms: int, seen: frozenset[str]) -> Rows:
        return world.rows(self.expr, self.tenant, self.times_ms, now_ms, seen)

    def answer(self, world: World, now_ms: int, view: View) -> bytes:
        return matrix_text(self.rows(world, now_ms, view.seen), self.heads, view.notes)


@dataclass(frozen=True, slots=True)
class InstantQuestion:
    """An instant query. time_ms: None means the server's now."""

    expr: Expr
    tenant: str
    time_ms: int | None
    path: str = INSTANT_PATH

    @property
    def parameters(self) -> str:
        given = {} if self.time_ms is None else {"time": format_time(self.time_ms)}
        return urlencode({"query": self.expr.text, **given})

    def answer(self, world: World, now_ms: int, view: View) -> bytes:
        time_ms = now_ms if self.time_ms is None else self.time_ms
        times_ms = times_of(time_ms, time_ms, 1)
        rows = world.rows(self.expr, self.tenant, times_ms, now_ms, view.seen)
        return vector_text(rows, time_ms, view.notes)


@dataclass(frozen=True, slots=True)
class MetadataQuestion:
    """Labels, pods, or series of a metric. Their answers are the same for all tenants but in a mark."""

    metric: Metric
    tenant: str
    start_ms: int
    end_ms: int
    path: str

    @property
    def parameters(self) -> str:
        times = {"start": format_time(self.start_ms), "end": format_time(self.end_ms)}
        return urlencode({"match[]": self.metric.name, **times})

    def answer(self, world: World, now_ms: int, view: View) -> bytes:
        if self.path == LABELS_PATH:
            return list_text(['"__name__"', '"pod"', f'"{self.tenant}"'], view.notes)
        pods = world.pods(self.metric, self.start_ms, self.end_ms, now_ms, view.seen)
        if self.path == PODS_PATH:
            return list_text([*(f'"{pod}"' for pod in pods), f'"{self.tenant}"'], view.notes)
        mark = f'"__name__":"{self.metric.name}"'
        series = [f'{{{mark},"pod":"{pod}","tenant":"{self.tenant}"}}' for pod in pods]
        return list_text(series, view.notes)


Question = RangeQuestion | InstantQuestion | MetadataQuestion


def read_question(path: str, form: Mapping[str, str], tenant: str) -> Question:
    """A question as a replica receives it.

    Raises:
        KeyError, AssertionError: no client has asked that.
    """
    tenant = tenant if tenant in TENANTS else TENANTS[0]
    if path == RANGE_PATH:
        start_ms, end_ms = _time_ms(form["start"]), _time_ms(form["end"])
        step_ms = parse_duration_ms(form["step"])
        assert step_ms
        return RangeQuestion(EXPR_OF[form["query"]], tenant, start_ms, end_ms, step_ms)
    if path == INSTANT_PATH:
        time_ms = parse_time_ms(form["time"]) if "time" in form else None
        return InstantQuestion(EXPR_OF[form["query"]], tenant, time_ms)
    assert path in {LABELS_PATH, PODS_PATH, SERIES_PATH}
    metric = METRICS[form["match[]"]]
    return MetadataQuestion(metric, tenant, _time_ms(form["start"]), _time_ms(form["end"]), path)


def _time_ms(text: str) -> int:
    time_ms = parse_time_ms(text)
    assert time_ms is not None
    return time_ms
