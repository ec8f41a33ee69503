"""Which failed attempts are worth another one. Pure.

A timeout, a PromQL error or a limit would only happen again, at the upstream's cost. What another
attempt can mend is a connection that broke and a gateway that had nobody behind it.
"""

from __future__ import annotations

RETRYABLE_STATUSES = frozenset((502, 503, 504))
"""Answers whose body is read before deciding."""


def is_worth_retrying(status: int, body: bytes) -> bool:
    """Whether an error answer may be asked again: 502, 504, and 503 without Prometheus's error JSON.

    Thanos itself answers timeouts and cancellations with 503 and the error JSON.
    """
    return status in {502, 504} or (status == 503 and not is_error_json(body))


def is_error_json(body: bytes) -> bool:
    """Whether a body looks like Prometheus's error JSON."""
    start = body[:64].replace(b" ", b"")
    return start.startswith(b'{"status":"error"')
