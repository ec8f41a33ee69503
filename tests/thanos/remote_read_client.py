"""A remote-read client of its own: builds requests, reads both types of answer, decodes slowly.

Written for being obviously right, from Prometheus's `storage/remote/chunked.go` (frames) and
`tsdb/chunkenc/xor.go` (chunks), one bit after the other; nothing of the proxy's codec is used but
the generated messages.
"""

from __future__ import annotations

import dataclasses
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING

import snappy

from proxy.codec._pb.remote_pb2 import ChunkedReadResponse, Query, ReadRequest, ReadResponse
from proxy.codec._pb.types_pb2 import Chunk, Histogram, LabelMatcher, ReadHints
from tests.thanos.loopback import Answer, ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Labels = tuple[tuple[str, str], ...]
FloatSample = tuple[int, float]
"""Timestamp in ms, value."""

SAMPLES_TYPE = "application/x-protobuf"
STREAMED_TYPE = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"

HEADERS = {
    "Content-Encoding": "snappy",
    "Accept-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "User-Agent": "Prometheus/3.16.0",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
}
"""What Prometheus's own client sends (`storage/remote/client.go`)."""


class RemoteReadError(Exception):
    """The server refused; `status` and its own words."""

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.words = answer.body.decode("utf-8", "replace")
        super().__init__(f"{self.status}: {self.words}")


@dataclasses.dataclass(slots=True)
class ReadSeries:
    """One series of an answer: samples in the order in which they came.

    chunks: as they came, and none in an answer of samples.
    """

    labels: Labels
    floats: list[FloatSample] = dataclasses.field(default_factory=list)
    histograms: list[Histogram] = dataclasses.field(default_factory=list)
    chunks: list[Chunk] = dataclasses.field(default_factory=list)


# ── requests ────────────────────────────────────────────────────────────────────────────────


def query(start_ms: int, end_ms: int, *matchers: LabelMatcher, func: str = "") -> Query:
    """Both times inclusive."""
    hints = ReadHints(start_ms=start_ms, end_ms=end_ms, func=func)
    return Query(start_timestamp_ms=start_ms, end_timestamp_ms=end_ms, matchers=matchers, hints=hints)


def equal(name: str, value: str) -> LabelMatcher:
    return LabelMatcher(type=LabelMatcher.EQ, name=name, value=value)


def regex(name: str, value: str) -> LabelMatcher:
    return LabelMatcher(type=LabelMatcher.RE, name=name, value=value)


def body_of(queries: Sequence[Query], types: Sequence[ReadRequest.ResponseType]) -> bytes:
    """A request as it is sent."""
    request = ReadRequest(queries=queries, accepted_response_types=types)
    return bytes(snappy.compress(request.SerializeToString()))


def post(url: str, body: bytes, timeout_s: float = 60.0) -> Answer:
    return ask(url, method="POST", body=body, headers=HEADERS, timeout_s=timeout_s)


# ── answers ─────────────────────────────────────────────────────────────────────────────────


def read_samples(url: str, *queries: Query) -> list[list[ReadSeries]]:
    """Ask for SAMPLES; the series of each query.

    Raises:
        RemoteReadError: an answer other than 200.
    """
    answer = post(url, body_of(queries, [ReadRequest.SAMPLES]))
    check(answer, SAMPLES_TYPE, "snappy")
    response = ReadResponse.FromString(snappy.decompress(answer.body))
    return [
        [
            ReadSeries(
                tuple((label.name, label.value) for label in one.labels),
                [(sample.timestamp, sample.value) for sample in one.samples],
                list(one.histograms),
            )
            for one in result.timeseries
        ]
        for result in response.results
    ]


def read_streamed(url: str, *queries: Query) -> list[list[ReadSeries]]:
    """Ask for STREAMED_XOR_CHUNKS; the series of each query, their XOR chunks decoded.

    Raises:
        RemoteReadError: an answer other than 200.
    """
    answer = post(url, body_of(queries, [ReadRequest.STREAMED_XOR_CHUNKS]))
    check(answer, STREAMED_TYPE, "")
    results: list[list[ReadSeries]] = [[] for _ in queries]
    for frame in frames(answer.body):
        # One series a frame: Prometheus's client looks at the first and ignores others.
        (message,) = frame.chunked_series
        series = ReadSeries(tuple((label.name, label.value) for label in message.labels))
        for chunk in message.chunks:
            series.chunks.append(chunk)
            if chunk.type == Chunk.XOR:
                series.floats += decode_xor(chunk.data)
        results[frame.query_index].append(series)
    return results


def check(answer: Answer, content_type: str, encoding: str) -> None:
    if answer.status != HTTPStatus.OK:
        raise RemoteReadError(answer)
    headers = {name.lower(): value for name, value in answer.headers}
    assert headers["content-type"] == content_type
    assert headers.get("content-encoding", "") == encoding


def frames(body: bytes) -> Iterator[ChunkedReadResponse]:
    """The messages of a streamed answer.

    Raises:
        ValueError: a frame that is cut off, or whose checksum is not that of its bytes.
    """
    at = 0
    while at < len(body):
        size, at = uvarint(body, at)
        checksum, message = body[at : at + 4], body[at + 4 : at + 4 + size]
        if len(message) != size:
            raise ValueError(f"a frame of {size} bytes ends after {len(message)}")
        if crc32c(message) != int.from_bytes(checksum, "big"):
            raise ValueError("a frame's checksum is wrong")
        yield ChunkedReadResponse.FromString(message)
        at += 4 + size


def uvarint(body: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a byte, and where it has ended."""
    value = shift = 0
    while True:
        byte = body[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def crc32c_table() -> list[int]:
    """What one byte does to a CRC-32 with Castagnoli's polynomial, bits reversed."""
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


CRC32C_TABLE = crc32c_table()


def crc32c(message: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in message:
        crc = (crc >> 8) ^ CRC32C_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


# ── XOR chunks ──────────────────────────────────────────────────────────────────────────────


class Bits:
    """Reads a chunk from its most significant bit on."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        """The next bits as a number.

        Raises:
            ValueError: there are not so many.
        """
        self._left -= count
        if self._left < 0:
            raise ValueError("a chunk ends too early")
        return (self._number >> self._left) & ((1 << count) - 1)

    def ones(self, most: int) -> int:
        """How many ones follow before a zero, which is taken as well, or before `most` are read."""
        count = 0
        while count < most and self.take(1):
            count += 1
        return count

    def uvarint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(8)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def varint(self) -> int:
        """Zigzag: the lowest bit is the sign."""
        number = self.uvarint()
        return number >> 1 if number & 1 == 0 else ~(number >> 1)


DELTA_OF_DELTA_BITS = (0, 14, 17, 20, 64)
"""By the number of leading ones."""


def decode_xor(data: bytes) -> list[FloatSample]:
    """The samples of a chunk.

    Raises:
        ValueError: it ends before its last sample.
    """
    bits = Bits(data)
    count = bits.take(16)
    samples: list[FloatSample] = []
    time_ms = delta_ms = value = 0
    window = (0, 64)
    for number in range(count):
        if number == 0:
            time_ms, value = bits.varint(), bits.take(64)
        else:
            delta_ms = bits.uvarint() if number == 1 else delta_ms + delta_of_delta(bits)
            time_ms += delta_ms
            value, window = next_value(bits, value, window)
        samples.append((time_ms, struct.unpack(">d", value.to_bytes(8, "big"))[0]))
    return samples


def delta_of_delta(bits: Bits) -> int:
    size = DELTA_OF_DELTA_BITS[bits.ones(4)]
    number = bits.take(size)
    is_negative = number > 1 << (size - 1) if 0 < size < 64 else number >= 1 << 63
    return number - (1 << size) if is_negative else number


def next_value(bits: Bits, value: int, window: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    """The next value's 64 bits, and the window of bits in which it differs from the one before.

    A window is the number of leading zeros and of bits that follow them.
    """
    if not bits.take(1):
        return value, window
    if bits.take(1):
        leading = bits.take(5)
        window = leading, bits.take(6) or 64
    leading, size = window
    return value ^ (bits.take(size) << (64 - leading - size)), window
