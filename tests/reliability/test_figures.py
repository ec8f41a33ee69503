from __future__ import annotations

import dataclasses

from tests.reliability.figures import figures, longest_failure_s
from tests.reliability.load import NO_ANSWER, Seen
from tests.reliability.scenario import Run

FAST = Seen("new", 0.0, 0.1, 200, is_right=True)


def seen(**changed: dict[int, Seen]) -> list[Seen]:
    """Ten seconds, ten requests in each; all right but those at the numbers in `at`."""
    at = changed.get("at", {})
    return [
        dataclasses.replace(
            at.get(number, FAST), sent_s=number / 10, took_s=at.get(number, FAST).took_s
        )
        for number in range(100)
    ]


def run(**changed: dict[int, Seen]) -> Run:
    return Run("killed", 3, fault_s=5.0, whole_s=None, seen=seen(**changed), again=[FAST])


def failed(status: int = 502, error: str = "unavailable", took_s: float = 0.1) -> Seen:
    return Seen("new", 0.0, took_s, status, error)


def test_a_fault_that_nobody_notices() -> None:
    found = figures(run())
    assert (found.requests, found.failed, found.wrong, found.not_right_again) == (100, {}, 0, 0)
    assert found.healthy_after_s == 0
    assert found.slowdown == 1
    assert found.meets_the_mark


def test_failures_are_counted_by_what_the_client_saw() -> None:
    found = figures(
        run(at={60: failed(), 61: failed(), 62: failed(NO_ANSWER, "TimeoutError"), 70: failed(504, "")})
    )
    assert found.failed == {"502 unavailable": 2, "no answer TimeoutError": 1, "504": 1}
    assert round(found.longest_failure_s, 6) == 0.2
    assert found.healthy_after_s == 2
    assert not found.meets_the_mark


def test_an_answer_that_is_always_kept_breaks_no_run_of_failures() -> None:
    kept = dataclasses.replace(FAST, kind="same")
    failing = {number: failed() for number in range(60, 80)} | {70: kept}
    assert round(longest_failure_s(seen(at=failing)), 6) == 1.9
    failing[70] = FAST
    assert round(longest_failure_s(seen(at=failing)), 6) == 0.9


def test_the_first_second_is_judged_by_itself() -> None:
    slow = dataclasses.replace(FAST, took_s=0.9)
    found = figures(run(at={52: slow}))
    assert (found.p99_before_s, found.p99_first_s, found.p99_after_s) == (0.1, 0.9, 0.1)
    assert round(found.healthy_after_s or 0, 6) == 0.2
    assert found.meets_the_mark
    assert not figures(run(at={64: slow, 65: slow})).meets_the_mark


def test_who_still_fails_at_the_end_is_not_healthy() -> None:
    assert figures(run(at={95: failed()})).healthy_after_s is None


def test_another_answer_than_thanoss_is_wrong_unless_it_says_so() -> None:
    wrong = dataclasses.replace(FAST, is_right=False)
    stale = dataclasses.replace(wrong, is_warned=True, cache="stale; age=3s")
    found = figures(run(at={60: wrong, 61: stale}))
    assert (found.wrong, found.holes, found.warned, found.stale) == (1, 0, 1, 1)
    assert not found.meets_the_mark


def test_a_hole_of_thanoss_own_is_one_until_a_little_after_it_is_whole() -> None:
    wrong = dataclasses.replace(FAST, is_right=False)
    of_store = dataclasses.replace(run(at={40: wrong, 60: wrong, 70: wrong, 95: wrong}), whole_s=5.4)
    found = figures(of_store)
    assert (found.holes, found.wrong) == (2, 2)


def test_what_is_wrong_afterwards_was_kept() -> None:
    kept = dataclasses.replace(run(), again=[FAST, dataclasses.replace(FAST, is_right=False)])
    assert figures(kept).not_right_again == 1
    assert not figures(kept).meets_the_mark
