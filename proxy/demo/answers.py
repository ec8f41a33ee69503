"""Answers as Thanos Query writes them: compact JSON, Prometheus's text for floats and times.

Source: prometheus util/jsonutil, web/api/v1/json_codec.go; Thanos pkg/api/api.go (the frame).
"""

from __future__ import annotations

from decimal import Decimal
from math import isfinite, isnan
from typing import TYPE_CHECKING

from proxy.codec.durations import format_time
from proxy.codec.go_json import label_text, message_text
from proxy.demo.functions import to_vector
from proxy.demo.vectors import Result, Scalar, Vector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from proxy.demo.series import Flags, Labels, Times, Values

FIXED_FROM, FIXED_BELOW = 1e-6, 1e21
"""Where Prometheus writes no exponent; Python's `repr` writes none from 1e-4 to 1e16."""


def float_text(value: float) -> str:
    """The shortest digits that read back as the same float, as Go's FormatFloat gives them."""
    if not isfinite(value):
        return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if "e" in text and FIXED_FROM <= abs(value) < FIXED_BELOW:
        return format(Decimal(text), "f")
    return text.removesuffix(".0")


def labels_json(labels: Labels) -> str:
    """A label set, in the order of its names."""
    pairs = (f"{label_text(name)}:{label_text(value)}" for name, value in labels)
    return f"{{{','.join(pairs)}}}"


def list_json(items: Iterable[str]) -> str:
    """A list of things that are JSON text already."""
    return f"[{','.join(items)}]"


def points_of(heads: Sequence[str], values: Values, present: Flags) -> list[str]:
    """The points `[t,"v"]` of one series; all arguments have one entry for each step."""
    points = zip(heads, values.tolist(), present.tolist(), strict=True)
    return [f'{head}"{float_text(value)}"]' for head, value, here in points if here]


def matrix_json(times_ms: Times, vector: Vector) -> str:
    """All steps as a matrix sorted by labels; a series without any value is left out."""
    heads = [f"[{format_time(t)}," for t in times_ms.tolist()]
    order = sorted(range(len(vector.labels)), key=vector.labels.__getitem__)
    return list_json(
        f'{{"metric":{labels_json(vector.labels[i])},"values":{list_json(points)}}}'
        for i in order
        if (points := points_of(heads, vector.values[i], vector.present[i]))
    )


def vector_json(time_ms: int, vector: Vector) -> str:
    """The first step of a vector, in the order it has."""
    heads = [f"[{format_time(time_ms)},"]
    rows = zip(vector.labels, vector.values, vector.present, strict=True)
    return list_json(
        f'{{"metric":{labels_json(labels)},"value":{point}}}'
        for labels, values, present in rows
        for point in points_of(heads, values[:1], present[:1])
    )


def query_data(kind: str, result: str) -> str:
    """The `data` of a query. Thanos always adds an `analysis`, empty unless asked for."""
    return f'{{"resultType":"{kind}","result":{result},"analysis":{{}}}}'


def range_data(times_ms: Times, result: Result) -> str:
    """The `data` of a range query: a scalar becomes the one series without labels."""
    vector = to_vector(result.values) if isinstance(result, Scalar) else result
    return query_data("matrix", matrix_json(times_ms, vector))


def instant_data(time_ms: int, result: Result) -> str:
    """The `data` of an instant query.

    A scalar is not written like a sample: its time is a plain float, and its value never has an
    exponent (promql/value.go, Scalar).
    """
    if isinstance(result, Vector):
        return query_data("vector", vector_json(time_ms, result))
    text = float_text(float(result.values[0]))
    value = format(Decimal(text), "f") if "e" in text else text
    return query_data("scalar", f'[{float_text(time_ms / 1000)},"{value}"]')


def success(data: str, warnings: Sequence[str] = ()) -> str:
    """The frame of an answer."""
    more = f',"warnings":{list_json(map(message_text, warnings))}' if warnings else ""
    return f'{{"status":"success","data":{data}{more}}}'
