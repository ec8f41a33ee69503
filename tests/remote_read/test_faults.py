"""Requests that are wrong, over real HTTP: each gets a clear refusal, and the server stays well."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import snappy

from proxy.codec._pb.remote_pb2 import Query, ReadRequest
from proxy.codec._pb.types_pb2 import LabelMatcher
from tests.remote_read.asking import Question, told
from tests.remote_read.conftest import SOURCES
from tests.remote_read.servers import ServedThanoxy, source_flags
from tests.thanos.loopback import Answer, ask
from tests.thanos.prometheus import PrometheusServer
from tests.thanos.remote_read_client import (
    HEADERS,
    RemoteReadError,
    body_of,
    equal,
    post,
    query,
    read_samples,
    read_streamed,
    regex,
)
from tests.thanos.series import METRIC_NAME
from tests.thanos.timeline import HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.remote_read.conftest import Readers
    from tests.thanos.cluster import ThanosCluster
    from tests.thanos.timeline import Timeline

by_source = pytest.mark.parametrize("source", SOURCES)
BOTH = [ReadRequest.STREAMED_XOR_CHUNKS, ReadRequest.SAMPLES]
MEBIBYTE = 1 << 20


@pytest.fixture(params=SOURCES)
def served(
    readers: Readers, timeline: Timeline, request: pytest.FixtureRequest
) -> Iterator[ServedThanoxy]:
    """A thanoxy that must still answer after the test."""
    thanoxy = readers.thanoxy(request.param)
    yield thanoxy
    [[found]] = read_samples(thanoxy.read_url, one_hour(timeline))
    assert len(found.floats) == 61
    assert ask(f"{thanoxy.url}/-/healthy").status == 200


def one_hour(timeline: Timeline) -> Query:
    """61 samples, both ends included."""
    first_ms = timeline.start_ms + HOUR_MS
    return query(first_ms, first_ms + HOUR_MS, equal(METRIC_NAME, "constant"))


def request(timeline: Timeline) -> bytes:
    return ReadRequest(queries=[one_hour(timeline)], accepted_response_types=BOTH).SerializeToString()


def words(answer: Answer) -> str:
    """What the refusal says; it must be a sentence, not a stack trace."""
    text = answer.body.decode()
    assert text
    assert "Traceback" not in text
    assert len(text) < 1_000
    return text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not snappy at all",
        b"\xff" * 100,
        b"\xff\xff\xff\xff\x0f" + b"a" * 50,
        b'{"queries": []}',
    ],
    ids=["empty", "text", "bytes", "promises 4 GiB", "JSON"],
)
def test_a_body_that_is_not_snappy_is_refused(served: ServedThanoxy, body: bytes) -> None:
    answer = post(served.read_url, body)
    assert answer.status in {400, 413}
    assert words(answer)


def test_a_request_without_queries_is_answered_without_results(served: ServedThanoxy) -> None:
    """As Prometheus does."""
    assert read_samples(served.read_url) == []
    assert read_streamed(served.read_url) == []


def test_a_body_that_is_snappy_and_not_protobuf_is_refused(served: ServedThanoxy) -> None:
    for inside in (b"\xff" * 1_000, b"GET / HTTP/1.1", bytes(range(256)) * 50):
        answer = post(served.read_url, snappy.compress(inside))
        assert answer.status == 400, inside
        assert words(answer)


def test_a_request_that_is_cut_off_anywhere_is_refused_or_a_shorter_one(
    served: ServedThanoxy, timeline: Timeline
) -> None:
    whole = request(timeline)
    packed = snappy.compress(whole)
    for end in range(len(packed)):
        assert post(served.read_url, packed[:end]).status == 400
    statuses = {post(served.read_url, snappy.compress(whole[:end])).status for end in range(len(whole))}
    assert statuses <= {200, 400}
    assert 400 in statuses


def test_a_query_without_matchers_is_refused(served: ServedThanoxy, timeline: Timeline) -> None:
    with pytest.raises(RemoteReadError, match="matcher") as refused:
        read_samples(served.read_url, query(timeline.start_ms, timeline.end_ms))
    assert refused.value.status == 400


def test_a_regex_that_is_none_is_refused(served: ServedThanoxy, timeline: Timeline) -> None:
    asked = query(timeline.start_ms, timeline.end_ms, regex(METRIC_NAME, "a("))
    for read in (read_samples, read_streamed):
        with pytest.raises(RemoteReadError) as refused:
            read(served.read_url, asked)
        assert refused.value.status == 400


def test_a_matcher_of_a_type_that_does_not_exist_is_refused(
    served: ServedThanoxy, timeline: Timeline
) -> None:
    strange = LabelMatcher(type=9, name="a", value="b")  # type: ignore[arg-type]
    with pytest.raises(RemoteReadError) as refused:
        read_samples(served.read_url, query(timeline.start_ms, timeline.end_ms, strange))
    assert refused.value.status == 400


def test_a_reversed_range_is_refused(served: ServedThanoxy, timeline: Timeline) -> None:
    asked = query(timeline.end_ms, timeline.start_ms, equal(METRIC_NAME, "up"))
    with pytest.raises(RemoteReadError) as refused:
        read_samples(served.read_url, asked)
    assert refused.value.status == 400


def test_times_at_the_ends_of_64_bits_are_answered_or_refused(
    served: ServedThanoxy, timeline: Timeline
) -> None:
    """Prometheus itself asks from `-(1 << 63)` on for `{…}` without a time."""
    asked = query(-(1 << 63), (1 << 63) - 1, equal(METRIC_NAME, "sparse"))
    [[found]] = read_samples(served.read_url, asked)
    assert len(found.floats) == (timeline.end_ms - timeline.start_ms) // 300_000 + 1


def test_only_types_that_nobody_knows_are_refused(served: ServedThanoxy, timeline: Timeline) -> None:
    answer = post(served.read_url, body_of([one_hour(timeline)], [77]))  # type: ignore[list-item]
    assert answer.status == 400
    assert words(answer)


def test_a_hundred_megabytes_of_garbage_are_refused(served: ServedThanoxy) -> None:
    before_bytes = resident_bytes(served)
    for garbage in (b"\xa5" * (100 * MEBIBYTE), snappy.compress(b"\x00" * (100 * MEBIBYTE))):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            assert post(served.read_url, garbage).status in {400, 413}
    assert resident_bytes(served) - before_bytes < 80 * MEBIBYTE


def resident_bytes(served: ServedThanoxy) -> int:
    pages = Path(f"/proc/{served.process.pid}/statm").read_text("ascii").split()[1]
    return int(pages) * resource.getpagesize()


def test_a_body_that_never_ends_does_not_hold_up_others(
    served: ServedThanoxy, timeline: Timeline
) -> None:
    with opened(served) as connection:
        connection.sendall(head(served, 1_000_000) + b"a" * 1_000)
        [[found]] = read_samples(served.read_url, one_hour(timeline))
        assert len(found.floats) == 61


def test_methods_other_than_post_are_refused(served: ServedThanoxy) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert ask(served.read_url, method=method).status in {404, 405}


def opened(served: ServedThanoxy) -> contextlib.closing[socket.socket]:
    address = urllib.parse.urlsplit(served.url)
    return contextlib.closing(socket.create_connection((address.hostname, address.port), timeout=10))


def head(served: ServedThanoxy, length: int) -> bytes:
    lines = [f"{name}: {value}" for name, value in HEADERS.items()]
    start = [f"POST /api/v1/read HTTP/1.1\r\nHost: {served.url}", f"Content-Length: {length}"]
    return "\r\n".join([*start, *lines, "\r\n"]).encode()


def test_a_client_that_hangs_up_while_it_is_answered_ends_its_read_alone(
    served: ServedThanoxy, timeline: Timeline
) -> None:
    """With a reset, as a killed client does, after the first bytes of a large answer."""
    everything = query(
        timeline.start_ms, timeline.end_ms, regex(METRIC_NAME, "odd_.*|http.*|node.*|request.*")
    )
    for types in ([ReadRequest.STREAMED_XOR_CHUNKS], [ReadRequest.SAMPLES]):
        body = body_of([everything] * 5, types)
        for read_bytes in (0, 1, 5_000):
            with opened(served) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(head(served, len(body)) + body)
                if read_bytes:
                    assert connection.recv(read_bytes)
    log = served.process.log_path.read_text()
    assert "Traceback" not in log
    assert "never retrieved" not in log


def test_a_reader_that_is_slow_gets_all_and_is_not_collected_for(
    served: ServedThanoxy, timeline: Timeline
) -> None:
    """What waits for it stays in the source: memory does not grow by the size of the answer."""
    everything = query(
        timeline.start_ms, timeline.end_ms, regex(METRIC_NAME, "odd_.*|http.*|node.*|request.*")
    )
    body = body_of([everything] * 100, [ReadRequest.STREAMED_XOR_CHUNKS])
    post(served.read_url, body_of([everything], [ReadRequest.STREAMED_XOR_CHUNKS]))
    before_bytes = resident_bytes(served)
    received = bytearray()
    with opened(served) as connection:
        connection.sendall(head(served, len(body)) + body)
        time.sleep(2.0)
        grown_bytes = resident_bytes(served) - before_bytes
        while not received.endswith(b"\r\n0\r\n\r\n"):
            part = connection.recv(1 << 16)
            assert part, "the answer ends without its last chunk"
            received += part
    assert len(received) > 100 * MEBIBYTE
    assert grown_bytes < 32 * MEBIBYTE


@pytest.mark.thanos
def test_prometheus_shows_the_words_of_a_refusal(
    thanos: ThanosCluster, tmp_path: Path, timeline: Timeline
) -> None:
    flags = ["--remote-read.max-series=3", *source_flags(thanos, "grpc")]
    with (
        ServedThanoxy(thanos.query_url, tmp_path, flags) as thanoxy,
        PrometheusServer(thanoxy.read_url) as prometheus,
    ):
        few, no_errors = told(prometheus.url, at_the_end("sparse", timeline))
        none, errors = told(prometheus.url, at_the_end("queue_length", timeline))
    assert few.points == 1
    assert not no_errors
    assert none.points == 0
    assert "series" in errors[0]
    assert "3" in errors[0]


def at_the_end(expr: str, timeline: Timeline) -> Question:
    return Question(expr, timeline.end_ms, timeline.end_ms, 0)
