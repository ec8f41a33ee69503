"""The breaker of writes as Thanos's option describes it."""

from __future__ import annotations

from proxy.store.tier_config import WriteBreakerConfig
from proxy.store.write_breaker import WriteBreaker

CONFIG = WriteBreakerConfig(
    half_open_max_requests=2,
    open_duration_ms=1_000,
    min_requests=10,
    consecutive_failures=3,
    failure_share=0.5,
)


def write(breaker: WriteBreaker, results: str, now_ms: int) -> None:
    """`.` goes well, `x` does not; each must be allowed."""
    for result in results:
        assert breaker.allows(now_ms)
        breaker.begin(now_ms)
        (breaker.succeed if result == "." else breaker.fail)(now_ms)


def opened(now_ms: int = 0) -> WriteBreaker:
    breaker = WriteBreaker(CONFIG)
    write(breaker, ".......xxx", now_ms)
    assert not breaker.allows(now_ms)
    return breaker


def test_failures_in_a_row_open_it_after_enough_writes() -> None:
    breaker = WriteBreaker(CONFIG)
    write(breaker, "xxx", 0)
    assert breaker.allows(0)
    breaker = WriteBreaker(CONFIG)
    write(breaker, ".......xx", 0)
    assert breaker.allows(0)
    write(breaker, "x", 0)
    assert not breaker.allows(0)


def test_too_large_a_share_of_failures_opens_it() -> None:
    breaker = WriteBreaker(CONFIG)
    write(breaker, "x.x.x.x.", 0)
    assert breaker.allows(0)
    write(breaker, "x", 0)
    assert breaker.allows(0)
    write(breaker, "x", 0)
    assert not breaker.allows(0)


def test_what_was_long_ago_does_not_count() -> None:
    breaker = WriteBreaker(CONFIG)
    write(breaker, "x.x.x.x.", 0)
    write(breaker, "xx", 10_000)
    assert breaker.allows(10_000)


def test_it_is_open_for_its_time_and_then_tries_so_many() -> None:
    breaker = opened(now_ms=500)
    assert not breaker.allows(1_499)
    assert breaker.allows(1_500)
    breaker.begin(1_500)
    assert breaker.allows(1_500)
    breaker.begin(1_500)
    assert not breaker.allows(1_500)


def test_trials_that_go_well_close_it() -> None:
    breaker = opened()
    write(breaker, "..", 1_000)
    write(breaker, "xx.......", 1_000)
    assert breaker.allows(1_000)


def test_a_trial_that_fails_opens_it_again() -> None:
    breaker = opened()
    write(breaker, ".x", 1_000)
    assert not breaker.allows(1_999)
    assert breaker.allows(2_000)


def test_a_trial_that_nobody_waited_for_makes_room_for_another() -> None:
    breaker = opened()
    breaker.begin(1_000)
    breaker.begin(1_000)
    assert not breaker.allows(1_000)
    breaker.abandon()
    assert breaker.allows(1_000)


def test_with_no_number_of_trials_there_is_one() -> None:
    breaker = WriteBreaker(WriteBreakerConfig(half_open_max_requests=0, min_requests=0))
    write(breaker, "x", 0)
    assert not breaker.allows(0)
    write(breaker, ".", 5_000)
    assert breaker.allows(5_000)
