"""JSON from files and targets, read without trusting its shape.

Whatever is not of the expected kind reads as empty: dashboards come from many versions of Grafana,
and a missing panel title is no reason to stop.
"""

from __future__ import annotations

import orjson

from proxy.load import LoadError


def read_json(text: bytes) -> object:
    """The document. Raises `LoadError` with the place of the first fault."""
    try:
        document: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise LoadError(f"not JSON: {error}") from error
    return document


def mapping(value: object) -> dict[str, object]:
    """An object's members; none for anything else."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[object]:
    """An array's elements; none for anything else."""
    return value if isinstance(value, list) else []


def string(value: object) -> str:
    """A string as it is, a number as text; anything else is empty."""
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else ""


def whole(value: object, default: int = 0) -> int:
    """A number, or a text of one, as an integer; anything else is the default."""
    try:
        return int(float(string(value)))
    except (ValueError, OverflowError):
        return default
