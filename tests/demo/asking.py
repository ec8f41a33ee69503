"""Ways to ask the demo upstream without a socket."""

from __future__ import annotations

import json
from typing import Any

from proxy.demo.api import ENDPOINTS, Answer, Question

NOON_S = 1_763_812_800


def ask(path: str, form: str = "", *, label: str = "", now_ms: int = NOON_S * 1000) -> Answer:
    """Ask an endpoint; `form` is `name=value&name=value`, nothing in it escaped."""
    fields = [field.partition("=") for field in form.split("&")]
    parsed = tuple((name, value) for name, _, value in fields)
    return ENDPOINTS[path](Question(parsed, label, now_ms))


def data(path: str, form: str = "", **more: Any) -> Any:
    return json.loads(ask(path, form, **more).data)


def instant(expr: str, time_s: float = NOON_S) -> Any:
    """The `result` of an instant query."""
    return data("query", f"time={time_s}&query={expr}")["result"]


def values(expr: str, time_s: float = NOON_S) -> list[float]:
    """The values of an instant vector in its order."""
    return [float(sample["value"][1]) for sample in instant(expr, time_s)]


def matrix(expr: str, start_s: float, end_s: float, step: str) -> dict[str, list[Any]]:
    """The points of a range query by the JSON text of the label set."""
    result = data("query_range", f"start={start_s}&end={end_s}&step={step}&query={expr}")
    return {json.dumps(one["metric"]): one["values"] for one in result["result"]}
