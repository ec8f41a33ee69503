"""A float chunk in plain Python, from its beginning or from a sample on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.chunk_error import ChunkError
from proxy.codec.xor_decode_one import Position, decode_one, decode_rest, to_digits
from tests.codec.xor_chunks import (
    MalformedError,
    Sample,
    broken,
    chunks,
    golden_chunks,
    read_bit_by_bit,
    write_bit_by_bit,
)


def decode(payload: bytes, count: int) -> list[Sample]:
    times_ms, bits = np.zeros(count, np.int64), np.zeros(count, np.uint64)
    decode_one(payload, times_ms, bits)
    return list(zip(times_ms.tolist(), bits.tolist(), strict=True))


def test_chunks_of_prometheus_are_read() -> None:
    for chunk in golden_chunks():
        if chunk.samples:
            assert decode(chunk.payload, len(chunk.samples)) == chunk.samples, chunk.name


@given(broken())
def test_a_broken_chunk_is_refused_or_read_as_it_stands(payload: bytes) -> None:
    count = min(int.from_bytes(payload[:2], "big"), 1_000) or 1
    payload = count.to_bytes(2, "big") + payload[2:]
    try:
        wanted = read_bit_by_bit(payload)
    except MalformedError:
        with pytest.raises(ChunkError):
            decode(payload, count)
    else:
        assert decode(payload, count) == wanted


def test_reading_goes_on_from_a_position() -> None:
    """The place of the changed bits is that of sample 1: 52 of them, none behind."""
    samples = [(0, 0), (10, (1 << 52) - 1), (30, 0), (60, 5), (60, 5)]
    payload = write_bit_by_bit(samples)
    at = 16 + 8 + 64 + 8 + 13 + 52
    position = Position(at, time_ms=10, delta_ms=10, bits=(1 << 52) - 1, width=52, trailing=0)
    times_ms, bits = np.zeros(3, np.int64), np.zeros(3, np.uint64)
    decode_rest(to_digits(payload), position, times_ms, bits)
    assert list(zip(times_ms.tolist(), bits.tolist(), strict=True)) == samples[2:]


@given(chunks(min_size=3), st.integers(0, 200))
def test_a_position_beyond_the_end_is_refused(samples: list[Sample], beyond: int) -> None:
    digits = to_digits(write_bit_by_bit(samples))
    position = Position(len(digits) + beyond, 0, 0, 0)
    with pytest.raises(ChunkError):
        decode_rest(digits, position, np.zeros(2, np.int64), np.zeros(2, np.uint64))


@given(st.binary(max_size=20), st.integers(0, 3))
def test_digits_keep_the_zeros_in_front(payload: bytes, more: int) -> None:
    assert to_digits(payload, more) == "0" * more + "".join(f"{byte:08b}" for byte in payload)
