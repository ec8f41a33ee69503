"""The errors a client can see. Each class knows its Prometheus `errorType` and HTTP status.

The types are those of Thanos (`pkg/api/api.go`): bad_data, execution, timeout, canceled, internal;
and Prometheus's `unavailable` for an upstream that cannot be reached.
"""

from __future__ import annotations

from typing import ClassVar

_SOON_S = 5
"""An upstream that failed is rarely back at once; who asks every second makes it no better."""


class QueryError(Exception):
    """Something that ends a query. `str(error)` is the sentence that the client reads."""

    error_type: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retry_after_s: int = 0
    """When to come again (seconds), where that may help; 0 says nothing of it."""
    reason: str = ""
    """Which limit has refused; "" where none has."""


class _RefusedError(QueryError):
    """A limit refuses. `reason`: which one, in one word, for the metric."""

    def __init__(self, message: str, reason: str = "other") -> None:
        super().__init__(message)
        self.reason = reason


class BadDataError(QueryError):
    """The request cannot be understood."""

    error_type = "bad_data"
    status = 400


class UnauthorizedError(QueryError):
    """Nobody that is known. `challenges`: the ways to say who one is, for `WWW-Authenticate`."""

    error_type = "bad_data"
    status = 401

    def __init__(self, challenges: tuple[str, ...]) -> None:
        super().__init__("unauthorized: send a user and password or a token that --http.config lists")
        self.challenges = challenges


class TooLargeError(_RefusedError):
    """The request itself is larger than a limit."""

    error_type = "bad_data"
    status = 413


class LimitError(_RefusedError):
    """The query would cost more than a limit allows; the text names the limit and its setting."""

    error_type = "execution"
    status = 422


class TooManyRequestsError(_RefusedError):
    """As many queries run and wait as may."""

    error_type = "unavailable"
    status = 429

    def __init__(self, message: str, retry_after_s: int, reason: str = "other") -> None:
        super().__init__(message, reason)
        self.retry_after_s = retry_after_s


class QueryTimeoutError(QueryError):
    """The deadline passed. Thanos answers timeouts with 503 (`pkg/api/api.go`)."""

    error_type = "timeout"
    status = 503
    retry_after_s = _SOON_S


class CanceledError(QueryError):
    """An operator has ended the query. Thanos answers what was canceled with 503 (`pkg/api/api.go`)."""

    error_type = "canceled"
    status = 503


class BadUpstreamAnswerError(QueryError):
    """The upstream answered something that is not a Prometheus API answer."""

    error_type = "internal"
    status = 502
    retry_after_s = _SOON_S


class UpstreamUnreachableError(QueryError):
    """No connection to the upstream, or it broke before the answer was complete."""

    error_type = "unavailable"
    status = 502
    retry_after_s = _SOON_S


class UpstreamRefusedError(UpstreamUnreachableError):
    """No connection to the upstream could be opened."""


class UpstreamAnswerError(QueryError):
    """The upstream's own error answer, passed on as it is."""

    def __init__(self, status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
        super().__init__(f"the upstream answered {status}")
        self.answer_status = status
        self.headers = headers
        self.body = body


class AdminDisabledError(QueryError):
    """An admin endpoint that is off (Prometheus answers the same way, `web/api/v1/api.go`)."""

    error_type = "unavailable"
    status = 503


class ForeignRequestError(QueryError):
    """A request that changes something, sent by another site's page."""

    error_type = "bad_data"
    status = 403


class TooManyListenersError(QueryError):
    """As many watch the status page as may."""

    error_type = "unavailable"
    status = 503
    retry_after_s = _SOON_S


class NotSplittableError(Exception):
    """Not for clients: what came back cannot be joined exactly, ask for the whole instead."""
