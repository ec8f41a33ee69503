"""Float chunks read in columns: as Prometheus reads them, whatever way they take, or refused."""

from __future__ import annotations

import random
import tracemalloc
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec import xor_decode
from proxy.codec.chunk_error import ChunkError
from proxy.codec.xor_decode import decode_xor
from tests.codec.xor_chunks import (
    STALE_NAN,
    GoldenChunk,
    MalformedError,
    Sample,
    broken,
    chunks,
    golden_chunks,
    joined,
    read_bit_by_bit,
    rows_of,
    write_bit_by_bit,
)

ONE_BY_ONE, IN_LOCK_STEP = 1_000_000, 0
FEW = st.sampled_from([ONE_BY_ONE, IN_LOCK_STEP, 2])
"""So many chunks are read one by one; the others in lock-step, as long as there are more."""


def decode(payloads: list[bytes], few: int, lanes: int = 4096) -> list[list[Sample]]:
    with patch.object(xor_decode, "_FEW", few), patch.object(xor_decode, "_LANES", lanes):
        return rows_of(decode_xor(*joined(payloads)))


def payload_of(count: int, text: str) -> bytes:
    """A chunk from the bits behind its number of samples; `_` and blanks do not count."""
    digits = f"{count:016b}" + text.replace("_", "").replace(" ", "")
    digits += "0" * (-len(digits) % 8)
    return int(digits, 2).to_bytes(len(digits) // 8, "big")


def short_golden_chunks() -> list[GoldenChunk]:
    """All but one: in lock-step alone, 65,535 samples take seconds."""
    return [chunk for chunk in golden_chunks() if len(chunk.samples) < 1_000]


@pytest.mark.parametrize("few", [xor_decode._FEW, 1, 3, ONE_BY_ONE])
def test_chunks_of_prometheus_are_read_as_it_reads_them(few: int) -> None:
    golden = golden_chunks()
    assert decode([chunk.payload for chunk in golden], few) == [chunk.samples for chunk in golden]


def test_the_golden_chunks_hold_what_bites() -> None:
    bits = {bits for chunk in golden_chunks() for _, bits in chunk.samples}
    assert {STALE_NAN, 1 << 63, 0x7FF0000000000000, 1, (1 << 64) - 1} <= bits
    assert {0, 1, 2, 120, 0xFFFF} <= {len(chunk.samples) for chunk in golden_chunks()}


@pytest.mark.parametrize("few", [IN_LOCK_STEP, ONE_BY_ONE])
def test_each_chunk_of_prometheus_is_read_alone(few: int) -> None:
    for chunk in short_golden_chunks():
        assert decode([chunk.payload], few) == [chunk.samples], chunk.name


@given(st.lists(chunks(), max_size=9), FEW, st.integers(1, 5))
def test_columns_hold_what_reading_bit_by_bit_gives(
    samples: list[list[Sample]], few: int, lanes: int
) -> None:
    payloads = [write_bit_by_bit(chunk) for chunk in samples]
    assert [read_bit_by_bit(payload) for payload in payloads] == samples
    assert decode(payloads, few, lanes) == samples


@given(broken(), st.lists(chunks(), max_size=4), FEW, st.randoms(use_true_random=False))
def test_a_broken_chunk_is_refused_or_read_as_it_stands(
    payload: bytes, others: list[list[Sample]], few: int, order: random.Random
) -> None:
    payloads = [payload, *map(write_bit_by_bit, others)]
    order.shuffle(payloads)
    try:
        wanted = [read_bit_by_bit(each) for each in payloads]
    except MalformedError:
        with pytest.raises(ChunkError):
            decode(payloads, few)
    else:
        assert decode(payloads, few) == wanted


@pytest.mark.parametrize("few", [IN_LOCK_STEP, ONE_BY_ONE])
def test_a_chunk_without_its_last_byte_is_refused(few: int) -> None:
    for chunk in short_golden_chunks():
        with pytest.raises(ChunkError):
            decode([chunk.payload[:-1]], few)
        with pytest.raises(ChunkError):
            decode([chunk.payload[:-1], chunk.payload], few)


@pytest.mark.parametrize("few", [IN_LOCK_STEP, ONE_BY_ONE])
def test_a_chunk_cut_anywhere_is_refused(few: int) -> None:
    samples = next(chunk.samples for chunk in golden_chunks() if chunk.name == "all widths")
    whole = write_bit_by_bit(samples[:20])
    for size in range(len(whole)):
        with pytest.raises(ChunkError):
            decode([whole, whole[:size], whole], few)


@given(st.lists(chunks(), min_size=1, max_size=6), FEW, st.data())
def test_payloads_lie_anywhere_in_the_data(
    samples: list[list[Sample]], few: int, data: st.DataObject
) -> None:
    """In any order, far apart, the same one twice."""
    gaps = data.draw(st.lists(st.binary(max_size=200), min_size=len(samples), max_size=len(samples)))
    payloads = [write_bit_by_bit(chunk) for chunk in samples]
    parts = [part for pair in zip(gaps, payloads, strict=True) for part in pair]
    text, starts, ends = joined([*parts, b"\xff" * 9])
    rows = data.draw(st.lists(st.integers(0, len(samples) - 1), min_size=1, max_size=9))
    places = 2 * np.array(rows) + 1
    with patch.object(xor_decode, "_FEW", few):
        found = decode_xor(text, starts[places], ends[places])
    assert rows_of(found) == [samples[row] for row in rows]


@pytest.mark.parametrize("few", [xor_decode._FEW, IN_LOCK_STEP, ONE_BY_ONE])
def test_many_chunks_with_a_long_one_among_them(few: int) -> None:
    """In lock-step as long as many go on; the long one ends alone."""
    lengths = [random.Random(7).randrange(20) for _ in range(300)]
    lengths[150] = 700
    source = random.Random(8)
    samples = [
        [(1_000 * row + source.randrange(3), source.randrange(9) << 52) for row in range(length)]
        for length in lengths
    ]
    payloads = [write_bit_by_bit(chunk) for chunk in samples]
    assert decode(payloads, few, lanes=128) == samples


@pytest.mark.parametrize("few", [IN_LOCK_STEP, ONE_BY_ONE])
def test_what_follows_the_samples_does_not_matter(few: int) -> None:
    samples = [(5, 1), (7, 3), (9, 3)]
    assert decode([write_bit_by_bit(samples) + b"\xff\xff", b"\0\0\xff"], few) == [samples, []]


@pytest.mark.parametrize("few", [2, ONE_BY_ONE])
def test_a_payload_that_is_far_too_long_takes_no_room(few: int) -> None:
    """As text of its digits it would take eight times its size."""
    samples = [(time, time % 3) for time in range(9)]
    payloads = [write_bit_by_bit(samples[:count]) for count in (5, 5, 9)]
    text, starts, ends = joined([*payloads[:2], payloads[2] + bytes(4_000_000)])
    tracemalloc.start()
    with patch.object(xor_decode, "_FEW", few):
        found = decode_xor(text, starts, ends)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows_of(found) == [samples[:5], samples[:5], samples]
    assert peak < 3 * len(text)


@pytest.mark.parametrize("few", [IN_LOCK_STEP, 1, 2, ONE_BY_ONE])
def test_the_longest_samples_are_read(few: int) -> None:
    """All bits of a value change each time, and a delta by more than 20 bits."""
    samples = [(row**3 << 40, row % 2 * ((1 << 64) - 1)) for row in range(30)]
    payloads = [write_bit_by_bit(samples[:count]) for count in (30, 2, 10)]
    assert decode(payloads, few) == [samples, samples[:2], samples[:10]]


def test_no_chunks_and_chunks_without_samples() -> None:
    none = np.zeros(0, np.int64)
    empty = decode_xor(b"anything", none, none)
    assert (len(empty.times_ms), len(empty.values), len(empty.ends)) == (0, 0, 0)
    for few in (IN_LOCK_STEP, ONE_BY_ONE):
        assert decode([b"\0\0"] * 3, few) == [[], [], []]


def test_the_columns_have_the_types_that_are_told() -> None:
    for count in (1, 60):
        samples = decode_xor(*joined([write_bit_by_bit([(1, 2), (3, 4)])] * count))
        dtypes = [str(column.dtype) for column in (samples.times_ms, samples.values, samples.ends)]
        assert dtypes == ["int64", "float64", "int64"]


ZERO_TIME, ZERO_VALUE, A_DELTA = "0" * 8, "0" * 64, "00000001"
FIRST = ZERO_TIME + ZERO_VALUE
SIXTY_FIVE_BITS = "11_00001_000000" + "1" * 64
LONG_TIME = "10000000" * 9 + "00000010"
ENDLESS_TIME = "10000000" * 11 + "0" * 80


@pytest.mark.parametrize("few", [IN_LOCK_STEP, ONE_BY_ONE])
@pytest.mark.parametrize(
    ("count", "text"),
    [
        pytest.param(2, FIRST + A_DELTA + SIXTY_FIVE_BITS, id="a value of 65 bits"),
        pytest.param(3, FIRST + A_DELTA + "0" + "0" + SIXTY_FIVE_BITS, id="a later value of 65 bits"),
        pytest.param(1, LONG_TIME + ZERO_VALUE, id="a time of more than 64 bits"),
        pytest.param(2, FIRST + LONG_TIME + "0", id="a delta of more than 64 bits"),
        pytest.param(1, ENDLESS_TIME, id="a time that does not end"),
        pytest.param(2, FIRST + ENDLESS_TIME, id="a delta that does not end"),
        pytest.param(1, "1" * 80, id="a time up to the end"),
        pytest.param(2, FIRST + "1" * 16, id="a delta up to the end"),
        pytest.param(3, FIRST + A_DELTA + "0" + "1", id="nothing behind a prefix"),
        pytest.param(3, FIRST + A_DELTA + "0" + "1111" + "1" * 51, id="a delta of 64 bits, cut off"),
    ],
)
def test_a_malformed_chunk_is_refused(few: int, count: int, text: str) -> None:
    good = write_bit_by_bit([(1, 1), (2, 2), (4, 4)])
    with pytest.raises(ChunkError):
        decode([payload_of(count, text)], few)
    with pytest.raises(ChunkError):
        decode([good, payload_of(count, text), good], few)


@pytest.mark.parametrize("few", [IN_LOCK_STEP, ONE_BY_ONE])
def test_a_value_of_more_than_64_bits_is_called_that(few: int) -> None:
    payload = payload_of(2, FIRST + A_DELTA + SIXTY_FIVE_BITS)
    with pytest.raises(ChunkError, match="more than 64 bits"):
        decode([payload], few)


@pytest.mark.parametrize("few", [IN_LOCK_STEP, ONE_BY_ONE])
def test_a_value_may_change_at_the_place_of_none_before(few: int) -> None:
    """All 64 bits, as an appender writes that goes on with a chunk of a constant."""
    changed = payload_of(2, FIRST + A_DELTA + "10" + f"{STALE_NAN:064b}")
    assert decode([changed], few) == [[(0, 0), (1, STALE_NAN)]]


def test_more_samples_than_there_can_be_are_refused_before_anything_is_allocated() -> None:
    sizes = {9: 0, 10: 0, 11: 1, 12: 1, 13: 5, 14: 9}
    for size, most in sizes.items():
        zeros = bytes(size)
        with pytest.raises(ChunkError, match="too short"):
            decode_xor(*joined([(most + 1).to_bytes(2, "big") + zeros[2:]] * 3))
        assert decode([most.to_bytes(2, "big") + zeros[2:]], ONE_BY_ONE) == [[(0, 0)] * most]


@pytest.mark.parametrize(
    ("start", "end"), [(-1, 4), (0, 12), (11, 13), (3, 4), (5, 3), (4, 4), (100, 110)]
)
def test_a_place_that_is_not_in_the_data_is_refused(start: int, end: int) -> None:
    with pytest.raises(ChunkError):
        decode_xor(bytes(11), np.array([0, start]), np.array([2, end]))
