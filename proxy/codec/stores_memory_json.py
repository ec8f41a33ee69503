"""Which stores are expected, as JSON, for a process that is started later."""

from __future__ import annotations

from typing import Any

import orjson

from proxy.plan.holes import Expected


def encode_expected(expected: dict[str, Expected], at_ms: int) -> bytes:
    """at_ms: when that was so, by the wall clock."""
    stores = {
        kind: [one.count, sorted(one.addresses), one.min_ms, one.max_ms]
        for kind, one in expected.items()
    }
    return orjson.dumps({"at_ms": at_ms, "stores": stores})


def decode_expected(value: bytes) -> tuple[dict[str, Expected], int] | None:
    """What was encoded; None for other bytes."""
    try:
        said: dict[str, Any] = orjson.loads(value)
        expected = {
            kind: Expected(int(count), frozenset(map(str, addresses)), int(min_ms), int(max_ms))
            for kind, (count, addresses, min_ms, max_ms) in said["stores"].items()
        }
        return expected, int(said["at_ms"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
