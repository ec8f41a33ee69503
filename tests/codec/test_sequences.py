"""Sequences of chunks as samples in order of time."""

from __future__ import annotations

import numpy as np

from proxy.codec.sample_columns import SampleColumns, decode_rows
from proxy.codec.sequences import Sequences, read_sequences
from tests.codec.batches import Sampled, sampled_batch


def sequences_of(*sequences: Sampled, counters: tuple[int, ...] = ()) -> Sequences:
    samples, ends = columns_of(*sequences)
    is_counter = np.isin(np.arange(len(sequences)), counters)
    return read_sequences(samples, ends, is_counter)


def columns_of(*sequences: Sampled) -> tuple[SampleColumns, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    chunks = [[sample] for of_one in sequences for sample in of_one]
    batch = sampled_batch({b"": chunks})
    samples, _ = decode_rows(batch.chunks, np.arange(len(chunks)))
    return samples, np.cumsum([len(of_one) for of_one in sequences])


def times_of(sequences: Sequences) -> list[list[int]]:
    spans = zip(sequences.starts.tolist(), sequences.ends.tolist(), strict=True)
    return [sequences.samples.times_ms[start:end].tolist() for start, end in spans]


def test_what_goes_back_in_time_is_left_out_in_its_sequence_alone() -> None:
    sequences = sequences_of(
        [(10, 1.0), (20, 2.0), (15, 3.0), (20, 4.0), (21, 5.0)],
        [(5, 1.0), (6, 1.0)],
        [],
        [(6, 1.0), (6, 2.0)],
    )
    assert times_of(sequences) == [[10, 20, 21], [5, 6], [], [6]]


def test_only_counters_are_read_as_such() -> None:
    rising: Sampled = [(0, 5.0), (10, 1.0), (20, float("nan"))]
    sequences = sequences_of(rising, rising, counters=(1,))
    assert times_of(sequences) == [[0, 10, 20], [0, 10]]
    assert sequences.hidden.tolist() == [0, 0, 0, 0, 5]
    assert sequences.is_reset.tolist() == [False] * 4 + [True]


def test_a_range_cuts_each_sequence() -> None:
    sequences = sequences_of([(0, 1.0), (10, 2.0), (20, 3.0)], [(5, 1.0)], [(30, 1.0)]).between(10, 20)
    assert times_of(sequences) == [[10, 20], [], []]


def test_a_reset_whose_sample_before_is_cut_away_is_none() -> None:
    sequences = sequences_of([(0, 5.0), (10, 1.0), (20, 0.0)], counters=(0,)).between(10, 20)
    assert sequences.hidden.tolist() == [5, 6]
    assert sequences.is_reset.tolist() == [False, True]


def test_histograms_stay_with_their_times() -> None:
    sequences = sequences_of([(0, "i1"), (10, 2.0), (5, 1.0), (20, "f3")])
    histograms = sequences.samples.histograms
    assert histograms is not None
    assert [None if sample is None else sample.time_ms for sample in histograms] == [0, None, 20]
