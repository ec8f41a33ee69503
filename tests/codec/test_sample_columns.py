"""Chunks of every kind as columns, and columns as chunks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.sample_columns import SAMPLES_PER_CHUNK, decode_rows, encode_columns
from proxy.model.chunks import FLOAT_HISTOGRAM, HISTOGRAM, XOR, ChunkBatch
from tests.codec.batches import Sampled, rows_of, sampled_batch, samples_of

RUNS = st.lists(st.tuples(st.sampled_from(["", "i", "f"]), st.integers(1, 130)), min_size=1, max_size=4)


def samples_in(runs: list[tuple[str, int]]) -> list[list[tuple[int, float | str]]]:
    """Runs of one kind each, one after another in time."""
    made, time = [], 0
    for prefix, count in runs:
        times = range(time, time + 10 * count, 10)
        made.append([(t, f"{prefix}{t}" if prefix else float(t)) for t in times])
        time += 10 * count
    return made


def encoded_again(batch: ChunkBatch) -> ChunkBatch:
    """Each series decoded and encoded."""
    columns, ends = decode_rows(batch.chunks, np.arange(len(batch.chunks)))
    made, made_ends = encode_columns(columns, ends[batch.chunk_ends - 1])
    return ChunkBatch(batch.labels, made_ends, made)


@given(st.lists(RUNS, min_size=1, max_size=3))
def test_samples_of_all_kinds_survive_being_decoded_and_encoded(
    series: list[list[tuple[str, int]]],
) -> None:
    chunks = {
        f"{number}".encode(): [
            run[i : i + 120] for run in samples_in(runs) for i in range(0, len(run), 120)
        ]
        for number, runs in enumerate(series)
    }
    again = encoded_again(sampled_batch(chunks))
    assert samples_of(again) == {
        label: [sample for chunk in of_one for sample in chunk] for label, of_one in chunks.items()
    }
    assert (again.chunks.min_ms <= again.chunks.max_ms).all()


def test_chunks_hold_as_many_samples_as_prometheus_puts_into_one() -> None:
    samples: Sampled = [(t, float(t)) for t in range(250)]
    again = encoded_again(sampled_batch({b"a": [samples[:50], samples[50:]]}))
    spans = [(first, last) for first, last, _ in rows_of(again)[b"a"]]
    assert spans == [(0, SAMPLES_PER_CHUNK - 1), (120, 239), (240, 249)]


def test_a_chunk_holds_one_kind() -> None:
    batch = sampled_batch({b"a": [[(0, 1.0), (1, 2.0)], [(2, "i3")], [(3, "f4")], [(4, 5.0)]]})
    assert encoded_again(batch).chunks.kinds.tolist() == [XOR, HISTOGRAM, FLOAT_HISTOGRAM, XOR]


def test_a_histogram_that_is_reset_begins_a_chunk_of_its_own() -> None:
    batch = sampled_batch({b"a": [[(0, "i5"), (1, "i6")], [(2, "i2"), (3, "i3")]]})
    assert [row[:2] for row in rows_of(encoded_again(batch))[b"a"]] == [(0, 1), (2, 3)]


def test_nothing_gives_nothing() -> None:
    batch = sampled_batch({b"a": [[(0, 1.0)]]})
    columns, ends = decode_rows(batch.chunks, np.zeros(0, np.int64))
    assert (len(columns), ends.tolist()) == (0, [])
    made, made_ends = encode_columns(columns, np.array([0, 0]))
    assert (len(made), made_ends.tolist()) == (0, [0, 0])
    alone = decode_rows(sampled_batch({b"a": [[(7, "i1")]]}).chunks, np.array([0]))[0]
    assert alone.times_ms.tolist() == [7]
