"""Counting outcomes."""

from __future__ import annotations

from proxy.load.tally import MOST_BUCKETS, NOT_SENT, OTHER, TIMEOUT, Outcome
from tests.load.examples import failed, ok, tally


def test_answers_are_counted_with_their_latency_bytes_and_cache_result() -> None:
    counted = tally(ok(0, 10), ok(1_500, 20, "miss"), ok(1_600, 30, ""))
    assert (counted.all.requests, counted.answered, counted.all.size_bytes) == (3, 3, 3_000)
    assert counted.cache == {"hit": 1, "miss": 1, "no such header": 1}
    assert [bucket.requests for bucket in counted.buckets] == [1, 2]


def test_answers_after_the_run_s_time_are_no_throughput() -> None:
    counted = tally(ok(0, 10), ok(9_000, 500), ok(9_000, 1_500), failed(0))
    assert counted.answered == 3
    assert counted.answered_per_s(10_000) == 0.2


def test_quick_failures_do_not_make_a_target_look_fast() -> None:
    counted = tally(ok(0, 100), *(failed(0) for _ in range(99)))
    assert counted.failures == {"status 500": 99}
    assert counted.details == {"status 500": "oh"}
    assert counted.all.latency.total == 1
    assert counted.all.latency.percentile(1) >= 100


def test_requests_that_were_given_up_count_as_long_as_they_were_waited_for() -> None:
    waited = Outcome(0, 0.0, 7_000.0, failure=NOT_SENT)
    counted = tally(ok(0, 10), failed(0, TIMEOUT), waited)
    assert counted.all.latency.total == 3
    assert counted.all.latency.high == 7_000


def test_a_latency_belongs_to_the_time_that_was_planned() -> None:
    counted = tally(ok(500, 9_000))
    assert [bucket.latency.total for bucket in counted.buckets] == [1]


def test_a_long_run_has_longer_pieces_and_not_more_of_them() -> None:
    hour = tally(ok(3_599_999, 1), duration_ms=3_600_000.0)
    assert hour.bucket_ms == 15_000
    assert len(hour.buckets) == MOST_BUCKETS


def test_kinds_that_a_server_makes_up_do_not_fill_the_memory() -> None:
    counted = tally(*(ok(0, 1, f"made-up-{n}") for n in range(1_000)))
    assert len(counted.cache) == 51
    assert counted.cache[OTHER] == 950


def test_what_waited_for_a_place_is_not_blamed_on_the_load_tester() -> None:
    counted = tally(
        Outcome(0, 0.0, 1.0, late_ms=49.0),
        Outcome(0, 0.0, 1.0, late_ms=80.0),
        Outcome(0, 0.0, 1.0, late_ms=200.0, waited=True),
    )
    assert (counted.late, counted.waited, counted.latest_ms) == (1, 1, 80.0)


def test_what_is_in_flight_is_known_with_its_maximum() -> None:
    counted = tally()
    counted.sent()
    counted.sent()
    counted.ended()
    assert (counted.in_flight, counted.most_in_flight) == (1, 2)


def test_the_last_while_leaves_out_what_is_older() -> None:
    counted = tally(ok(0, 1), ok(15_000, 2), ok(19_000, 3))
    recent = counted.recent(20_000)
    assert (recent.total, recent.low) == (2, 2)


def test_questions_are_counted_apart() -> None:
    counted = tally(ok(0, 10), Outcome(4, 0.0, 70.0))
    assert counted.questions[0].latency.high == 10
    assert counted.questions[4].latency.high == 70
