"""A request that is to be explained, how it was read, and what it would ask of the upstream."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.codec.durations import parse_time_ms
from proxy.codec.params import encode_form, encode_range_form
from proxy.model.query import first_value
from proxy.plan.explain import Ask, Reading
from proxy.plan.split import split_grid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.model.grid import Grid
    from proxy.model.query import Caller, Form, RangeQuery
    from proxy.plan.blocked import Question
    from proxy.plan.partition import Run
    from proxy.plan.range_plan import RangePlan

RANGE_PATH, INSTANT_PATH = "/api/v1/query_range", "/api/v1/query"
_OWN_ROWS = frozenset(("query", "time", "start", "end", "step", "timeout"))
_MOST_ASKS = 200
_MOST_FORM_BYTES = 1 << 20
"""Of the texts of all requests that are shown."""


@dataclass(frozen=True, slots=True)
class Explainable:
    """A request, read as its own endpoint reads it.

    unread: why it would be passed on unread, "" when it is looked into. says: "no-cache", "no-store"
    or "". patience: how long it is waited for (seconds), and what says so.
    """

    question: Question
    method: str
    caller: Caller
    patience: tuple[float, str]
    unread: str = ""
    says: str = ""
    wants_gzip: bool = False

    @property
    def form(self) -> Form:
        return self.question.form or ()

    @property
    def is_refresh(self) -> bool:
        return self.says == "no-cache"

    def reading(self, query: RangeQuery | None = None) -> Reading:
        """How it was read; `query`: the range query that it is, if its times can be read."""
        patience_s, patience_from = self.patience
        reading = Reading(
            api=self.question.api,
            expr=first_value(self.form, "query"),
            tenant=self.caller.tenant,
            patience_ms=round(patience_s * 1000),
            patience_from=patience_from,
            start_ms=parse_time_ms(first_value(self.form, "time")),
            parameters=tuple(field for field in self.form if field[0] not in _OWN_ROWS),
            says=self.says,
            wants_gzip=self.wants_gzip,
        )
        if self.question.api == "query":
            return reading
        times = (query.start_ms, query.end_ms, query.step_ms) if query else (None, None, None)
        start_ms, end_ms, step_ms = times
        return dataclasses.replace(reading, start_ms=start_ms, end_ms=end_ms, step_ms=step_ms)

    def whole(self) -> Ask:
        """The request as it came."""
        path = INSTANT_PATH if self.question.api == "query" else RANGE_PATH
        form = "(as it came)"
        if self.question.form is not None:
            form = encode_form(self.form).decode()
        form = form if len(form) <= _MOST_FORM_BYTES else ""
        return Ask(None, None, 0, self.method, path, form)


def asked_grids(plan: RangePlan, gaps: Sequence[Run]) -> list[Grid]:
    """The gaps (steps of the plan's grid) in the splits that would be asked for."""
    parts = (plan.grid.sliced(gap.first, gap.end) for gap in gaps)
    return [split for part in parts for split in split_grid(part, plan.interval_ms)]


def asks_of(plan: RangePlan, grids: Sequence[Grid], patience_s: float) -> Iterator[Ask]:
    """The requests for some splits, as they would be sent, the first of too many."""
    room = _MOST_FORM_BYTES
    for grid in grids[:_MOST_ASKS]:
        form = encode_range_form(plan.query, plan.known.text, grid, patience_s).decode()
        room -= len(form)
        times = grid.start_ms, grid.last_ms, grid.steps
        yield Ask(*times, "POST", RANGE_PATH, form if room >= 0 else "")
