"""Float chunks written from columns: the very bytes of Prometheus's appender."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec import xor_encode, xor_values
from proxy.codec.xor_decode import decode_xor
from proxy.codec.xor_encode import chunk_rows, encode_xor
from tests.codec.xor_chunks import (
    Sample,
    chunks,
    columns,
    golden_chunks,
    joined,
    rows_of,
    write_bit_by_bit,
)

ONE_BY_ONE, IN_LOCK_STEP = 1_000_000, 0
FEW = st.sampled_from([ONE_BY_ONE, IN_LOCK_STEP, 2])


def encode(samples: list[list[Sample]], few: int, block_samples: int = 60_000) -> list[bytes]:
    with (
        patch.object(xor_values, "_FEW", few),
        patch.object(xor_encode, "_BLOCK_SAMPLES", block_samples),
    ):
        data, ends = encode_xor(*columns(samples))
    assert ends.dtype == np.int64
    assert int(ends[-1]) == len(data)
    return [data[start:end] for start, end in zip([0, *ends.tolist()], ends.tolist(), strict=False)]


@pytest.mark.parametrize("few", [xor_values._FEW, 1, 3, ONE_BY_ONE])
def test_chunks_are_those_of_prometheus(few: int) -> None:
    golden = [chunk for chunk in golden_chunks() if chunk.at_once and chunk.samples]
    found = encode([chunk.samples for chunk in golden], few)
    assert [
        chunk.name for chunk, bytes_ in zip(golden, found, strict=True) if bytes_ != chunk.payload
    ] == []


@given(st.lists(chunks(min_size=1), min_size=1, max_size=9), FEW, st.sampled_from([1, 20, 60_000]))
def test_chunks_are_those_written_bit_by_bit(
    samples: list[list[Sample]], few: int, block_samples: int
) -> None:
    wanted = [write_bit_by_bit(chunk) for chunk in samples]
    assert encode(samples, few, block_samples) == wanted


@given(st.lists(chunks(min_size=1, max_size=40), min_size=1, max_size=9))
def test_what_is_written_is_read_again(samples: list[list[Sample]]) -> None:
    data, ends = encode_xor(*columns(samples))
    starts = np.concatenate([[0], ends[:-1]])
    assert rows_of(decode_xor(data, starts, ends)) == samples


@given(chunks(min_size=1, max_size=30), st.data())
def test_rows_of_a_chunk_may_be_anywhere(samples: list[Sample], data: st.DataObject) -> None:
    """In any order, with gaps, some of them twice."""
    row = st.integers(0, len(samples))
    spans = st.tuples(row, row).map(sorted).filter(lambda span: span[0] < span[1])
    wanted = data.draw(st.lists(spans, min_size=1, max_size=6))
    times_ms, values, _, _ = columns([samples])
    bounds = np.array(wanted, np.int64)
    found, ends = encode_xor(times_ms, values, bounds[:, 0], bounds[:, 1])
    payloads, _, wanted_ends = joined([write_bit_by_bit(samples[start:end]) for start, end in wanted])
    assert found == payloads
    assert ends.tolist() == wanted_ends.tolist()


def test_the_columns_are_left_as_they_are() -> None:
    samples = [[(time, time * 7 % 5) for time in range(50)]] * 3
    times_ms, values, starts, ends = columns(samples)
    before = [column.copy() for column in (times_ms, values, starts, ends)]
    encode_xor(times_ms, values, starts, ends)
    after = (times_ms, values, starts, ends)
    assert all(map(np.array_equal, before, after))


def test_every_other_value_of_a_column_can_be_written() -> None:
    values = np.arange(20.0)[::2]
    times_ms = np.arange(30)[::3]
    starts, ends = np.array([0]), np.array([10])
    data, data_ends = encode_xor(times_ms, values, starts, ends)
    found = decode_xor(data, np.array([0]), data_ends)
    assert found.values.tolist() == values.tolist()
    assert found.times_ms.tolist() == times_ms.tolist()


def test_no_chunks_give_no_bytes() -> None:
    none = np.zeros(0, np.int64)
    data, ends = encode_xor(none, np.zeros(0), none, none)
    assert data == b""
    assert ends.tolist() == []
    assert ends.dtype == np.int64


@pytest.mark.parametrize("count", [0, -1, 65_536])
def test_a_chunk_that_cannot_be_is_refused(count: int) -> None:
    rows = np.arange(70_000)
    with pytest.raises(ValueError, match="1 to 65,535 samples"):
        encode_xor(rows, rows.astype(float), np.array([0, 5]), np.array([5, 5 + count]))


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(1, 9))
def test_series_are_cut_into_chunks(counts: list[int], samples: int) -> None:
    series_ends = np.cumsum(np.array(counts, np.int64))
    starts, ends, chunk_ends = chunk_rows(series_ends, samples)
    chunk = 0
    for end, count, chunk_end in zip(series_ends.tolist(), counts, chunk_ends.tolist(), strict=True):
        wanted = list(range(end - count, end))
        bounds = list(zip(starts.tolist(), ends.tolist(), strict=True))[chunk:chunk_end]
        assert [row for first, last in bounds for row in range(first, last)] == wanted
        assert [last - first for first, last in bounds[:-1]] == [samples] * (len(bounds) - 1)
        assert all(0 < last - first <= samples for first, last in bounds)
        chunk = chunk_end
    assert chunk == len(starts) == len(ends)


def test_a_chunk_has_120_samples_unless_told_otherwise() -> None:
    starts, ends, chunk_ends = chunk_rows(np.array([240, 241]))
    assert (ends - starts).tolist() == [120, 120, 1]
    assert chunk_ends.tolist() == [2, 3]
