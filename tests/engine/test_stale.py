"""What a stale answer says of itself."""

from __future__ import annotations

import pytest

from proxy.engine.stale import UPSTREAM_FAILS, missing, stale_note, with_warning
from proxy.errors import (
    BadUpstreamAnswerError,
    LimitError,
    QueryTimeoutError,
    TooManyRequestsError,
    UpstreamAnswerError,
    UpstreamRefusedError,
    UpstreamUnreachableError,
)
from proxy.model.matrix import Tail


@pytest.mark.parametrize(
    ("age_ms", "text"),
    [
        (-5, "0s"),
        (999, "0s"),
        (59_999, "59s"),
        (60_000, "1m0s"),
        (3_599_000, "59m59s"),
        (3_600_000, "1h0m"),
        (90_061_000, "25h1m"),
    ],
)
def test_a_note_says_how_old_the_data_is_and_what_failed(age_ms: int, text: str) -> None:
    note = stale_note(age_ms, UpstreamUnreachableError("the upstream cannot be reached"))
    assert note == (f"thanoxy: the upstream cannot be reached; this is kept data, up to {text} old")


def test_a_note_says_what_is_missing_only_where_something_is() -> None:
    assert missing(0, 9) == ""
    note = stale_note(1_000, QueryTimeoutError("late"), missing(3, 9))
    assert note.endswith("1s old, and 3 of 9 steps are missing")


def test_a_warning_comes_after_those_that_are_there_and_changes_nothing_else() -> None:
    tail = Tail({"analysis": b"{}"}, {"warnings": ("a",), "infos": ("i",)})
    assert with_warning(tail, "b") == Tail(
        {"analysis": b"{}"}, {"warnings": ("a", "b"), "infos": ("i",)}
    )
    assert with_warning(Tail(), "b").notes == {"warnings": ("b",)}


@pytest.mark.parametrize(
    ("error", "is_failure"),
    [
        (UpstreamUnreachableError("x"), True),
        (UpstreamRefusedError("x"), True),
        (BadUpstreamAnswerError("x"), True),
        (QueryTimeoutError("x"), True),
        (UpstreamAnswerError(503, (), b""), False),
        (LimitError("x"), False),
        (TooManyRequestsError("x", 1), False),
    ],
)
def test_only_what_says_nothing_of_the_query_is_a_failure(error: Exception, is_failure: bool) -> None:
    assert isinstance(error, UPSTREAM_FAILS) is is_failure
