"""What an upstream's error answer says, for clients that print an error's body as it is."""

from __future__ import annotations

from typing import Any

import orjson

_MOST_CHARACTERS = 2_000


def error_text(body: bytes) -> str:
    """The `error` of Prometheus's error JSON; of anything else the beginning, as text."""
    try:
        answer: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    found = answer.get("error") if isinstance(answer, dict) else None
    text = found if isinstance(found, str) else body.decode("utf-8", "replace")
    return text.strip()[:_MOST_CHARACTERS]
