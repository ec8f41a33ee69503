"""Whether the answer of an instant query may be kept. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.model.grid import Grid
from proxy.model.query import RangeQuery, first_value
from proxy.plan.expression import understand
from proxy.plan.freshness import settled_steps

if TYPE_CHECKING:
    from proxy.model.query import Form

_STEP_MS = 1_000
"""Instant queries have none, and nothing that reads one is understood here."""


def why_not_kept(form: Form, time_ms: int | None, younger_than_ms: int) -> str:
    """Why an answer is only shared while it is fetched; "" when it may be kept.

    time_ms: None where there is none, or only Thanos can read it.
    """
    if time_ms is None:
        return "without a time that can be read here it is about now"
    for name in ("stats", "analyze"):
        if first_value(form, name):
            return f"{name} speaks of one evaluation"
    query = RangeQuery(first_value(form, "query"), time_ms, time_ms, _STEP_MS, "", ())
    expression = understand(query)
    if isinstance(expression, str):
        return expression
    is_settled = settled_steps(Grid(time_ms, _STEP_MS, 1), expression.traits, younger_than_ms)
    return "" if is_settled else "it reads data that is too young to be kept"
