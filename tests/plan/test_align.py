"""Moving a query onto multiples of its step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.model.query import RangeQuery
from proxy.plan.align import align_with_step

TIMES_MS = st.integers(-(10**13), 10**13)


@given(TIMES_MS, st.integers(0, 10**9), st.integers(1, 10**8))
def test_start_and_end_fall_on_the_last_multiple_before_them(
    start_ms: int, length_ms: int, step_ms: int
) -> None:
    query = RangeQuery("up", start_ms, start_ms + length_ms, step_ms, "", ())
    aligned = align_with_step(query)
    for before, after in ((query.start_ms, aligned.start_ms), (query.end_ms, aligned.end_ms)):
        assert after % step_ms == 0
        assert 0 <= before - after < step_ms


def test_all_else_stays_and_twice_is_as_good_as_once() -> None:
    query = RangeQuery("up", 1001, 5999, 1000, "30s", (("dedup", "false"),))
    aligned = align_with_step(query)
    assert aligned == RangeQuery("up", 1000, 5000, 1000, "30s", (("dedup", "false"),))
    assert align_with_step(aligned) == aligned


def test_times_before_1970_move_back_too() -> None:
    aligned = align_with_step(RangeQuery("up", -1, 1, 1000, "", ()))
    assert (aligned.start_ms, aligned.end_ms) == (-1000, 0)
