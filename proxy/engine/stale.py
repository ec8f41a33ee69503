"""Answers from what is kept although its life is over, because the upstream fails.

What is known to lack data is not used. Such an answer says what it is in a warning, and that nobody
on the way may keep it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from proxy.errors import (
    BadUpstreamAnswerError,
    QueryTimeoutError,
    UpstreamUnreachableError,
)

if TYPE_CHECKING:
    from proxy.errors import QueryError
    from proxy.model.matrix import Tail

UPSTREAM_FAILS = (UpstreamUnreachableError, BadUpstreamAnswerError, QueryTimeoutError)
"""The errors that say nothing of the query. All others are answers."""
_SECOND_MS, _MINUTE_MS, _HOUR_MS = 1_000, 60_000, 3_600_000


def stale_note(age_ms: int, error: QueryError, missing: str = "") -> str:
    """The warning of an answer from kept data that is this old."""
    return f"thanoxy: {error}; this is kept data, up to {_age(age_ms)} old{missing}"


def missing(steps: int, of_steps: int) -> str:
    """The end of the warning, where not all was kept."""
    return f", and {steps} of {of_steps} steps are missing" if steps else ""


def with_warning(tail: Tail, text: str) -> Tail:
    """An answer's tail with one more warning."""
    warnings = (*tail.notes.get("warnings", ()), text)
    return dataclasses.replace(tail, notes={**tail.notes, "warnings": warnings})


def _age(age_ms: int) -> str:
    if age_ms >= _HOUR_MS:
        return f"{age_ms // _HOUR_MS}h{age_ms % _HOUR_MS // _MINUTE_MS}m"
    if age_ms >= _MINUTE_MS:
        return f"{age_ms // _MINUTE_MS}m{age_ms % _MINUTE_MS // _SECOND_MS}s"
    return f"{max(age_ms, 0) // _SECOND_MS}s"
