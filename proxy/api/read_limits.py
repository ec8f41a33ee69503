"""What one remote read may cost; how many there may be at once is `engine.gate`'s matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.codec.chunk_batches import sample_counts
from proxy.codec.read_request import ResponseType
from proxy.errors import LimitError
from proxy.telemetry.metrics import READ_CHUNKS, READ_SAMPLES, READ_SERIES

if TYPE_CHECKING:
    from proxy.model.chunks import ChunkBatch


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """For each request; all its queries count together.

    max_body_bytes: of a request, before and after decompression; decoding may take some thirty times
    as much memory. max_queries: in a request. max_series: in an answer. max_samples: in a streamed
    answer. max_plain_samples: in an answer of the type SAMPLES, which is put together in memory.
    max_bytes: of an answer: as sent when it is streamed, else before compression.
    frame_bytes: a frame of a streamed answer is closed when it reaches this size.
    max_stall_ms: how long a client may take to send its request, and to read a bit of the answer.
    memory_bytes: what an answer may collect, set aside while it is made.
    """

    max_body_bytes: int
    max_queries: int
    max_series: int
    max_samples: int
    max_plain_samples: int
    max_bytes: int
    frame_bytes: int
    max_stall_ms: int
    memory_bytes: int = 0


class Tally:
    """Counts what an answer consists of, for the limits and the metrics."""

    def __init__(self, limits: ReadLimits, response_type: ResponseType) -> None:
        self._limits = limits
        self._kind = response_type.name
        self._is_streamed = response_type is ResponseType.STREAMED_XOR_CHUNKS
        self._series = 0
        self._samples = 0

    def count(self, batch: ChunkBatch) -> None:
        """Count what is about to be sent.

        Raises:
            LimitError: it is more than an answer may have. (Samples of the type SAMPLES are counted
                where they are decoded.)
        """
        samples = int(sample_counts(batch.chunks).sum())
        self._series += len(batch)
        self._samples += samples
        if self._series > self._limits.max_series:
            raise _too_many("series", self._limits.max_series)
        if self._is_streamed and self._samples > self._limits.max_samples:
            raise _too_many("samples", self._limits.max_samples)
        READ_SERIES.labels(self._kind).inc(len(batch))
        READ_CHUNKS.labels(self._kind).inc(len(batch.chunks))
        READ_SAMPLES.labels(self._kind).inc(samples)


def _too_many(what: str, limit: int) -> LimitError:
    return LimitError(
        f"the answer has more than {limit} {what} (--remote-read.max-{what}): ask for fewer series or "
        "a shorter range",
        f"read_max_{what}",
    )
