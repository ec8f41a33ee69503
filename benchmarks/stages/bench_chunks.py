"""Float chunks, as remote read gets and sends them: read into columns, and written from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.stages.inputs import START_MS, STEP_MS, Size
from benchmarks.stages.measure import Work
from proxy.codec.xor_decode import decode_xor
from proxy.codec.xor_encode import chunk_rows, encode_xor
from proxy.model.samples import Samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.stages.measure import Measure

    Values = NDArray[np.float64]

_SIZES = (
    Size(1, 1, 120),
    Size(1, 12, 120),
    Size(10, 12, 120),
    Size(100, 12, 120),
    Size(1_000, 12, 120),
    Size(10_000, 2, 120),
)
"""Chunks of 120 samples; of the last but one size as many as of a day at one a minute."""
_JITTER_MS = 5


def _digits(source: np.random.Generator, size: Size) -> Values:
    """Of full precision, the worst case: hardly a bit is that of the value before."""
    return source.uniform(1, 100, (size.series, size.steps))


def _counters(source: np.random.Generator, size: Size) -> Values:
    """Whole numbers that grow."""
    return np.cumsum(source.integers(0, 50, (size.series, size.steps)), axis=1).astype(np.float64)


def _constants(source: np.random.Generator, size: Size) -> Values:
    return np.repeat(source.uniform(1, 100, (size.series, 1)), size.steps, axis=1)


def _mixed(source: np.random.Generator, size: Size) -> Values:
    """A third of each, one after the other."""
    kinds = [kind(source, size) for kind in (_digits, _counters, _constants)]
    return np.choose(np.arange(size.series)[:, None] % len(kinds), kinds)


_VALUES = {"digits": _digits, "counters": _counters, "constants": _constants, "mixed": _mixed}


def _samples(size: Size, values: str, jitter_ms: int = 0) -> Samples:
    """One row for each series; `ends` are those of series."""
    source = np.random.default_rng(1)
    offsets_ms = source.integers(0, STEP_MS, (size.series, 1))
    times_ms = START_MS + offsets_ms + STEP_MS * np.arange(size.steps)
    times_ms += source.integers(-jitter_ms, jitter_ms + 1, times_ms.shape)
    ends = np.arange(1, size.series + 1) * size.steps
    return Samples(times_ms.ravel(), _VALUES[values](source, size).ravel(), ends)


def _work(size: Size) -> Work:
    return Work(size.series, size.steps, size.series * size.steps)


sized = pytest.mark.parametrize("chunks", _SIZES, ids=str)
valued = pytest.mark.parametrize("values", _VALUES)


@sized
@valued
def test_decode_chunks(measure: Measure, chunks: Size, values: str) -> None:
    _decode(measure, f"decode chunks, {values}", chunks, _samples(chunks, values))


@sized
def test_decode_chunks_of_irregular_times(measure: Measure, chunks: Size) -> None:
    _decode(measure, "decode chunks, jitter", chunks, _samples(chunks, "mixed", _JITTER_MS))


@sized
@valued
def test_encode_chunks(measure: Measure, chunks: Size, values: str) -> None:
    _encode(measure, f"encode chunks, {values}", chunks, _samples(chunks, values))


@sized
def test_encode_chunks_of_irregular_times(measure: Measure, chunks: Size) -> None:
    _encode(measure, "encode chunks, jitter", chunks, _samples(chunks, "mixed", _JITTER_MS))


def _decode(measure: Measure, stage: str, size: Size, samples: Samples) -> None:
    starts, ends, _ = chunk_rows(samples.ends, size.piece_steps)
    data, data_ends = encode_xor(samples.times_ms, samples.values, starts, ends)
    data_starts = np.concatenate([np.zeros(1, np.int64), data_ends])[:-1]
    decoded = measure(stage, lambda: decode_xor(data, data_starts, data_ends), _work(size))
    assert np.array_equal(decoded.times_ms, samples.times_ms)
    assert np.array_equal(decoded.values, samples.values)


def _encode(measure: Measure, stage: str, size: Size, samples: Samples) -> None:
    starts, ends, _ = chunk_rows(samples.ends, size.piece_steps)
    times_ms, values = samples.times_ms, samples.values
    data, data_ends = measure(stage, lambda: encode_xor(times_ms, values, starts, ends), _work(size))
    assert len(data_ends) == size.series * size.pieces
    assert int(data_ends[-1]) == len(data)
