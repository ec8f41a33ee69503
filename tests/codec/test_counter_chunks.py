"""Counters without their resets, as Thanos's own iterator reads them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.counter_chunks import apply_resets, visible_offsets
from tests.merge.thanos_iterators import ApplyCounterResets, Chunk, Sample, read

if TYPE_CHECKING:
    from proxy.codec.counter_chunks import CounterSamples


@st.composite
def sequences(draw: st.DrawFn) -> list[Chunk]:
    """Chunks of one sequence, raw ones and downsampled ones; floats sometimes overlap."""
    time, chunks = draw(st.integers(1, 100)), []
    with_histograms = draw(st.booleans())
    for _ in range(draw(st.integers(1, 4))):
        chunk: Chunk = []
        if with_histograms and draw(st.booleans()):
            chunk = [(time + i, f"h{time + i}") for i in range(draw(st.integers(1, 3)))]
        else:
            values = draw(st.lists(st.integers(0, 50), min_size=1, max_size=5))
            chunk = [(time + 10 * i, float(value)) for i, value in enumerate(values)]
            if draw(st.booleans()):
                chunk.insert(1, (time + 3, math.nan))
            if draw(st.booleans()):
                chunk.append((chunk[-1][0], float(draw(st.integers(0, 50)))))
        chunks.append(chunk)
        time = chunk[-1][0] + draw(st.sampled_from([1, 15, 15 if with_histograms else -12]))
    return chunks


def columns(
    samples: Chunk,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray, np.ndarray]:
    return (
        np.array([time for time, _ in samples], np.int64),
        np.array([math.nan if isinstance(value, str) else value for _, value in samples]),
        np.array([not isinstance(value, str) for _, value in samples], np.bool_),
    )


def totals(samples: Chunk, counted: CounterSamples) -> list[Sample]:
    found = []
    for row, hidden in zip(counted.rows.tolist(), counted.hidden.tolist(), strict=True):
        time, value = samples[row]
        found.append((time, value if isinstance(value, str) else value + hidden))
    return found


@given(sequences())
def test_totals_are_those_of_thanos(chunks: list[Chunk]) -> None:
    samples = [sample for chunk in chunks for sample in chunk]
    counted = apply_resets(*columns(samples))
    assert totals(samples, counted) == read(ApplyCounterResets(chunks))


@given(sequences())
def test_where_the_counter_began_anew_its_value_is_the_whole_rise(chunks: list[Chunk]) -> None:
    samples = [sample for chunk in chunks for sample in chunk]
    counted = apply_resets(*columns(samples))
    floats = [sample for sample in totals(samples, counted) if not isinstance(sample[1], str)]
    is_float = [not isinstance(samples[row][1], str) for row in counted.rows.tolist()]
    resets = counted.is_reset[is_float].tolist()
    assert not any(counted.is_reset[np.logical_not(is_float)])
    assert not any(resets[:1])
    for i in range(1, len(floats)):
        rise = float(floats[i][1]) - float(floats[i - 1][1])
        value = float(samples[counted.rows[is_float][i]][1])
        assert rise == value or not resets[i]


def test_a_raw_counter_hides_what_it_lost() -> None:
    counted = apply_resets(*columns([(0, 5.0), (1, 9.0), (2, 1.0), (3, 4.0), (4, 2.0)]))
    assert counted.hidden.tolist() == [0, 0, 9, 9, 13]
    assert counted.is_reset.tolist() == [False, False, True, False, True]


def test_the_repeated_time_of_a_downsampled_chunk_tells_its_last_value() -> None:
    # Its counter went 5, 9, 0, 1: the total is 10, the value 1. The next chunk goes on with 3.
    chunk: Chunk = [(0, 5.0), (10, 9.0), (20, 10.0), (20, 1.0)]
    counted = apply_resets(*columns([*chunk, (30, 3.0)]))
    assert counted.rows.tolist() == [0, 1, 2, 4]
    assert counted.hidden.tolist() == [0, 0, 0, 9]
    assert not counted.is_reset.any()


def test_stale_markers_and_what_goes_back_in_time_do_not_count() -> None:
    stale = float(np.array([0x7FF0000000000002]).view(np.float64)[0])
    counted = apply_resets(*columns([(10, 5.0), (20, stale), (5, 1.0), (30, 6.0)]))
    assert counted.rows.tolist() == [0, 3]
    assert counted.hidden.tolist() == [0, 0]


def test_a_sequence_without_samples_gives_none() -> None:
    assert apply_resets(*columns([])).rows.tolist() == []
    assert visible_offsets(np.zeros(0), np.zeros(0), np.zeros(0, np.bool_)).tolist() == []


def test_a_counter_at_infinity_does_not_stop_the_others() -> None:
    counted = apply_resets(*columns([(0, math.inf), (1, math.inf), (2, 1.0)]))
    assert counted.rows.tolist() == [0, 1, 2]
    assert counted.hidden.tolist() == [0, 0, math.inf]


VALUES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9), st.booleans()), min_size=1)


@given(VALUES)
def test_a_reader_that_knows_resets_sees_the_same_rises(
    rows: list[tuple[int, int, bool]],
) -> None:
    """Generated as totals: how much each rises, what is hidden besides, whether it may begin anew."""
    total, values, hidden, is_reset = 0, [], [], []
    for rise, more, is_new in rows:
        total += rise
        value = rise if is_new else max(total - more, 0)
        values.append(float(value))
        hidden.append(float(total - value))
        is_reset.append(is_new)
    columns_ = np.array(values), np.array(hidden), np.array(is_reset)
    seen = (columns_[0] + visible_offsets(*columns_)).tolist()
    rises = [rise for rise, _, _ in rows]
    for before, value, rise in zip(seen[:-1], seen[1:], rises[1:], strict=True):
        assert (value - before if value >= before else value) == rise


def test_a_raw_counter_stays_as_it_is() -> None:
    values = np.array([5.0, 9.0, 1.0, 4.0, 2.0])
    offsets = visible_offsets(
        values, np.array([0.0, 0, 9, 9, 13]), np.array([False, False, True, False, True])
    )
    assert offsets.tolist() == [0, 0, 0, 0, 0]
