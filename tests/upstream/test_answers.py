"""An upstream's answer as it arrives: its bounds, its memory, its errors, its connection."""

from __future__ import annotations

import gzip
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest

from proxy.engine.memory import UNCOUNTED, MemoryBudget, MemoryPolicy, Uncounted
from proxy.errors import (
    BadUpstreamAnswerError,
    LimitError,
    QueryTimeoutError,
    UpstreamAnswerError,
    UpstreamRefusedError,
    UpstreamUnreachableError,
)
from proxy.upstream.addresses import Endpoint
from proxy.upstream.answers import (
    OpenAnswer,
    ReadAnswer,
    answer_error,
    foreign_errors_mapped,
    read_whole,
)
from tests.fakes import (
    ERROR_JSON,
    Behaviour,
    FakeUpstream,
    always,
    broken_off,
    drip,
    gzipped,
    reply,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HTML = b"<html>no upstream</html>"


@asynccontextmanager
async def opened(upstream: FakeUpstream, behaviour: Behaviour) -> AsyncIterator[OpenAnswer]:
    upstream.script = always(behaviour)
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        answer = OpenAnswer(await session.get(upstream.url), Endpoint(upstream.url))
        yield answer
        answer.leave()


async def read(answer: OpenAnswer, most_bytes: int = 10**6) -> ReadAnswer:
    return await read_whole(answer, most_bytes, UNCOUNTED)


@pytest.mark.parametrize("size", [0, 1, 1 << 18, (1 << 18) + 1, 1 << 19, 3_000_000])
@pytest.mark.parametrize("is_gzip", [False, True])
async def test_a_body_is_read_whole_at_any_size(
    upstream: FakeUpstream, size: int, is_gzip: bool
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    async with opened(upstream, gzipped(body) if is_gzip else reply(200, body)) as answer:
        assert (await read(answer, size)).body == body


@pytest.mark.parametrize("size", [1 << 18, 1 << 19, 300_000])
async def test_what_comes_after_the_end_of_the_gzip_is_left(upstream: FakeUpstream, size: int) -> None:
    body = gzip.compress(b" " * size) + b"rest" * 1000
    behaviour = reply(200, body, headers={"Content-Encoding": "gzip"})
    async with opened(upstream, behaviour) as answer:
        assert (await read(answer)).body == b" " * size


async def test_a_gzip_in_crumbs_is_inflated(upstream: FakeUpstream) -> None:
    packed = gzip.compress(b"abc" * 200_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    crumbs = b"".join(b"1\r\n%c\r\n" % byte for byte in packed) + b"0\r\n\r\n"

    async def behave(_asked: object, request: aiohttp.web.BaseRequest) -> aiohttp.web.StreamResponse:
        assert request.transport is not None
        request.transport.write(head + crumbs)
        return aiohttp.web.Response()

    async with opened(upstream, behave) as answer:
        assert (await read(answer)).body == b"abc" * 200_000


def budget_of(total_bytes: int = 8 << 20) -> MemoryBudget:
    return MemoryBudget(MemoryPolicy(total_bytes, max_wait_ms=50))


async def test_a_few_bytes_that_become_very_many_ask_for_memory_piece_by_piece(
    upstream: FakeUpstream,
) -> None:
    grown: list[int] = []

    class Watched(Uncounted):
        async def grow(self, size_bytes: int) -> None:
            grown.append(size_bytes)

    async with opened(upstream, gzipped(b"\0" * (50 << 20))) as answer:
        await read_whole(answer, 1 << 30, Watched())
    assert sum(grown) == 2 * (50 << 20)
    assert max(grown) <= 1 << 19


async def test_a_body_for_which_there_is_never_memory_is_a_limit(upstream: FakeUpstream) -> None:
    budget = budget_of()
    async with opened(upstream, gzipped(b"\0" * (20 << 20))) as answer:
        ticket = budget.open()
        with pytest.raises(LimitError, match="memory"):
            await read_whole(answer, 1 << 30, ticket)
        assert (ticket.held_bytes, budget.used_bytes) == (0, 0)


async def test_a_body_holds_twice_its_size_until_it_is_left_and_then_nothing(
    upstream: FakeUpstream,
) -> None:
    ticket = budget_of().open()
    await ticket.grow(1000)
    async with opened(upstream, reply(200, b"x" * 5000)) as answer:
        whole = await read_whole(answer, 10**6, ticket)
    assert ticket.held_bytes == 11_000
    whole.leave()
    assert ticket.held_bytes == 1000
    whole.leave()
    assert ticket.held_bytes == 1000, "once"


@pytest.mark.parametrize(
    "behaviour",
    [
        broken_off(b"x" * 5000, 6000),
        reply(200, gzip.compress(b"x" * 5000)[:-9], headers={"Content-Encoding": "gzip"}),
        reply(200, b"x" * 200_000),
    ],
    ids=["broken off", "truncated gzip", "too large"],
)
async def test_a_failed_attempt_gives_back_what_it_took_and_no_more(
    upstream: FakeUpstream, behaviour: Behaviour
) -> None:
    ticket = budget_of().open()
    await ticket.grow(1000)
    async with opened(upstream, behaviour) as answer:
        with pytest.raises((UpstreamUnreachableError, BadUpstreamAnswerError, LimitError)):
            await read_whole(answer, 100_000, ticket)
    assert ticket.held_bytes == 1000


@pytest.mark.parametrize(
    ("status", "body", "is_worth"),
    [
        (200, b"{}", False),
        (502, b"", True),
        (503, HTML, True),
        (503, b"", True),
        (503, ERROR_JSON, False),
        (503, ERROR_JSON + b" " * 300_000, False),
        (500, HTML, False),
    ],
)
async def test_a_gateways_answer_is_worth_another_and_its_body_is_still_whole(
    upstream: FakeUpstream, status: int, body: bytes, is_worth: bool
) -> None:
    async with opened(upstream, reply(status, body)) as answer:
        await answer.judge()
        assert answer.worth_another is is_worth
        whole = await read(answer)
        assert (whole.status, whole.body, whole.worth_another) == (status, body, is_worth)


async def test_the_connection_is_kept_when_all_was_read_and_ended_otherwise(
    upstream: FakeUpstream,
) -> None:
    async with aiohttp.ClientSession() as session:
        upstream.script = always(reply(200, b"{}"))
        answer = OpenAnswer(await session.get(upstream.url), Endpoint(upstream.url))
        await read(answer)
        answer.leave()
        answer.leave()
        assert upstream.open_connections() == 1
        upstream.script = always(drip([b"{"] * 1000, 0.01))
        answer = OpenAnswer(await session.get(upstream.url), Endpoint(upstream.url))
        answer.leave()
        answer.leave()
        await upstream.until(lambda: upstream.open_connections() == 0)


async def test_headers_are_found_in_any_case(upstream: FakeUpstream) -> None:
    async with opened(upstream, reply(200, b"", headers={"X-One": "1"})) as answer:
        assert (answer.header("x-one"), answer.header("x-two")) == ("1", "")


OS_ERROR = OSError(111, "refused")
KEY = aiohttp.client_reqrep.ConnectionKey("h", 1, False, True, None, None, None, None)


@pytest.mark.parametrize(
    ("foreign", "own"),
    [
        (aiohttp.ClientConnectorError(KEY, OS_ERROR), UpstreamRefusedError),
        (aiohttp.ConnectionTimeoutError(), UpstreamUnreachableError),
        (aiohttp.ClientOSError(104, "reset"), UpstreamUnreachableError),
        (aiohttp.ServerDisconnectedError(), UpstreamUnreachableError),
        (aiohttp.ClientPayloadError(), UpstreamUnreachableError),
        (ConnectionResetError(), UpstreamUnreachableError),
        (TimeoutError(), QueryTimeoutError),
        (aiohttp.ServerTimeoutError(), QueryTimeoutError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_foreign_errors_become_ours(foreign: Exception, own: type[Exception]) -> None:
    with pytest.raises(own) as caught, foreign_errors_mapped():
        raise foreign
    assert type(caught.value) is own


async def error_of(upstream: FakeUpstream, behaviour: Behaviour) -> Exception:
    async with opened(upstream, behaviour) as answer:
        return answer_error(await read(answer))


async def test_the_upstreams_own_words_travel_on_without_their_encoding(upstream: FakeUpstream) -> None:
    error = await error_of(upstream, gzipped(ERROR_JSON, 422))
    assert isinstance(error, UpstreamAnswerError)
    assert (error.answer_status, error.body) == (422, ERROR_JSON)
    assert not {name.lower() for name, _ in error.headers} & {"content-encoding", "content-length"}


@pytest.mark.parametrize(("status", "is_own"), [(404, True), (429, True), (500, False), (302, False)])
async def test_a_page_travels_on_only_as_a_refusal(
    upstream: FakeUpstream, status: int, is_own: bool
) -> None:
    error = await error_of(upstream, reply(status, HTML, "text/html"))
    assert isinstance(error, UpstreamAnswerError if is_own else BadUpstreamAnswerError)


async def test_why_there_is_no_connection_is_told_in_words() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with aiohttp.ClientSession() as session:
            with pytest.raises(UpstreamRefusedError) as caught, foreign_errors_mapped():
                await session.get(f"http://127.0.0.1:{port}")
    text = str(caught.value)
    assert text.startswith(f"the upstream cannot be reached: 127.0.0.1:{port}: Connect call failed")
    assert "object at" not in text
