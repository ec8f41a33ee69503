"""What each error means to a Prometheus client."""

from __future__ import annotations

import pytest

from proxy import errors
from proxy.errors import QueryError, UpstreamAnswerError

TYPES_OF_THANOS = {"bad_data", "execution", "timeout", "canceled", "internal"}


@pytest.mark.parametrize(
    ("error", "error_type", "status"),
    [
        (errors.QueryError, "internal", 500),
        (errors.BadDataError, "bad_data", 400),
        (errors.TooLargeError, "bad_data", 413),
        (errors.LimitError, "execution", 422),
        (errors.QueryTimeoutError, "timeout", 503),
        (errors.BadUpstreamAnswerError, "internal", 502),
        (errors.UpstreamUnreachableError, "unavailable", 502),
    ],
)
def test_an_error_knows_its_type_and_status(
    error: type[QueryError], error_type: str, status: int
) -> None:
    assert (error.error_type, error.status) == (error_type, status)
    assert str(error("what the client reads")) == "what the client reads"


def test_too_many_requests_say_when_to_come_again() -> None:
    error = errors.TooManyRequestsError("later", retry_after_s=7)
    assert (error.error_type, error.status) == ("unavailable", 429)
    assert (str(error), error.retry_after_s) == ("later", 7)


def test_no_error_has_a_type_that_clients_do_not_know() -> None:
    known = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, QueryError)]
    assert {error.error_type for error in known} <= TYPES_OF_THANOS | {"unavailable"}
    assert all(400 <= error.status < 600 for error in known)


def test_the_upstreams_own_error_is_kept_whole() -> None:
    headers = (("Content-Type", "application/json; charset=utf-8"), ("Retry-After", "5"))
    error = UpstreamAnswerError(422, headers, b"{}")
    assert (error.answer_status, error.headers, error.body) == (422, headers, b"{}")


def test_not_splittable_is_no_error_for_clients() -> None:
    assert not issubclass(errors.NotSplittableError, QueryError)


def test_a_limit_has_a_name_and_other_errors_have_none() -> None:
    assert errors.LimitError("x").reason == "other"
    assert errors.LimitError("x", "max_query_steps").reason == "max_query_steps"
    assert errors.TooManyRequestsError("x", 1, "queue_gave_way").reason == "queue_gave_way"
    assert errors.BadDataError("x").reason == ""
