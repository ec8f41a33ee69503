"""Averages of downsampled data (Thanos, `AverageChunkIterator` in `pkg/compact/downsample`)."""

from __future__ import annotations

import itertools

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from proxy.codec.averages import average_chunks
from proxy.codec.xor_decode import decode_xor
from proxy.codec.xor_encode import encode_xor
from proxy.errors import BadUpstreamAnswerError

Chunk = list[tuple[int, float]]
"""Times and values."""


def encoded(chunk: Chunk) -> bytes:
    times, values = np.array([t for t, _ in chunk], np.int64), np.array([v for _, v in chunk], float)
    payload, _ = encode_xor(times, values, np.array([0]), np.array([len(chunk)]))
    return payload


def decoded(payload: bytes) -> Chunk:
    samples = decode_xor(payload, np.array([0]), np.array([len(payload)]))
    return list(zip(samples.times_ms.tolist(), samples.values.tolist(), strict=True))


def test_each_pair_becomes_a_chunk_of_sums_by_counts() -> None:
    counts: list[Chunk] = [[(300_000, 2.0), (600_000, 5.0)], [(900_000, 4.0)]]
    sums: list[Chunk] = [[(300_000, 3.0), (600_000, -1.0)], [(900_000, 1e300)]]
    found = average_chunks([*map(encoded, counts)], [*map(encoded, sums)])
    assert [decoded(payload) for payload in found] == [
        [(300_000, 1.5), (600_000, -0.2)],
        [(900_000, 2.5e299)],
    ]


def test_what_go_divides_without_a_word_is_divided_here_too() -> None:
    nan = float("nan")
    pairs = [
        (0.0, 1.0, np.inf),
        (0.0, -1.0, -np.inf),
        (0.0, 0.0, nan),
        (2.0, nan, nan),
        (1e-9, 1e305, np.inf),
    ]
    counts = encoded([(at, count) for at, (count, _, _) in enumerate(pairs)])
    sums = encoded([(at, total) for at, (_, total, _) in enumerate(pairs)])
    [payload] = average_chunks([counts], [sums])
    values = [value for _, value in decoded(payload)]
    assert np.array_equal(values, [average for _, _, average in pairs], equal_nan=True)


def test_no_pairs_make_no_chunks() -> None:
    assert average_chunks([], []) == []


@pytest.mark.parametrize(
    "sums",
    [
        encoded([(1, 1.0)]),
        encoded([(1, 1.0), (3, 1.0)]),
        encoded([(1, 1.0), (2, 1.0), (3, 1.0)]),
    ],
    ids=["fewer", "other times", "more"],
)
def test_sums_and_counts_of_different_times_are_refused(sums: bytes) -> None:
    counts = encoded([(1, 1.0), (2, 1.0)])
    with pytest.raises(BadUpstreamAnswerError, match="different times"):
        average_chunks([counts], [sums])


def test_samples_that_only_change_chunks_are_not_aligned() -> None:
    ones, twos = encoded([(1, 1.0), (2, 1.0)]), encoded([(3, 1.0)])
    others, more = encoded([(1, 1.0)]), encoded([(2, 1.0), (3, 1.0)])
    with pytest.raises(BadUpstreamAnswerError, match="different times"):
        average_chunks([ones, twos], [others, more])


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\x00\x05abc"])
def test_a_broken_chunk_is_refused(payload: bytes) -> None:
    with pytest.raises(BadUpstreamAnswerError, match="broken chunk"):
        average_chunks([encoded([(1, 1.0)])], [payload])


@hypothesis.given(
    st.lists(
        st.lists(st.tuples(st.floats(1, 1e6), st.floats(-1e9, 1e9)), min_size=1, max_size=30),
        max_size=8,
    )
)
def test_averages_are_those_of_the_samples(chunks: list[list[tuple[float, float]]]) -> None:
    clock = itertools.count(1_790_000_000_000, 300_000)
    timed = [[(next(clock), count, total) for count, total in chunk] for chunk in chunks]
    counts = [encoded([(at, count) for at, count, _ in chunk]) for chunk in timed]
    sums = [encoded([(at, total) for at, _, total in chunk]) for chunk in timed]
    found = [decoded(payload) for payload in average_chunks(counts, sums)]
    assert found == [[(at, total / count) for at, count, total in chunk] for chunk in timed]
