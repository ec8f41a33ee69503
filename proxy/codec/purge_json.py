"""Purges as JSON, for those who hear of them in other processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from proxy.plan.purge import Purge


@dataclass(frozen=True, slots=True)
class PurgeAt:
    """What was to be removed, and when (ms, wall clock)."""

    wanted: Purge
    at_ms: int


def encode_purge(said: PurgeAt) -> bytes:
    wanted = said.wanted
    return orjson.dumps(
        {
            "at_ms": said.at_ms,
            "vary_names": wanted.vary_names,
            "tenant": wanted.tenant,
            "reads": wanted.reads,
            "metric": wanted.metric,
        }
    )


def decode_purge(value: bytes) -> PurgeAt | None:
    """None for what is no purge."""
    try:
        said: dict[str, Any] = orjson.loads(value)
        wanted = Purge(
            vary_names=tuple(map(str, said["vary_names"])),
            tenant=_pair(said["tenant"], str),
            reads=_pair(said["reads"], int),
            metric=None if said["metric"] is None else str(said["metric"]),
        )
        return PurgeAt(wanted, int(said["at_ms"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _pair(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    one, other = value
    return kind(one), kind(other)
