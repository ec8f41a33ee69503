"""The StoreAPI's client against a scripted server, and against Thanos Query."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import socket
from collections import Counter
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import aiohttp
import grpc
import grpc.aio
import numpy as np
import pytest
import uvloop
from aiohttp import web

from proxy.codec._pb import types_pb2
from proxy.codec._pb.store_pb2 import ABORT, WARN, AggrChunk, Chunk, Series, SeriesResponse
from proxy.codec.chunk_batches import sample_counts
from proxy.codec.labels_pb import label_key
from proxy.engine.threads import WorkerThreads
from proxy.errors import (
    BadDataError,
    BadUpstreamAnswerError,
    LimitError,
    QueryError,
    QueryTimeoutError,
    UpstreamUnreachableError,
)
from proxy.model.chunks import FLOAT_HISTOGRAM, HISTOGRAM, XOR
from proxy.model.query import Caller
from proxy.model.read_query import Matcher, MatchType, SampleAsk
from proxy.telemetry.record import Ask, Record, begin
from proxy.upstream.store_api import StoreApi, StoreApiPolicy
from proxy.upstream.store_channel import ChannelPolicy
from tests.thanos.cluster import EXTERNAL_LABEL, REPLICA_LABEL, ThanosCluster
from tests.thanos.loopback import ADDRESS, free_ports
from tests.thanos.samples import sample_series
from tests.thanos.series import float_series
from tests.thanos.timeline import HOUR_MS
from tests.upstream.store_server import answering, store_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from proxy.codec._pb.store_pb2 import SeriesRequest
    from proxy.engine.ports import SampleBatch
    from tests.upstream.store_server import Context, Script

T = TypeVar("T")
A = TypeVar("A")

POLICY = StoreApiPolicy(
    channel=ChannelPolicy(max_message_bytes=64 << 20, connect_timeout_ms=1_000),
    request_timeout_ms=10_000,
)
ASK = SampleAsk(
    first_ms=0,
    last_ms=1_000,
    matchers=(Matcher(MatchType.EQUAL, "__name__", "a"),),
    func="",
    max_resolution_ms=0,
    replica_labels=(),
    is_chain=False,
    partial_response=False,
)
NOBODY = Caller(())
MEGABYTE = 1 << 20


def series(name: str, payload: bytes = b"payload") -> Series:
    message = Series(chunks=[AggrChunk(min_time=1, max_time=2, raw=Chunk(data=payload))])
    message.labels.add(name="__name__", value=name)
    return message


def one(name: str, payload: bytes = b"payload") -> SeriesResponse:
    return SeriesResponse(series=series(name, payload))


def script(*messages: SeriesResponse) -> Script:
    return lambda request, context: answering(*messages)


def failing(code: grpc.StatusCode, words: str, *messages: SeriesResponse) -> Script:
    """Answers these messages, and then fails."""

    async def answer(request: SeriesRequest, context: Context) -> AsyncIterator[bytes]:
        async for message in answering(*messages):
            yield message
        await context.abort(code, words)

    return answer


async def endless(request: SeriesRequest, context: Context) -> AsyncIterator[bytes]:
    """Series of 64 KiB without end."""
    number = 0
    while True:
        yield one(f"s{number:09}", bytes(1 << 16)).SerializeToString()
        number += 1


@asynccontextmanager
async def store_api(*addresses: str, policy: StoreApiPolicy = POLICY) -> AsyncIterator[StoreApi]:
    threads = WorkerThreads(1, inline_bytes=1 << 18)
    api = StoreApi(addresses, policy, threads)
    try:
        yield api
    finally:
        await api.close()
        threads.close()


async def read(api: StoreApi, ask: SampleAsk = ASK, caller: Caller = NOBODY) -> list[SampleBatch]:
    async with aclosing(api.series(ask, caller)) as batches:
        return [batch async for batch in batches]


def names(batches: list[SampleBatch]) -> list[str]:
    return [
        types_pb2.TimeSeries.FromString(labels).labels[0].value
        for batch in batches
        for labels in batch.series.labels
    ]


async def error_of(answer: Script, policy: StoreApiPolicy = POLICY) -> QueryError:
    async with store_server(answer) as server, store_api(server.address, policy=policy) as api:
        with pytest.raises(QueryError) as caught:
            await read(api)
    return caught.value


async def test_series_arrive_in_batches_in_the_order_of_the_server() -> None:
    messages = [one(f"s{number}") for number in range(5)]
    policy = dataclasses.replace(POLICY, batch_series=3)
    async with (
        store_server(script(*messages)) as server,
        store_api(server.address, policy=policy) as api,
    ):
        batches = await read(api)
        assert names(batches) == [f"s{number}" for number in range(5)]
        assert [len(batch.series) for batch in batches] == [2, 2, 1]
        assert all(batch.is_complete for batch in batches)
        assert server.requests[0].response_batch_size == 3


async def test_an_answer_without_series_has_no_batches() -> None:
    async with store_server(script()) as server, store_api(server.address) as api:
        assert await read(api) == []


@pytest.mark.parametrize(("is_partial", "strategy"), [(True, WARN), (False, ABORT)])
async def test_thanos_is_told_whether_an_answer_may_lack_data(is_partial: bool, strategy: int) -> None:
    ask = dataclasses.replace(ASK, partial_response=is_partial, func="rate", first_ms=-7)
    async with store_server(script()) as server, store_api(server.address) as api:
        await read(api, ask)
    [request] = server.requests
    assert request.partial_response_strategy == strategy
    assert list(request.aggregates) == [5]
    assert (request.min_time, request.max_time) == (-7, 1_000)


async def test_an_answer_with_a_warning_is_not_complete_wherever_the_warning_comes() -> None:
    warning = SeriesResponse(warning="store a is away")
    for messages in ([warning, one("a")], [one("a"), warning], [warning]):
        async with store_server(script(*messages)) as server, store_api(server.address) as api:
            batches = await read(api)
        assert [batch.is_complete for batch in batches] == [False]
        assert names(batches) == ["a"] * (len(messages) - 1)


async def test_the_tenant_and_who_asks_travel_as_metadata() -> None:
    policy = dataclasses.replace(POLICY, tenant_header="X-Scope-OrgID")
    caller = Caller(
        (
            ("x-scope-orgid", "team-a"),
            ("X-Scope-OrgID", "second"),
            ("THANOS-TENANT", "not this one"),
            ("Authorization", "Bearer abc"),
            ("X-Request-ID", "01H"),
            ("Traceparent", "00-aa-bb-01"),
            ("TraceState", "ümlaut"),
            ("Accept", "*/*"),
            ("User-Agent", "curl"),
        )
    )
    async with store_server(script()) as server, store_api(server.address, policy=policy) as api:
        await read(api, caller=caller)
    [metadata] = server.metadata
    assert str(metadata.pop("user-agent")).startswith("thanoxy ")
    assert metadata == {
        "thanos-tenant": "team-a",
        "authorization": "Bearer abc",
        "request-id": "01H",
        "traceparent": "00-aa-bb-01",
    }


async def test_a_question_stands_in_the_record_of_who_asked() -> None:
    record = Record(1, "remote_read", None)
    begin(record)
    async with store_server(script(one("a"))) as server, store_api(server.address) as api:
        await read(api)
        (ask,) = record.asks
        assert (ask.state, ask.url, ask.attempts) == ("done", server.address, 1)
        assert (ask.from_ms, ask.to_ms) == (ASK.first_ms, ASK.last_ms)
        assert ask.size_bytes > 0
        assert min(ask.stages_s()) >= 0


async def test_a_question_without_an_answer_has_failed_in_the_record() -> None:
    record = Record(1, "remote_read", None)
    begin(record)
    address = f"{ADDRESS}:{free_ports(1)[0]}"
    async with store_api(address) as api:
        with pytest.raises(UpstreamUnreachableError):
            await read(api)
    (ask,) = record.asks
    assert (ask.state, ask.url) == ("failed", address)
    assert min(ask.stages_s()) >= 0


async def test_what_a_question_carries_takes_the_place_of_the_callers_header() -> None:
    class Watch:
        def begun(self, record: Record) -> None: ...

        def asks(self, record: Record, ask: Ask) -> None:
            ask.headers = (("traceparent", "00-own-own-01"),)

        def ended(self, record: Record) -> None: ...

    record = Record(1, "remote_read", None)
    record.watchers = (Watch(),)
    begin(record)
    async with store_server(script()) as server, store_api(server.address) as api:
        await read(api, caller=Caller((("Traceparent", "00-aa-bb-01"),)))
    assert server.metadata[0]["traceparent"] == "00-own-own-01"


@pytest.mark.parametrize("header", ["THANOS-TENANT", "Authorization"])
async def test_a_tenant_that_grpc_cannot_carry_is_refused(header: str) -> None:
    async with store_server(script()) as server, store_api(server.address) as api:
        with pytest.raises(BadDataError, match="printable ASCII"):
            await read(api, caller=Caller(((header, "müller"),)))
    assert not server.requests


@pytest.mark.parametrize(
    ("code", "words", "wanted"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "no matchers specified", BadDataError),
        (grpc.StatusCode.ABORTED, "receive series from Addr: x", UpstreamUnreachableError),
        (grpc.StatusCode.ABORTED, "rpc error: code = ResourceExhausted desc = series", LimitError),
        (grpc.StatusCode.UNAVAILABLE, "shutting down", UpstreamUnreachableError),
        (grpc.StatusCode.CANCELLED, "server stopped", UpstreamUnreachableError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "exceeded chunks limit", LimitError),
        (grpc.StatusCode.UNKNOWN, "No StoreAPIs available", BadUpstreamAnswerError),
        (grpc.StatusCode.INTERNAL, "runtime error", BadUpstreamAnswerError),
        (grpc.StatusCode.PERMISSION_DENIED, "", BadUpstreamAnswerError),
    ],
)
@pytest.mark.parametrize("messages", [[], [one("a")]], ids=["at once", "later"])
async def test_a_status_becomes_an_error_with_thanos_s_words(
    code: grpc.StatusCode, words: str, wanted: type[QueryError], messages: list[SeriesResponse]
) -> None:
    error = await error_of(failing(code, words, *messages))
    assert type(error) is wanted
    assert words in str(error)


async def test_an_answer_that_takes_too_long_is_a_timeout() -> None:
    async def silent(request: SeriesRequest, context: Context) -> AsyncIterator[bytes]:
        yield one("a").SerializeToString()
        await asyncio.sleep(60)

    policy = dataclasses.replace(POLICY, request_timeout_ms=200)
    error = await error_of(silent, policy)
    assert isinstance(error, QueryTimeoutError)
    assert "0.2 s (--upstream.request-timeout)" in str(error)


async def test_a_message_beyond_the_limit_is_refused_and_one_of_5_mb_is_not() -> None:
    large = script(one("a", bytes(5 * MEGABYTE)))
    async with store_server(large) as server, store_api(server.address) as api:
        [batch] = await read(api)
    assert len(batch.series.chunks.data) == 5 * MEGABYTE

    channel = dataclasses.replace(POLICY.channel, max_message_bytes=4 * MEGABYTE)
    error = await error_of(large, dataclasses.replace(POLICY, channel=channel))
    assert isinstance(error, LimitError)
    assert "4194304 bytes (--upstream.grpc-max-message-bytes)" in str(error)


async def test_bytes_that_are_no_message_end_the_call() -> None:
    async def garbage(request: SeriesRequest, context: Context) -> AsyncIterator[bytes]:
        while True:
            yield b"\x22garbage"

    async with store_server(garbage) as server, store_api(server.address) as api:
        with pytest.raises(BadUpstreamAnswerError, match="not a SeriesResponse"):
            await read(api)
        await asyncio.wait_for(server.ended.wait(), 2)


async def test_another_address_is_asked_when_one_cannot_be_reached() -> None:
    nobody = f"{ADDRESS}:{free_ports(1)[0]}"
    away = failing(grpc.StatusCode.UNAVAILABLE, "shutting down")
    async with (
        store_server(away) as first,
        store_server(script(one("a"))) as second,
        store_api(first.address, nobody, second.address) as api,
    ):
        for _ in range(6):
            assert names(await read(api)) == ["a"]
        assert (len(first.requests), len(second.requests)) == (2, 6)


async def test_addresses_take_turns() -> None:
    async with (
        store_server(script()) as first,
        store_server(script()) as second,
        store_api(first.address, second.address) as api,
    ):
        for _ in range(4):
            await read(api)
        assert (len(first.requests), len(second.requests)) == (2, 2)


@pytest.mark.parametrize(
    "answer",
    [
        failing(grpc.StatusCode.UNAVAILABLE, "gone", one("a"), one("b")),
        failing(grpc.StatusCode.INVALID_ARGUMENT, "no matchers"),
        failing(grpc.StatusCode.ABORTED, "store is away"),
    ],
    ids=["begun", "bad", "partial"],
)
async def test_no_other_address_is_asked_when_that_would_not_help(answer: Script) -> None:
    async with (
        store_server(answer) as first,
        store_server(script(one("a"))) as second,
        store_api(first.address, second.address) as api,
    ):
        with pytest.raises(QueryError):
            await read(api)
        assert not second.requests


async def test_the_time_limit_covers_all_attempts() -> None:
    async def slow(request: SeriesRequest, context: Context) -> AsyncIterator[bytes]:
        await asyncio.sleep(0.2)
        async for message in failing(grpc.StatusCode.UNAVAILABLE, "after all")(request, context):
            yield message

    policy = dataclasses.replace(POLICY, request_timeout_ms=300)
    async with (
        store_server(slow) as first,
        store_server(slow) as second,
        store_api(first.address, second.address, policy=policy) as api,
    ):
        with pytest.raises(QueryTimeoutError):
            await read(api)


async def test_a_reader_that_takes_its_time_is_not_too_late() -> None:
    messages = [one(name) for name in "abc"]
    policy = dataclasses.replace(POLICY, request_timeout_ms=300)
    async with (
        store_server(script(*messages)) as server,
        store_api(server.address, policy=policy) as api,
    ):
        read_series = 0
        async for batch in api.series(ASK, NOBODY):
            read_series += len(batch.series)
            await asyncio.sleep(0.4)
    assert read_series == 3


async def test_nobody_at_the_address_is_said_at_once() -> None:
    async with store_api(f"{ADDRESS}:{free_ports(1)[0]}") as api:
        with pytest.raises(UpstreamUnreachableError, match=r"not available: .*[Cc]onnect"):
            await asyncio.wait_for(read(api), 2)


async def test_a_server_that_accepts_and_says_nothing_is_given_up_in_the_connect_timeout() -> None:
    channel = dataclasses.replace(POLICY.channel, connect_timeout_ms=300)
    policy = dataclasses.replace(POLICY, channel=channel)
    with socket.create_server((ADDRESS, 0)) as mute:
        address = f"{ADDRESS}:{mute.getsockname()[1]}"
        async with store_api(address, policy=policy) as api:
            with pytest.raises(UpstreamUnreachableError):
                await asyncio.wait_for(read(api), 0.9)


async def test_a_server_that_comes_back_is_found_again() -> None:
    address = f"{ADDRESS}:{free_ports(1)[0]}"
    async with store_api(address) as api:
        with pytest.raises(UpstreamUnreachableError):
            await read(api)
        async with store_server(script(one("a")), address=address):
            async with asyncio.timeout(10):
                while True:
                    try:
                        assert names(await read(api)) == ["a"]
                        break
                    except UpstreamUnreachableError:
                        await asyncio.sleep(0.05)


async def test_a_reader_that_stops_stops_the_source() -> None:
    async with (
        store_server(endless) as server,
        store_api(server.address) as api,
        aclosing(api.series(ASK, NOBODY)) as batches,
    ):
        read_messages = 1  # the newest series is held back
        for pause_s in (1.0, 0.0, 0.0, 0.0, 0.5):
            read_messages += len((await anext(batches)).series)
            await asyncio.sleep(pause_s)
            assert (server.sent - read_messages) * (1 << 16) <= 2 * MEGABYTE


async def test_a_stalled_stream_does_not_hold_up_another_on_the_same_connection() -> None:
    async with (
        store_server(endless) as server,
        store_api(server.address) as api,
        aclosing(api.series(ASK, NOBODY)) as stalled,
        aclosing(api.series(ASK, NOBODY)) as other,
    ):
        await anext(stalled)
        await asyncio.sleep(0.3)
        async with asyncio.timeout(5):
            for _ in range(5):
                await anext(other)


@pytest.mark.parametrize("how", ["close", "cancel", "forget"])
async def test_leaving_ends_the_call_at_the_server(how: str) -> None:
    async with store_server(endless) as server, store_api(server.address) as api:
        batches = api.series(ASK, NOBODY)
        await anext(batches)
        match how:
            case "close":
                await batches.aclose()
            case "cancel":
                reading = asyncio.create_task(read(api))
                await asyncio.sleep(0.05)
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                await batches.aclose()
            case _:
                del batches
        await asyncio.wait_for(server.ended.wait(), 2)


async def test_leaving_before_anything_came_ends_the_call_at_the_server() -> None:
    begun = asyncio.Event()

    async def silent(request: SeriesRequest, context: Context) -> AsyncIterator[bytes]:
        begun.set()
        await asyncio.sleep(60)
        yield b""

    async with store_server(silent) as server, store_api(server.address) as api:
        reading = asyncio.create_task(read(api))
        await asyncio.wait_for(begun.wait(), 2)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.wait_for(server.ended.wait(), 2)


async def test_closing_ends_what_still_runs() -> None:
    async with store_server(endless) as server, store_api(server.address) as api:
        batches = api.series(ASK, NOBODY)
        await anext(batches)
        await api.close()
        await asyncio.wait_for(server.ended.wait(), 2)
        await batches.aclose()


async def test_only_averages_of_downsampled_data_are_made_in_threads() -> None:
    class Watched:
        def __init__(self) -> None:
            self.sizes: list[int] = []

        async def run(self, work: Callable[[A], T], argument: A, size_bytes: int) -> T:
            self.sizes.append(size_bytes)
            return work(argument)

    answer = script(one("a"))
    size_bytes = len(one("a").SerializeToString())
    async with store_server(answer) as server:
        for func, resolution_ms, wanted in [
            ("", 300_000, size_bytes),
            ("", 0, 0),
            ("rate", 300_000, 0),
        ]:
            threads = Watched()
            api = StoreApi([server.address], POLICY, threads)
            await read(api, dataclasses.replace(ASK, func=func, max_resolution_ms=resolution_ms))
            await api.close()
            assert threads.sizes == [wanted, wanted]


async def test_it_lives_with_aiohttp_on_one_uvloop() -> None:
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text="over HTTP")

    http_server = await asyncio.get_running_loop().create_server(web.Server(answer), ADDRESS, 0)
    port = http_server.sockets[0].getsockname()[1]
    async with (
        store_server(script(one("a"))) as server,
        store_api(server.address) as api,
        aiohttp.ClientSession() as session,
        asyncio.TaskGroup() as group,
    ):

        async def get() -> str:
            async with session.get(f"http://{ADDRESS}:{port}/") as response:
                return await response.text()

        gets = [group.create_task(get()) for _ in range(20)]
        reads = [group.create_task(read(api)) for _ in range(20)]
    assert [task.result() for task in gets] == ["over HTTP"] * 20
    assert [names(task.result()) for task in reads] == [["a"]] * 20
    http_server.close()


def test_a_loop_that_closes_after_it_leaves_nothing_behind() -> None:
    async def use() -> list[str]:
        async with store_server(script(one("a"))) as server, store_api(server.address) as api:
            return names(await read(api))

    for _ in range(2):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert runner.run(use()) == ["a"]


async def test_thanos_query_streams_every_sample_in_order_of_the_labels(thanos: ThanosCluster) -> None:
    """Labels as Query shows them; samples by number, replicas' chunks side by side."""
    ask = dataclasses.replace(
        ASK,
        first_ms=thanos.start_ms,
        last_ms=thanos.end_ms,
        matchers=(Matcher(MatchType.REGEX, "__name__", ".*"),),
        replica_labels=(REPLICA_LABEL,),
    )
    async with store_api(thanos.query_grpc_address) as api:
        batches = await read(api, ask)
    assert len(batches) > 1
    assert all(batch.is_complete for batch in batches)
    keys = [label_key(labels) for batch in batches for labels in batch.series.labels]
    assert keys == sorted(set(keys))
    kinds = {kind for batch in batches for kind in batch.series.chunks.kinds.tolist()}
    assert kinds == {XOR, HISTOGRAM, FLOAT_HISTOGRAM}

    wanted: Counter[tuple[bytes, ...]] = Counter()
    for one_series in sample_series(thanos.end_ms):
        pairs = {**dict(one_series.labels), EXTERNAL_LABEL: "true", "tenant_id": "default-tenant"}
        pairs.pop(REPLICA_LABEL, None)
        encoded = sorted((name.encode(), value.encode()) for name, value in pairs.items())
        wanted[tuple(itertools.chain.from_iterable(encoded))] += one_series.sample_count
    counts = itertools.chain.from_iterable(map(counts_of_series, batches))
    assert dict(zip(keys, counts, strict=True)) == wanted


def counts_of_series(batch: SampleBatch) -> list[int]:
    """The number of samples of each series, as its chunks say."""
    totals = np.concatenate([[0], np.cumsum(sample_counts(batch.series.chunks))])
    counts: list[int] = np.diff(totals[batch.series.chunk_ends], prepend=0).tolist()
    return counts


async def test_thanos_query_answers_only_the_matching_series_and_times(thanos: ThanosCluster) -> None:
    last_ms = thanos.start_ms + HOUR_MS
    matchers = (
        Matcher(MatchType.EQUAL, "__name__", "ha_load"),
        Matcher(MatchType.NOT_EQUAL, REPLICA_LABEL, "b"),
        Matcher(MatchType.NOT_REGEX, "instance", ".*nothing.*"),
    )
    ask = dataclasses.replace(ASK, first_ms=thanos.start_ms, last_ms=last_ms, matchers=matchers)
    async with store_api(thanos.query_grpc_address) as api:
        [batch] = await read(api, ask)
    assert len(batch.series) == 3
    assert batch.series.chunks.min_ms.max() <= last_ms
    assert batch.series.chunks.max_ms.min() >= thanos.start_ms
    times = np.diff(batch.series.chunks.min_ms)
    assert (times[np.delete(np.arange(len(times)), batch.series.chunk_ends[:-1] - 1)] > 0).all()


async def test_thanos_query_refuses_a_request_without_matchers_in_its_own_words(
    thanos: ThanosCluster,
) -> None:
    async with store_api(thanos.query_grpc_address) as api:
        with pytest.raises(BadDataError, match="no matchers specified"):
            await read(api, dataclasses.replace(ASK, matchers=()))
        with pytest.raises(BadDataError, match="missing closing"):
            await read(api, dataclasses.replace(ASK, matchers=(Matcher(MatchType.REGEX, "a", "("),)))


@pytest.mark.thanos
async def test_a_store_that_is_away_makes_an_error_or_an_incomplete_answer() -> None:
    end_ms = 1_790_000_000_000
    constant = float_series({"__name__": "constant"}, np.arange(end_ms - HOUR_MS, end_ms, 60_000), 1.0)
    ask = dataclasses.replace(
        ASK,
        first_ms=end_ms - HOUR_MS,
        last_ms=end_ms,
        matchers=(Matcher(MatchType.EQUAL, "__name__", "constant"),),
    )
    partial = dataclasses.replace(ask, partial_response=True)
    with ThanosCluster([constant], end_ms=end_ms) as cluster:
        async with store_api(cluster.query_grpc_address) as api:
            [batch] = await read(api, ask)
            assert counts_of_series(batch) == [60]
            cluster.receive.kill()
            with pytest.raises(UpstreamUnreachableError, match=r"series (for|from) "):
                await read(api, ask)
            [batch] = await read(api, partial)
            assert not batch.is_complete
            cluster.query.stop()
            with pytest.raises(UpstreamUnreachableError, match="not available"):
                await read(api, partial)
