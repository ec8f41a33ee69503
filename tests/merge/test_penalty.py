"""Which samples of two replicas are taken: as Thanos's own iterator takes them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.merge.penalty import Run, pick, pick_runs, row_of_other
from tests.merge.thanos_iterators import (
    MIN_INT64,
    NONE,
    ChunkSeriesIterator,
    DedupSeriesIterator,
    NoAdjust,
    read,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAPS_MS = st.one_of(
    st.sampled_from([15_000, 30_000, 30_001, 60_000, 15_003]),
    st.integers(1, 40),
    st.integers(1, 100_000),
)
"""Distances of scrapes, with some missed; tiny ones; anything."""


@st.composite
def replicas(draw: st.DrawFn) -> list[int]:
    """Increasing times: steady stretches with gaps, or anything."""
    times = [draw(st.integers(-20_000, 40_000))]
    for _ in range(draw(st.integers(0, 6))):
        gap, count = draw(GAPS_MS), draw(st.integers(1, 6))
        times += [times[-1] + gap * (i + 1) for i in range(count)]
    return times[draw(st.integers(0, 1)) :]


def column(times: list[int]) -> NDArray[np.int64]:
    return np.array(times, np.int64)


def taken(first: list[int], second: list[int]) -> list[tuple[int, str]]:
    """The times that are taken and from whom, "A" or "B"."""
    both = [(time, "A") for time in first] + [(time, "B") for time in second]
    return [both[row] for row in pick(column(first), column(second)).tolist()]


def taken_by_thanos(first: list[int], second: list[int]) -> list[tuple[int, str]]:
    sides = (
        NoAdjust(ChunkSeriesIterator([[(time, name) for time in times]]))
        for times, name in ((first, "A"), (second, "B"))
    )
    return [(time, str(name)) for time, name in read(DedupSeriesIterator(*sides))]


def steady(start: int, step: int, count: int) -> list[int]:
    return list(range(start, start + step * count, step))


@given(replicas(), replicas())
@example([], [])
@example([], [1, 2])
@example([1, 2], [])
@example([0, 10, 20, 1000], [5, 15, 900])
def test_the_samples_that_thanos_takes_are_taken(first: list[int], second: list[int]) -> None:
    assert taken(first, second) == taken_by_thanos(first, second)


@given(replicas(), st.integers(0, 30_000), st.sets(st.integers(0, 36)))
def test_a_shifted_copy_with_holes_is_taken_as_by_thanos(
    first: list[int], offset: int, holes: set[int]
) -> None:
    second = [time + offset for i, time in enumerate(first) if i not in holes]
    assert taken(first, second) == taken_by_thanos(first, second)
    assert taken(second, first) == taken_by_thanos(second, first)


@given(st.lists(st.integers(0, 300), unique=True), st.lists(st.integers(0, 300), unique=True))
def test_irregular_times_are_taken_as_by_thanos(first: list[int], second: list[int]) -> None:
    first, second = sorted(first), sorted(second)
    assert taken(first, second) == taken_by_thanos(first, second)


def test_the_replica_that_began_first_is_kept_while_it_is_steady() -> None:
    first, second = steady(3_000, 15_000, 100), steady(0, 15_000, 100)
    assert taken(first, second) == [(time, "B") for time in second]


def test_of_equal_times_the_first_replica_has_its_way() -> None:
    times = steady(0, 15_000, 100)
    assert taken(times, times) == [(time, "A") for time in times]


@pytest.mark.parametrize("gap", [20_000, 20_001, 60_000])
def test_a_time_that_both_have_is_the_first_replicas_also_in_a_run_of_the_second(gap: int) -> None:
    first, second = [20_000 + gap], [0, 10_000, 20_000, 20_000 + gap]
    is_skipped = gap <= 20_000
    assert taken(first, second)[-1] == (20_000 + gap, "B" if is_skipped else "A")


def test_a_gap_that_doubles_the_distance_lets_the_other_replica_in() -> None:
    first = steady(0, 10_000, 5) + steady(80_000, 10_000, 5)
    second = steady(5_000, 10_000, 12)
    assert taken(first, second) == [
        *((time, "A") for time in range(0, 40_001, 10_000)),
        *((time, "B") for time in range(65_000, 115_001, 10_000)),
    ]


def test_a_single_missed_scrape_does_not() -> None:
    first, second = [0, 15_000, 30_000, 60_000, 75_000], steady(1_000, 15_000, 6)
    assert [name for _, name in taken(first, second)] == ["A"] * 5


def test_the_penalty_drops_samples_where_a_replica_takes_over() -> None:
    first, second = steady(0, 10_000, 11), steady(100_000, 10_000, 5)
    assert taken(first, second) == [
        *((time, "A") for time in range(0, 100_001, 10_000)),
        (130_000, "B"),
        (140_000, "B"),
    ]


def test_steady_replicas_are_taken_in_one_run_however_long() -> None:
    first, second = column(steady(0, 15_000, 10_000)), column(steady(4_000, 15_000, 10_000))
    assert pick_runs(first, second) == [Run(False, 0, 10_000, 0, None)]


@given(replicas(), replicas())
def test_a_run_says_where_the_other_replica_stands(first: list[int], second: list[int]) -> None:
    times = column(first), column(second)
    a, b = (NoAdjust(ChunkSeriesIterator([[(t, 0.0) for t in side]])) for side in (first, second))
    it = DedupSeriesIterator(a, b)
    for run in pick_runs(*times):
        other, kind = (a, "aval") if run.is_second else (b, "bval")
        for row in range(run.start, run.end):
            assert it.next() != NONE
            stands = row_of_other(times[run.is_second], times[not run.is_second], run, row)
            other_ms = first if run.is_second else second
            if getattr(it, kind) == NONE:
                assert stands == len(other_ms)
            else:
                assert other_ms[stands] == other.at()[0]


def test_runs_of_one_replica_follow_each_other() -> None:
    runs = pick_runs(column([0, 10, 20, 100, 110]), column([1, 50, 60, 70, 200]))
    for earlier, later in itertools.pairwise(runs):
        assert earlier.is_second != later.is_second


@pytest.mark.parametrize("times", [[MIN_INT64, 0], [0, (1 << 63) - 2]])
def test_times_at_the_edge_of_what_can_be_counted_do_no_harm(times: list[int]) -> None:
    assert len(pick(column(times), column([5]))) >= 1
