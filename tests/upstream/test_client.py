"""The upstream's client: what it asks, what it tries again, and what becomes of bad answers."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import socket
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from proxy.errors import (
    BadUpstreamAnswerError,
    LimitError,
    QueryTimeoutError,
    UpstreamAnswerError,
    UpstreamUnreachableError,
)
from proxy.model.query import Caller
from proxy.upstream.attempts import AttemptPolicy
from tests.fakes import (
    ERROR_JSON,
    Behaviour,
    FakeUpstream,
    after,
    always,
    broken_off,
    drip,
    gzipped,
    in_turn,
    never,
    raw_bytes,
    reply,
    reset,
)
from tests.upstream.conftest import as_it_is, client_of, opened

if TYPE_CHECKING:
    from proxy.upstream.client import ClientPolicy, ThanosClient

PATH = "/api/v1/query_range"
FORM = b"query=up&start=0"
CALLER = Caller((("THANOS-TENANT", "a"), ("X-Twice", "1"), ("X-Twice", "2")))
OK = reply(200, b'{"status":"success"}')
HTML_503 = reply(503, b"<html>no upstream</html>", "text/html")


async def ask(client: ThanosClient) -> bytes:
    return (await client.ask(PATH, FORM, CALLER, as_it_is)).body


async def test_a_split_is_asked_as_a_form_with_the_callers_headers(
    client: ThanosClient, upstream: FakeUpstream
) -> None:
    upstream.script = always(OK)
    assert await ask(client) == b'{"status":"success"}'
    (asked,) = upstream.asked
    assert (asked.method, asked.raw_path, asked.body) == ("POST", PATH, FORM)
    assert asked.headers == [
        ("Host", upstream.url.removeprefix("http://")),
        *CALLER.pairs,
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Accept-Encoding", "identity"),
        ("Content-Length", str(len(FORM))),
    ]


@pytest.mark.parametrize("times", [1, 2])
async def test_a_broken_connection_is_tried_again(
    client: ThanosClient, upstream: FakeUpstream, times: int
) -> None:
    upstream.script = in_turn(*[reset] * times, OK)
    assert await ask(client) == b'{"status":"success"}'
    assert len(upstream.asked) == times + 1


@pytest.mark.parametrize(
    "gateway",
    [
        pytest.param(reply(502, b"<html>bad gateway</html>", "text/html"), id="502"),
        pytest.param(reply(504, b"", "text/plain"), id="504"),
        pytest.param(HTML_503, id="503 with a page"),
        pytest.param(reply(503, b""), id="503 without a body"),
        pytest.param(broken_off(b"no", 5, "text/plain", "503 x"), id="503 that breaks off"),
    ],
)
async def test_a_gateway_without_an_upstream_is_asked_again(
    client: ThanosClient, upstream: FakeUpstream, gateway: Behaviour
) -> None:
    upstream.script = in_turn(gateway, OK)
    await ask(client)
    assert len(upstream.asked) == 2


@pytest.mark.parametrize("status", [503, 500, 422, 400])
async def test_the_upstreams_own_error_is_not_asked_again(
    client: ThanosClient, upstream: FakeUpstream, status: int
) -> None:
    upstream.script = always(reply(status, ERROR_JSON))
    with pytest.raises(UpstreamAnswerError) as caught:
        await ask(client)
    assert (caught.value.answer_status, caught.value.body) == (status, ERROR_JSON)
    assert len(upstream.asked) == 1


async def test_an_error_that_arrives_in_crumbs_is_known_too(
    client: ThanosClient, upstream: FakeUpstream
) -> None:
    head = b"HTTP/1.1 503 x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    crumbs = b"".join(b"1\r\n%c\r\n" % c for c in ERROR_JSON) + b"0\r\n\r\n"
    upstream.script = always(raw_bytes(head + crumbs))
    with pytest.raises(UpstreamAnswerError) as caught:
        await ask(client)
    assert caught.value.body == ERROR_JSON
    assert len(upstream.asked) == 1


@pytest.mark.parametrize("failure", [pytest.param(reset, id="reset"), pytest.param(HTML_503, id="503")])
async def test_there_are_at_most_so_many_attempts(
    client: ThanosClient, upstream: FakeUpstream, failure: Behaviour
) -> None:
    upstream.script = always(failure)
    with pytest.raises((UpstreamUnreachableError, BadUpstreamAnswerError)):
        await ask(client)
    assert len(upstream.asked) == 3


async def test_zero_retries_is_one_attempt(upstream: FakeUpstream, policy: ClientPolicy) -> None:
    policy = dataclasses.replace(policy, attempts=AttemptPolicy(most=0, backoff_s=0))
    upstream.script = always(HTML_503)
    async with client_of(policy, upstream) as client:
        with pytest.raises(BadUpstreamAnswerError, match="503"):
            await ask(client)
    assert len(upstream.asked) == 1


async def test_a_timeout_is_not_tried_again(upstream: FakeUpstream, policy: ClientPolicy) -> None:
    upstream.script = always(never)
    async with client_of(dataclasses.replace(policy, request_timeout_s=0.3), upstream) as client:
        with pytest.raises(QueryTimeoutError, match=r"--upstream\.request-timeout"):
            await ask(client)
        assert len(upstream.asked) == 1
        await upstream.until(lambda: upstream.asked[0].left)


async def test_a_body_that_never_ends_runs_into_the_same_timeout(
    upstream: FakeUpstream, policy: ClientPolicy
) -> None:
    upstream.script = always(drip([b"{", b" ", b" "], 0.04))
    async with client_of(dataclasses.replace(policy, request_timeout_s=0.05), upstream) as client:
        with pytest.raises(QueryTimeoutError):
            await ask(client)


async def test_nobody_there_is_unreachable(policy: ClientPolicy) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = FakeUpstream(f"http://127.0.0.1:{unused.getsockname()[1]}")
        async with client_of(policy, nobody) as client:
            with pytest.raises(UpstreamUnreachableError, match="cannot be reached"):
                await client.ask(PATH, FORM, CALLER, as_it_is)
            assert not await client.is_ready(1)


GZIP = {"Content-Encoding": "gzip"}
NO_ANSWERS = {
    "redirect": reply(302, b"", headers={"Location": "http://127.0.0.1:1/login"}),
    "another protocol": raw_bytes(b"SSH-2.0-OpenSSH\r\n"),
    "bad header": raw_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
    "truncated gzip": reply(200, gzip.compress(b"{}" * 100)[:-9], headers=GZIP),
    "broken gzip": reply(200, gzip.compress(b"{}")[:10] + b"\xff" * 50, headers=GZIP),
    "error page": reply(500, b"<html>", "text/html"),
    "no content": reply(204, b""),
}


@pytest.mark.parametrize("behaviour", NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_an_answer_that_is_none_is_the_upstreams_fault(
    client: ThanosClient, upstream: FakeUpstream, behaviour: Behaviour
) -> None:
    upstream.script = always(behaviour)
    with pytest.raises(BadUpstreamAnswerError):
        await ask(client)
    assert len(upstream.asked) == 1


async def test_an_answer_that_breaks_off_is_none(client: ThanosClient, upstream: FakeUpstream) -> None:
    upstream.script = always(broken_off(b'{"status":"succ', 100))
    with pytest.raises(UpstreamUnreachableError, match="broke off"):
        await ask(client)
    assert len(upstream.asked) == 3


async def test_gzip_is_asked_for_and_inflated(upstream: FakeUpstream, policy: ClientPolicy) -> None:
    upstream.script = always(gzipped(b'{"a":1}' * 1000))
    async with client_of(dataclasses.replace(policy, ask_for_gzip=True), upstream) as client:
        assert await ask(client) == b'{"a":1}' * 1000
    assert upstream.asked[0].header("Accept-Encoding") == ["gzip"]


@pytest.mark.parametrize("is_gzip", [False, True])
@pytest.mark.parametrize(("size", "fits"), [(100_000, True), (100_001, False), (10_000_000, False)])
async def test_an_answer_has_a_largest_size_whatever_its_encoding(
    client: ThanosClient, upstream: FakeUpstream, is_gzip: bool, size: int, fits: bool
) -> None:
    body = b" " * size
    upstream.script = always(gzipped(body) if is_gzip else reply(200, body))
    if fits:
        assert await ask(client) == body
        return
    with pytest.raises(LimitError, match=r"100000 bytes .*--upstream\.max-response-bytes"):
        await ask(client)


async def test_an_answer_says_which_address_gave_it(
    client: ThanosClient, upstream: FakeUpstream
) -> None:
    upstream.script = always(OK)
    assert (await client.ask(PATH, FORM, CALLER, as_it_is)).url == upstream.url


async def test_no_store_is_noticed(client: ThanosClient, upstream: FakeUpstream) -> None:
    upstream.script = in_turn(reply(200, b"{}", headers={"Cache-Control": "private, no-store"}), OK)
    assert (await client.ask(PATH, FORM, CALLER, as_it_is)).no_store
    assert not (await client.ask(PATH, FORM, CALLER, as_it_is)).no_store


async def test_who_leaves_takes_his_request_along(client: ThanosClient, upstream: FakeUpstream) -> None:
    upstream.script = always(never)
    task = asyncio.create_task(ask(client))
    await upstream.until(lambda: bool(upstream.asked))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await upstream.until(lambda: upstream.asked[0].left)


async def test_who_leaves_in_the_middle_of_a_body_ends_the_connection(
    client: ThanosClient, upstream: FakeUpstream
) -> None:
    upstream.script = always(drip([b"{"] * 1000, 0.01))
    async with client.forward("GET", "/x", CALLER, None, opened) as answer:
        assert await anext(answer.chunks()) == b"{"
    await upstream.until(lambda: upstream.asked[0].left)
    assert upstream.open_connections() == 0


async def test_a_connection_is_used_again(client: ThanosClient, upstream: FakeUpstream) -> None:
    upstream.script = always(OK)
    for _ in range(5):
        await ask(client)
    assert upstream.open_connections() == 1


async def test_no_more_connections_are_opened_than_permitted(
    client: ThanosClient, upstream: FakeUpstream
) -> None:
    upstream.script = always(after(0.02, OK))
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, upstream.open_connections())
            await asyncio.sleep(0.002)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(ask(client) for _ in range(30)))
    watching.cancel()
    assert most == 10


@pytest.mark.parametrize(("status", "is_ready"), [(200, True), (503, False), (302, False)])
async def test_ready_is_what_the_upstream_says(
    client: ThanosClient, upstream: FakeUpstream, status: int, is_ready: bool
) -> None:
    upstream.script = always(reply(status, b"", headers={"Location": "/login"}))
    assert await client.is_ready(1) is is_ready
    assert upstream.asked[0].path == "/-/ready"


async def test_an_upstream_that_does_not_answer_is_not_ready(
    client: ThanosClient, upstream: FakeUpstream
) -> None:
    upstream.script = always(never)
    assert not await client.is_ready(0.05)


async def test_a_path_of_the_upstream_stands_before_every_path(
    upstream: FakeUpstream, policy: ClientPolicy
) -> None:
    upstream.script = always(OK)
    async with client_of(policy, FakeUpstream(f"{upstream.url}/thanos/")) as client:
        await ask(client)
    assert upstream.asked[0].raw_path == f"/thanos{PATH}"


async def test_the_clocks_of_addresses_are_compared_with_ours(
    upstream: FakeUpstream, client: ThanosClient
) -> None:
    candidate = client.pool.candidates[0]
    ahead = {"Date": formatdate(time.time() + 60, usegmt=True)}
    upstream.script = always(reply(200, b"", "text/plain", ahead))
    await client.probe(candidate, 1.0)
    assert 58_000 < (candidate.signs.skew.least_ms or 0) < 61_000
