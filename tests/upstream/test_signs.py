"""What an address shows: latency, slowness, failures, its clock."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from proxy.errors import (
    BadUpstreamAnswerError,
    QueryError,
    QueryTimeoutError,
    UpstreamRefusedError,
    UpstreamUnreachableError,
)
from proxy.upstream.signs import NOT_READY, Signs, Skew, reason_of

NOW_MS = 1_700_000_000_000


def date(at_ms: int) -> str:
    """As a server writes it: the second that has begun."""
    return formatdate(at_ms // 1000, usegmt=True)


@pytest.mark.parametrize("ahead_ms", [0, 300, -300, 900])
def test_a_clock_that_may_be_right_is_not_said_to_be_off(ahead_ms: int) -> None:
    skew = Skew()
    for at_ms in range(NOW_MS, NOW_MS + 200, 50):
        skew.note(date(at_ms + ahead_ms), at_ms, at_ms + 10)
    assert skew.least_ms is not None
    assert abs(skew.least_ms) <= abs(ahead_ms)


@pytest.mark.parametrize("ahead_ms", [5_300, -5_300])
def test_a_clock_that_is_off_is_known_the_better_the_more_it_tells(ahead_ms: int) -> None:
    skew = Skew()
    skew.note(date(NOW_MS + ahead_ms), NOW_MS, NOW_MS + 10)
    assert skew.least_ms is not None
    assert 4_200 < abs(skew.least_ms) <= 5_300
    for at_ms in range(NOW_MS, NOW_MS + 1000, 125):
        skew.note(date(at_ms + ahead_ms), at_ms, at_ms + 10)
    assert 5_100 < abs(skew.least_ms or 0) <= 5_300
    assert (skew.least_ms or 0) * ahead_ms > 0


def test_a_long_way_excuses_half_of_a_doubt() -> None:
    skew = Skew()
    skew.note(date(NOW_MS), NOW_MS - 3000, NOW_MS + 3000)
    assert skew.least_ms == 0


def test_a_clock_that_was_set_counts_anew() -> None:
    skew = Skew()
    skew.note(date(NOW_MS + 60_000), NOW_MS, NOW_MS)
    skew.note(date(NOW_MS + 5_000), NOW_MS + 5_000, NOW_MS + 5_000)
    assert skew.least_ms == 0


@pytest.mark.parametrize("text", ["", "yesterday", "Thu, 99 Foo 2026"])
def test_a_date_that_cannot_be_read_says_nothing(text: str) -> None:
    skew = Skew()
    skew.note(text, NOW_MS, NOW_MS)
    assert skew.least_ms is None


def test_latency_follows_what_was_measured_and_is_forgotten() -> None:
    signs = Signs()
    assert signs.latency_ms(0) is None
    signs.took(100, 0)
    assert signs.latency_ms(0) == 100
    for at_ms in range(100):
        signs.took(500, at_ms)
    assert signs.latency_ms(100) == pytest.approx(500, rel=0.01)
    assert signs.latency_ms(100_000) is None


def slowness(*ratios: float) -> float:
    signs = Signs()
    for at_ms, ratio in enumerate(ratios):
        signs.judged(ratio, at_ms)
    return signs.slowness(len(ratios))


def test_only_three_late_answers_in_a_row_make_an_address_three_times_as_slow() -> None:
    assert slowness() == 1
    assert slowness(1, 1, 10_000) < 2
    assert slowness(1, 1, 50, 50) < 3
    assert 3 < slowness(1, 1, 50, 50, 50) < 8
    assert 3 < slowness(*[4.0] * 5) < 4
    assert slowness(*[2.9] * 100) < 3


def test_two_answers_in_time_make_it_well() -> None:
    assert slowness(*[50.0] * 3, 1, 1) < 3
    assert slowness(*[0.0] * 100) > 0.1


def test_slowness_is_forgotten() -> None:
    signs = Signs()
    for _ in range(5):
        signs.judged(9, 0)
    assert signs.slowness(29_000) > 5
    assert signs.slowness(31_000) == 1


def test_not_being_ready_does_not_hide_why_a_question_failed() -> None:
    signs = Signs()
    signs.failed("refused", "no listener", 0)
    signs.failed(NOT_READY, "not ready", 1_000)
    assert (signs.last_reason, signs.last_error) == ("refused", "no listener")
    signs.failed(NOT_READY, "not ready", 60_000)
    assert (signs.last_reason, signs.last_error) == (NOT_READY, "not ready")
    assert signs.failures == {"refused": 1, NOT_READY: 2}


def test_a_long_error_is_cut() -> None:
    signs = Signs()
    signs.failed("timeout", "x" * 10_000, 0)
    assert len(signs.last_error) == 300


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UpstreamRefusedError("x"), "refused"),
        (UpstreamUnreachableError("x"), "broke_off"),
        (QueryTimeoutError("x"), "timeout"),
        (BadUpstreamAnswerError("x"), "bad_answer"),
        (None, "bad_answer"),
    ],
)
def test_reasons_are_few(error: QueryError | None, reason: str) -> None:
    assert reason_of(error) == reason
