"""Snapshots as JSON, and out of it again."""

from __future__ import annotations

import dataclasses
from typing import Any

import orjson

from proxy.codec.valid_text import valid_text
from proxy.status import snapshot as words
from proxy.status.snapshot import Snapshot

_LISTS: dict[str, type[Any]] = {
    "findings": words.Finding,
    "history": words.Moment,
    "addresses": words.Address,
    "tenants": words.TenantLoad,
    "tiers": words.TierState,
    "stores": words.StoreState,
    "files": words.FileState,
    "running": words.QueryRun,
    "slowest": words.QueryRun,
    "costliest": words.QueryRun,
    "splits": words.SplitRun,
    "failing": words.FailingQuery,
}
_PARTS: dict[str, type[Any]] = {
    "rates": words.Rates,
    "queue": words.Queue,
    "memory": words.MemoryInFlight,
    "cache": words.CacheState,
}


def write_snapshot(snapshot: Snapshot) -> bytes:
    """Headers of requests may hold bytes that are no text: those are replaced."""
    try:
        return orjson.dumps(snapshot)
    except orjson.JSONEncodeError:
        return orjson.dumps(_valid(dataclasses.asdict(snapshot)))


def _valid(value: Any) -> Any:
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, dict):
        return {_valid(key): _valid(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_valid(item) for item in value]
    return value


def read_snapshot(text: bytes) -> Snapshot | None:
    """None where the text is not one of this version: workers may be replaced by newer ones."""
    try:
        made: Snapshot = _made(Snapshot, orjson.loads(text))
    except (ValueError, TypeError, AttributeError):
        return None
    return made


def _made(kind: type[Any], fields: dict[str, Any]) -> Any:
    return kind(**{name: _value(name, value) for name, value in fields.items()})


def _value(name: str, value: Any) -> Any:
    if isinstance(value, list):
        kind = _LISTS.get(name)
        return tuple(_made(kind, one) if kind else one for one in value)
    if isinstance(value, dict) and name in _PARTS:
        return _made(_PARTS[name], value)
    return value
