"""`/api/v1/stores` of Thanos Query (`pkg/api/query/v1.go`, stores) as `Store`s."""

from __future__ import annotations

from typing import Any

import orjson

from proxy.errors import BadUpstreamAnswerError
from proxy.plan.holes import Store

_LONGEST_ERROR = 300
_LONGEST_KIND = 200


def parse_stores(body: bytes) -> list[Store]:
    """All stores, of all components.

    Raises:
        BadUpstreamAnswerError: not such an answer.
    """
    try:
        components: dict[str, list[dict[str, Any]]] = orjson.loads(body)["data"]
        return [_store(name, one) for name, stores in components.items() for one in stores or ()]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadUpstreamAnswerError("/api/v1/stores does not list stores") from error


def start_time(body: bytes) -> str:
    """When the process began, of an answer of `/api/v1/status/runtimeinfo`; "" when it does not say."""
    try:
        return str(orjson.loads(body)["data"]["startTime"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""


def _store(component: str, store: dict[str, Any]) -> Store:
    labels = sorted(tuple(sorted(labels.items())) for labels in store["labelSets"] or ())
    return Store(
        kind=f"{component} {orjson.dumps(labels).decode()}",
        address=str(store["name"]),
        min_ms=int(store["minTime"]),
        max_ms=int(store["maxTime"]),
        is_healthy=store["lastError"] is None,
        last_error=_text(store["lastError"]),
    )


def _text(error: object) -> str:
    """Thanos writes a text, or an object where it has none."""
    if error is None:
        return ""
    words = error if isinstance(error, str) else orjson.dumps(error).decode()
    return words[:_LONGEST_ERROR]


def kind_text(kind: str) -> str:
    """A store's kind for people: `sidecar {a="1"}`."""
    component, _, labels = kind.partition(" ")
    try:
        sets = [",".join(f'{name}="{value}"' for name, value in one) for one in orjson.loads(labels)]
    except (orjson.JSONDecodeError, ValueError, TypeError):
        return kind[:_LONGEST_KIND]
    return " ".join([component, *(f"{{{one}}}" for one in sets)])[:_LONGEST_KIND]
