"""Rows of values as the text that Thanos Query writes, and back."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from proxy.codec.durations import format_time
from proxy.codec.go_json import message_text
from tests.soak.world import ABSENT, NUMBER_OF, UNKNOWN, VALUES, Rows, Times

if TYPE_CHECKING:
    from collections.abc import Iterable

_VALUE_ENDS = tuple(f'"{text}"]' for text in VALUES)


@lru_cache(64)
def point_heads(first_ms: int, step_ms: int, steps: int) -> list[str]:
    """`[1700000000,` of each step."""
    return [f"[{format_time(first_ms + number * step_ms)}," for number in range(steps)]


def times_of(start_ms: int, end_ms: int, step_ms: int) -> Times:
    return np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)


def matrix_text(rows: Rows, heads: list[str], notes: Iterable[str] = ()) -> bytes:
    """The answer to a range query. Rows are in the order of their labels."""
    series = []
    for labels, row in rows.items():
        values = row.tolist()
        if ABSENT in values:
            pairs = zip(heads, values, strict=True)
            points = ",".join([head + _VALUE_ENDS[value] for head, value in pairs if value != ABSENT])
        else:
            points = ",".join([h + _VALUE_ENDS[v] for h, v in zip(heads, values, strict=True)])
        series.append(f'{{"metric":{labels},"values":[{points}]}}')
    return _success("matrix", series, notes)


def vector_text(rows: Rows, time_ms: int, notes: Iterable[str] = ()) -> bytes:
    """The answer to an instant query."""
    head = f"[{format_time(time_ms)},"
    series = [
        f'{{"metric":{labels},"value":{head}{_VALUE_ENDS[int(row[0])]}}}'
        for labels, row in rows.items()
    ]
    return _success("vector", series, notes)


def list_text(entries: Iterable[str], notes: Iterable[str] = ()) -> bytes:
    """The answer to labels, label values (JSON strings) and series (JSON objects)."""
    return f'{{"status":"success","data":[{",".join(entries)}]{_notes(notes)}}}'.encode()


def _success(kind: str, series: list[str], notes: Iterable[str]) -> bytes:
    data = f'"resultType":"{kind}","result":[{",".join(series)}],"analysis":{{}}'
    return f'{{"status":"success","data":{{{data}}}{_notes(notes)}}}'.encode()


def _notes(notes: Iterable[str]) -> str:
    texts = ",".join(map(message_text, notes))
    return f',"warnings":[{texts}]' if texts else ""


def read_matrix(body: bytes, times_ms: Times) -> tuple[Rows, tuple[str, ...]]:
    """Rows and warnings of an answer to a range query.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    answer: dict[str, Any] = orjson.loads(body)
    position = {time_ms: number for number, time_ms in enumerate(times_ms.tolist())}
    rows: Rows = {}
    for series in answer["data"]["result"]:
        row = np.full(times_ms.shape, ABSENT, np.int16)
        for time_s, text in series["values"]:
            row[position[round(time_s * 1000)]] = NUMBER_OF.get(text, UNKNOWN)
        pairs = (f'"{name}":"{value}"' for name, value in series["metric"].items())
        rows[f"{{{','.join(pairs)}}}"] = row
    return rows, tuple(answer.get("warnings", ()))
