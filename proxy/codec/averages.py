"""Averages of downsampled data, from the two aggregates that Thanos keeps instead of them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from proxy.codec.chunk_error import ChunkError
from proxy.codec.xor_decode import decode_xor
from proxy.codec.xor_encode import encode_xor
from proxy.errors import BadUpstreamAnswerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.model.samples import Samples


def average_chunks(counts: Sequence[bytes], sums: Sequence[bytes]) -> list[bytes]:
    """XOR payloads of sum / count for each pair of XOR payloads (`AverageChunkIterator` of Thanos).

    Raises:
        BadUpstreamAnswerError: a pair is not of the same times, or not an XOR payload.
    """
    if not counts:
        return []
    try:
        count, total = _decoded(counts), _decoded(sums)
    except ChunkError as error:
        raise BadUpstreamAnswerError(f"the StoreAPI sent a broken chunk: {error}") from error
    is_aligned = np.array_equal(count.ends, total.ends)
    if not is_aligned or not np.array_equal(count.times_ms, total.times_ms):
        raise BadUpstreamAnswerError("the StoreAPI sent sums and counts of different times")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        averages = total.values / count.values
    data, ends = encode_xor(total.times_ms, averages, total.starts, total.ends)
    cuts = [0, *ends.tolist()]
    return [data[start:end] for start, end in itertools.pairwise(cuts)]


def _decoded(payloads: Sequence[bytes]) -> Samples:
    ends = np.cumsum(np.fromiter(map(len, payloads), np.int64, len(payloads)))
    starts = np.concatenate([np.zeros(1, np.int64), ends])[:-1]
    return decode_xor(b"".join(payloads), starts, ends)
