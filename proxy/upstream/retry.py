"""Which failed attempts are worth another one. Pure.

A timeout, a PromQL error or a limit would only happen again, at the upstream's cost. What another
attempt can mend is a connection that broke and a gateway that had nobody behind it.
"""

from __future__ import annotations

from http import HTTPStatus

ERROR_START_BYTES = 64
"""How much of a body tells whether it is Prometheus's error JSON."""


def is_worth_retrying(status: int, body: bytes) -> bool:
    """Whether an error answer may be asked again: 502, 504, and 503 without Prometheus's error JSON.

    Thanos itself answers timeouts and cancellations with 503 and the error JSON.
    """
    return status in {502, 504} or (
        status == HTTPStatus.SERVICE_UNAVAILABLE and not is_error_json(body)
    )


def is_error_json(body: bytes) -> bool:
    """Whether a body looks like Prometheus's error JSON."""
    start = body[:ERROR_START_BYTES].replace(b" ", b"")
    return start.startswith(b'{"status":"error"')
