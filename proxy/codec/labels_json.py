"""The order of series, from the JSON text of their label sets."""

from __future__ import annotations

import orjson


def sort_key(metric: bytes) -> tuple[str, ...]:
    """Compares as Prometheus's `labels.Compare`: name, value, name, value, …; shorter first.

    Go compares UTF-8 bytes, Python code points: the same order.

    Raises:
        ValueError: the text is not a JSON object of strings (orjson's error is one).
    """
    labels: dict[str, str] = orjson.loads(metric)
    return tuple(text for pair in labels.items() for text in pair)
