"""The endpoints of the demo upstream: a question in, the `data` of its answer out.

Texts of errors are those of Thanos's pkg/api/query/v1.go. Times and durations are read to whole
milliseconds; what is finer is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import orjson
import promql_parser as promql

from proxy.codec.durations import parse_duration_ms, parse_time_ms
from proxy.demo import answers
from proxy.demo.evaluate import Steps, evaluate, parse, samples
from proxy.demo.selectors import select
from proxy.demo.series import CATALOGUE, EXTERNAL_LABELS, METADATA, Series
from proxy.errors import BadDataError
from proxy.model.query import Form, first_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_STEPS = 11_000
MAX_TIME_MS = 2**63 - 1
"""What a store says that still receives samples."""

NOT_FOR_RANGES: dict[type, str] = {
    promql.MatrixSelector: "range vector",
    promql.SubqueryExpr: "range vector",
    promql.StringLiteral: "string",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What an endpoint may know: the parameters, the label name in the path, the time."""

    form: Form
    label: str
    now_ms: int

    def text(self, name: str) -> str:
        """A parameter, "" where it is missing."""
        return first_value(self.form, name)

    def time_ms(self, name: str) -> int:
        """A required time."""
        if (time_ms := parse_time_ms(self.text(name))) is None:
            raise BadDataError(f"cannot parse {quoted(self.text(name))} to a valid timestamp")
        return time_ms

    def time_ms_or(self, name: str, default_ms: int) -> int:
        """An optional time."""
        try:
            return self.time_ms(name) if self.text(name) else default_ms
        except BadDataError as error:
            raise BadDataError(f"Invalid time value for '{name}': {error}") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """The JSON text of `data`, and the warnings beside it."""

    data: str
    warnings: tuple[str, ...] = ()


def query(question: Question) -> Answer:
    """`/api/v1/query`."""
    time_ms = question.time_ms_or("time", question.now_ms)
    steps = Steps(np.array([time_ms]), time_ms)
    expr = unwrapped(parse(question.text("query")))
    if isinstance(expr, promql.MatrixSelector):
        matrix = answers.matrix_json(*samples(expr, steps))
        return Answer(answers.query_data("matrix", matrix))
    return Answer(answers.instant_data(time_ms, evaluate(expr, steps)))


def query_range(question: Question) -> Answer:
    """`/api/v1/query_range`."""
    steps = range_steps(question)
    expr = parse(question.text("query"))
    if kind := NOT_FOR_RANGES.get(type(unwrapped(expr))):
        raise BadDataError(
            f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector'
        )
    return Answer(answers.range_data(steps.times_ms, evaluate(expr, steps)))


def range_steps(question: Question) -> Steps:
    """The steps of a range query; without a `step` there are 250, a second or more apart."""
    start_ms, end_ms = question.time_ms("start"), question.time_ms("end")
    if end_ms < start_ms:
        raise BadDataError("end timestamp must not be before start time")
    step_ms: int | None = max(1, (end_ms - start_ms) // 250_000) * 1000
    if text := question.text("step"):
        step_ms = parse_duration_ms(text)
    if step_ms is None:
        raise BadDataError(f"'step' parameter: cannot parse {quoted(text)} to a valid duration")
    if step_ms <= 0:
        raise BadDataError(
            "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
    if (end_ms - start_ms) // step_ms > MAX_STEPS:
        raise BadDataError(
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    return Steps(np.arange(start_ms, end_ms + 1, step_ms), end_ms)


def unwrapped(expr: promql.Expr) -> promql.Expr:
    """The expression without the parentheses around it."""
    while isinstance(expr, promql.ParenExpr):
        expr = expr.expr
    return expr


def labels(question: Question) -> Answer:
    """`/api/v1/labels`."""
    found = {name for series in matched(question) for name, _ in series.labels}
    return limited(question, sorted(found))


def label_values(question: Question) -> Answer:
    """`/api/v1/label/<name>/values`."""
    pairs = {pair for series in matched(question) for pair in series.labels}
    return limited(question, sorted(value for name, value in pairs if name == question.label))


def series(question: Question) -> Answer:
    """`/api/v1/series`."""
    if not question.text("match[]"):
        raise BadDataError("no match[] parameter provided")
    return limited(question, [dict(one.labels) for one in matched(question)])


def matched(question: Question) -> list[Series]:
    """The series that any `match[]` selects, all without any; they exist at all times."""
    start_ms = question.time_ms_or("start", -MAX_TIME_MS)
    if question.time_ms_or("end", MAX_TIME_MS) < start_ms:
        raise BadDataError("bad_data: end timestamp must not be before start time")
    wanted = [parse(text) for name, text in question.form if name == "match[]"]
    found: set[int] = set()
    for selector in wanted:
        if not isinstance(selector, promql.VectorSelector):
            raise BadDataError(f"expected a series selector, got {selector}")
        found |= {id(one) for one in select(selector)}
    return [one for one in CATALOGUE if not wanted or id(one) in found]


def limited(question: Question, items: Sequence[object]) -> Answer:
    """The first `limit` items, with Thanos's warning where there are more; 0 means all."""
    text = question.text("limit") or "0"
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise BadDataError(f"cannot parse {quoted(text)} to a valid limit")
    if int(text) < 0:
        raise BadDataError("limit must be non-negative")
    limit = int(text) or len(items)
    warnings = ("results truncated due to limit",) if len(items) > limit else ()
    return Answer(as_json(items[:limit]), warnings)


def metadata(question: Question) -> Answer:
    """`/api/v1/metadata`."""
    families = {
        name: [{"type": kind, "help": text, "unit": ""}]
        for name, (kind, text) in METADATA.items()
        if question.text("metric") in {"", name}
    }
    return Answer(as_json(families))


def buildinfo(_: Question) -> Answer:
    """`/api/v1/status/buildinfo`: a version that nobody takes for a release of Thanos."""
    names = ("revision", "branch", "buildUser", "buildDate", "goVersion")
    return Answer(as_json({"version": "0.0.0-demo", **dict.fromkeys(names, "")}))


def stores(question: Question) -> Answer:
    """`/api/v1/stores`: one store, always healthy, checked just now."""
    checked = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=question.now_ms)
    store = {
        "name": "demo",
        "lastCheck": checked.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "lastError": None,
        "labelSets": [EXTERNAL_LABELS],
        "minTime": 0,
        "maxTime": MAX_TIME_MS,
    }
    return Answer(as_json({"store": [store]}))


def as_json(content: object) -> str:
    return orjson.dumps(content).decode()


quoted = as_json
"""A parameter in an error's text, as Go quotes it."""


ENDPOINTS: dict[str, Callable[[Question], Answer]] = {
    "query": query,
    "query_range": query_range,
    "labels": labels,
    "label/{label}/values": label_values,
    "series": series,
    "metadata": metadata,
    "status/buildinfo": buildinfo,
    "stores": stores,
    "rules": lambda _: Answer('{"groups":[]}'),
    "alerts": lambda _: Answer('{"alerts":[]}'),
    "query_exemplars": lambda _: Answer("[]"),
}
"""Path below `/api/v1/` to the endpoint that answers it, for GET and POST."""
