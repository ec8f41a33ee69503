"""The StoreAPI's messages, as requests and as batches of chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from proxy.codec._pb import types_pb2
from proxy.codec._pb.store_pb2 import ABORT, AggrChunk, Chunk, Series, SeriesRequest, SeriesResponse
from proxy.codec.store_frames import SeriesFrames, encode_series_request, series_in_a_message
from proxy.codec.xor_encode import encode_xor
from proxy.errors import BadUpstreamAnswerError
from proxy.model.chunks import COUNTER, FLOAT_HISTOGRAM, HISTOGRAM, XOR
from proxy.model.read_query import Matcher, MatchType, SampleAsk
from proxy.plan.aggregates import Lane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.model.chunks import ChunkBatch

DAY_MS = 86_400_000

Row = tuple[int, int, int, bytes]
"""Kind, first and last time, payload."""


def raw(first_ms: int, last_ms: int, payload: bytes, encoding: str = "XOR") -> AggrChunk:
    return AggrChunk(min_time=first_ms, max_time=last_ms, raw=Chunk(type=encoding, data=payload))


def series(name: str, *chunks: AggrChunk) -> Series:
    message = Series(chunks=chunks)
    message.labels.add(name="__name__", value=name)
    message.labels.add(name="replica", value="")
    return message


def labels(name: str) -> bytes:
    pairs = [("__name__", name), ("replica", "")]
    wanted = types_pb2.TimeSeries(labels=[types_pb2.Label(name=n, value=v) for n, v in pairs])
    return wanted.SerializeToString()


def batches(
    messages: Sequence[SeriesResponse], lane: Lane = Lane.AVERAGE, batch_series: int = 64
) -> list[ChunkBatch]:
    frames = SeriesFrames(lane, batch_series)
    found = [frames.feed(message.SerializeToString()) for message in messages]
    return [batch for batch in (*found, frames.finish()) if batch is not None]


def of(*members: Series) -> SeriesResponse:
    response = SeriesResponse()
    response.batch.series.extend(members)
    return response


def rows(batch: ChunkBatch) -> list[tuple[bytes, list[Row]]]:
    """Each series with its chunks, read from the columns."""
    chunks = batch.chunks
    columns = (chunks.kinds, chunks.min_ms, chunks.max_ms, chunks.starts, chunks.ends)
    table = list(zip(*(column.tolist() for column in columns), strict=True))
    every = [(kind, lo, hi, chunks.data[start:end]) for kind, lo, hi, start, end in table]
    ends = batch.chunk_ends.tolist()
    return [
        (label_set, every[start:end])
        for label_set, start, end in zip(batch.labels, batch.chunk_starts.tolist(), ends, strict=True)
    ]


def only_rows(*members: Series, lane: Lane = Lane.AVERAGE) -> list[Row]:
    [batch] = batches([of(*members)], lane)
    [(_, found)] = rows(batch)
    return found


def test_a_request_says_all_that_was_asked() -> None:
    ask = SampleAsk(
        first_ms=-5,
        last_ms=10,
        matchers=tuple(Matcher(kind, f"name {kind}", "välue") for kind in MatchType),
        func="rate",
        max_resolution_ms=300_000,
        replica_labels=("replica", "rule_replica"),
        is_chain=False,
        partial_response=False,
    )
    request = SeriesRequest.FromString(encode_series_request(ask, Lane.COUNTER, 64))
    assert (request.min_time, request.max_time) == (-5, 10)
    assert [(m.type, m.name, m.value) for m in request.matchers] == [
        (int(kind), f"name {kind}", "välue") for kind in MatchType
    ]
    assert request.max_resolution_window == 300_000
    assert list(request.aggregates) == [5]
    assert list(request.without_replica_labels) == ["replica", "rule_replica"]
    assert request.partial_response_strategy == ABORT
    assert request.response_batch_size == 64


@pytest.mark.parametrize(
    ("span_ms", "count"),
    [(1, 64), (DAY_MS, 64), (DAY_MS + 1, 32), (30 * DAY_MS, 2), (64 * DAY_MS, 1), (1 << 50, 1)],
)
def test_a_message_does_not_grow_with_the_time_that_is_asked(span_ms: int, count: int) -> None:
    ask = SampleAsk(-7, -7 + span_ms - 1, (), "", 0, (), False, True)
    assert series_in_a_message(ask, 64) == count


def test_field_numbers_are_those_of_thanos() -> None:
    ask = SampleAsk(1, 2, (Matcher(MatchType.NOT_REGEX, "a", "b"),), "", 3, ("r",), False, True)
    request = encode_series_request(ask, Lane.AVERAGE, 7)
    matcher = b"\x1a\x08\x08\x03\x12\x01a\x1a\x01b"
    assert request == b"\x08\x01\x10\x02" + matcher + b"\x20\x03\x2a\x02\x01\x02\x72\x01r\x80\x01\x07"

    chunk = b"\x08\x01\x10\x02\x1a\x05\x08\x02\x12\x01x"
    message = b"\x22\x17\x0a\x15" + b"\x0a\x06\x0a\x01a\x12\x01b" + b"\x12\x0b" + chunk
    frames = SeriesFrames(Lane.AVERAGE, 64)
    frames.feed(message)
    batch = frames.finish()
    assert batch is not None
    assert rows(batch) == [(b"\x0a\x06\x0a\x01a\x12\x01b", [(FLOAT_HISTOGRAM, 1, 2, b"x")])]


def test_raw_chunks_keep_their_payload_and_get_the_kind_of_remote_read() -> None:
    kinds = [(XOR, "XOR"), (HISTOGRAM, "HISTOGRAM"), (FLOAT_HISTOGRAM, "FLOAT_HISTOGRAM")]
    chunks = [raw(kind, kind + 5, b"payload %d" % kind, name) for kind, name in kinds]
    for lane in Lane:
        [batch] = batches([of(series("a", *chunks), series("b", raw(-9, -1, b"x")))], lane)
        assert rows(batch) == [
            (labels("a"), [(kind, kind, kind + 5, b"payload %d" % kind) for kind, _ in kinds]),
            (labels("b"), [(XOR, -9, -1, b"x")]),
        ]
        assert batch.chunks.kinds.dtype == np.uint8
        assert batch.chunks.ends.dtype == batch.chunk_ends.dtype == np.int64


@pytest.mark.parametrize(
    ("lane", "payload", "kind"),
    [
        (Lane.MIN, b"min", XOR),
        (Lane.MAX, b"max", XOR),
        (Lane.COUNT, b"count", XOR),
        (Lane.SUM, b"sum", XOR),
        (Lane.COUNTER, b"counter", COUNTER),
    ],
)
def test_a_lane_takes_its_aggregate(lane: Lane, payload: bytes, kind: int) -> None:
    parts = {name: Chunk(data=name.encode()) for name in ("count", "sum", "min", "max", "counter")}
    chunk = AggrChunk(min_time=1, max_time=9, **parts)
    assert only_rows(series("a", raw(-5, 0, b"raw"), chunk), lane=lane) == [
        (XOR, -5, 0, b"raw"),
        (kind, 1, 9, payload),
    ]


def test_histograms_of_a_downsampled_counter_are_not_a_counter_of_floats() -> None:
    chunk = AggrChunk(counter=Chunk(type="FLOAT_HISTOGRAM", data=b"x"))
    assert only_rows(series("a", chunk), lane=Lane.COUNTER) == [(FLOAT_HISTOGRAM, 0, 0, b"x")]


def xor(*samples: tuple[int, float]) -> bytes:
    times = np.array([time_ms for time_ms, _ in samples], np.int64)
    values = np.array([value for _, value in samples])
    return encode_xor(times, values, np.array([0]), np.array([len(samples)]))[0]


def test_the_average_is_made_of_pairs_and_raw_chunks_stay_as_they_are() -> None:
    pairs = [
        AggrChunk(
            min_time=time_ms,
            count=Chunk(data=xor((time_ms, 2.0), (time_ms + 5, 4.0))),
            sum=Chunk(data=xor((time_ms, 3.0), (time_ms + 5, -1.0))),
        )
        for time_ms in (100, 300)
    ]
    nothing = AggrChunk(min_time=200, max_time=200)
    found = only_rows(series("a", raw(0, 0, b"raw"), pairs[0], nothing, pairs[1]))
    assert [payload for *_, payload in found] == [
        b"raw",
        xor((100, 1.5), (105, -0.25)),
        xor((300, 1.5), (305, -0.25)),
    ]
    assert [kind for kind, *_ in found] == [XOR] * 3


@pytest.mark.parametrize("number", [3, 7, 99, 255, -1])
def test_an_unknown_encoding_is_refused(number: int) -> None:
    chunk = Chunk(data=b"x")
    chunk.type = number  # type: ignore[assignment]  # what a newer Thanos may send
    for unreadable in (AggrChunk(raw=chunk), AggrChunk(counter=chunk)):
        with pytest.raises(BadUpstreamAnswerError, match="encoding that is not known"):
            batches([of(series("a", unreadable))], Lane.COUNTER)


def test_downsampled_histograms_have_no_average_here() -> None:
    chunk = AggrChunk(count=Chunk(data=b"x"), sum=Chunk(type="FLOAT_HISTOGRAM", data=b"x"))
    with pytest.raises(BadUpstreamAnswerError, match="native histograms"):
        batches([of(series("a", chunk))])


@pytest.mark.parametrize("message", [b"\x22", b"\x0a\x05ab", b"HTTP/1.1 200 OK"])
def test_bytes_that_are_no_message_are_refused(message: bytes) -> None:
    with pytest.raises(BadUpstreamAnswerError, match="not a SeriesResponse"):
        SeriesFrames(Lane.AVERAGE, 64).feed(message)


def test_chunks_with_nothing_of_what_was_asked_are_left_out_and_so_are_series_without_any() -> None:
    nothing = AggrChunk(min_time=1, max_time=2)
    members = [series("a", nothing), series("b", nothing, raw(3, 4, b"x")), series("c")]
    for lane in Lane:
        [batch] = batches([of(*members)], lane)
        assert rows(batch) == [(labels("b"), [(XOR, 3, 4, b"x")])]
        assert not batches([of(members[0], members[2])], lane)


def test_an_answer_without_messages_has_no_batch() -> None:
    assert not batches([])
    assert not batches([of()])


def test_exact_copies_are_dropped_and_overlaps_stay() -> None:
    found = only_rows(
        series(
            "a",
            raw(1, 5, b"one"),
            raw(1, 5, b"two"),
            raw(1, 5, b"one"),
            raw(1, 5, b"one", "HISTOGRAM"),
            raw(1, 6, b"one"),
            raw(3, 9, b"three"),
            raw(3, 9, b"three"),
        ),
    )
    assert found == [
        (XOR, 1, 5, b"one"),
        (XOR, 1, 5, b"two"),
        (HISTOGRAM, 1, 5, b"one"),
        (XOR, 1, 6, b"one"),
        (XOR, 3, 9, b"three"),
    ]


def test_equal_chunks_of_different_series_are_no_copies() -> None:
    [batch] = batches([of(series("a", raw(1, 2, b"x")), series("b", raw(1, 2, b"x")))])
    assert [found for _, found in rows(batch)] == [[(XOR, 1, 2, b"x")]] * 2


def test_chunks_are_put_in_order_of_their_times() -> None:
    found = only_rows(series("a", raw(5, 9, b"4"), raw(1, 8, b"2"), raw(1, 4, b"1"), raw(2, 3, b"3")))
    assert [payload for *_, payload in found] == [b"1", b"2", b"3", b"4"]
    found = only_rows(series("a", raw(1, 8, b"2"), raw(1, 4, b"1")))
    assert [payload for *_, payload in found] == [b"1", b"2"]


def test_a_series_in_several_messages_is_one() -> None:
    messages = [
        SeriesResponse(series=series("a", raw(1, 2, b"1"))),
        of(series("a", raw(3, 4, b"2")), series("a", raw(5, 6, b"3")), series("b", raw(1, 2, b"4"))),
        SeriesResponse(series=series("b", raw(3, 4, b"5"))),
    ]
    for batch_series in (1, 2, 64):
        found = [row for batch in batches(messages, batch_series=batch_series) for row in rows(batch)]
        assert [(name, [payload for *_, payload in its]) for name, its in found] == [
            (labels("a"), [b"1", b"2", b"3"]),
            (labels("b"), [b"4", b"5"]),
        ]


def test_messages_of_one_series_each_are_put_together() -> None:
    messages = [SeriesResponse(series=series(f"s{n}", raw(1, 2, b"x"))) for n in range(10)]
    assert [len(batch) for batch in batches(messages, batch_series=4)] == [3, 3, 3, 1]


def test_a_batch_of_the_size_that_was_asked_is_handed_on_but_for_its_newest_series() -> None:
    messages = [of(*(series(f"s{b}{n}", raw(1, 2, b"x")) for n in range(4))) for b in range(3)]
    assert [len(batch) for batch in batches(messages, batch_series=4)] == [3, 4, 4, 1]


def test_warnings_are_collected_once_and_hints_and_news_are_skipped() -> None:
    frames = SeriesFrames(Lane.AVERAGE, 64)
    for warning in ("store a is away", "store b is away", "store a is away"):
        assert frames.feed(SeriesResponse(warning=warning).SerializeToString()) is None
    for hints_or_newer in (b"\x1a\x02ab", b"\x2a\x02ab", b""):
        assert frames.feed(hints_or_newer) is None
    assert frames.finish() is None
    assert frames.warnings == ["store a is away", "store b is away"]


def test_fields_that_are_not_known_here_do_not_get_into_the_labels() -> None:
    label = b"\x0a\x01a\x12\x01b"
    chunk = raw(1, 2, b"x").SerializeToString() + b"\x4a\x01x"
    newer = b"\x1a\x03new"
    member = b"".join(
        (
            b"\x0a" + bytes([len(label + newer)]) + label + newer,
            b"\x12" + bytes([len(chunk)]) + chunk,
            newer,
        )
    )
    frames = SeriesFrames(Lane.AVERAGE, 64)
    frames.feed(b"\x0a" + bytes([len(member)]) + member)
    batch = frames.finish()
    assert batch is not None
    assert rows(batch) == [(b"\x0a\x06" + label, [(XOR, 1, 2, b"x")])]


@hypothesis.given(
    lengths=st.lists(st.integers(1, 4), max_size=20),
    message_sizes=st.lists(st.integers(1, 9), min_size=1),
    batch_series=st.integers(1, 10),
)
def test_however_series_are_cut_into_messages_all_of_them_arrive_in_order(
    lengths: list[int], message_sizes: list[int], batch_series: int
) -> None:
    wanted = [
        (labels(f"s{n:02}"), [(XOR, at, at + 1, b"%d %d" % (n, at)) for at in range(length)])
        for n, length in enumerate(lengths)
    ]
    parts = [
        series(f"s{n:02}", raw(at, at + 1, b"%d %d" % (n, at)))
        for n, length in enumerate(lengths)
        for at in range(length)
    ]
    messages: list[SeriesResponse] = []
    while parts:
        size = message_sizes[len(messages) % len(message_sizes)]
        messages.append(of(*parts[:size]))
        parts = parts[size:]
    found = batches(messages, batch_series=batch_series)
    assert [row for batch in found for row in rows(batch)] == wanted
    assert all(len(batch) >= batch_series - 1 for batch in found[:-1])
