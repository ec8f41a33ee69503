"""The client with several addresses: dead, hanging and vanishing ones, and what is held meanwhile."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from typing import TYPE_CHECKING

import pytest

from proxy.errors import (
    BadUpstreamAnswerError,
    LimitError,
    QueryError,
    QueryTimeoutError,
    TooManyRequestsError,
    UpstreamAnswerError,
    UpstreamUnreachableError,
)
from proxy.model.query import Caller
from proxy.plan.breaker import State
from proxy.upstream.addresses import Endpoint
from proxy.upstream.attempts import AttemptPolicy
from tests.fakes import (
    ERROR_JSON,
    Behaviour,
    FakeUpstream,
    after,
    always,
    broken_off,
    drip,
    never,
    reply,
    reset,
)
from tests.upstream.conftest import Open, as_it_is, client_of, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxy.engine.ports import UpstreamAnswer
    from proxy.upstream.client import ClientPolicy, ThanosClient

PATH = "/api/v1/query"
CALLER = Caller(())
BODY = b'{"status":"success"}' + b" " * 10_000
OK = reply(200, BODY)
BUFFERS_BYTES = 1 << 19


@pytest.fixture
def policy(policy: ClientPolicy) -> ClientPolicy:
    """One that asks elsewhere soon."""
    attempts = AttemptPolicy(most=3, backoff_s=0.001, unknown_hedge_ms=30)
    return dataclasses.replace(policy, attempts=attempts)


def asked(upstreams: list[FakeUpstream]) -> int:
    return sum(len(one.asked) for one in upstreams)


def script_all(upstreams: list[FakeUpstream], behaviour: Behaviour) -> None:
    for one in upstreams:
        one.script = always(behaviour)


@pytest.mark.parametrize(
    "ill",
    [
        pytest.param(reset, id="reset"),
        pytest.param(broken_off(BODY[:5000], 10_000), id="half a body"),
        pytest.param(reply(502, b"<html>"), id="502"),
        pytest.param(never, id="hangs"),
        pytest.param(drip([b"{"] * 1000, 0.02), id="drips"),
    ],
)
async def test_with_one_of_three_ill_no_question_fails_and_memory_is_counted_once(
    upstreams: list[FakeUpstream], policy: ClientPolicy, ill: Behaviour
) -> None:
    script_all(upstreams, OK)
    upstreams[0].script = always(ill)
    admission = Open()
    async with client_of(policy, *upstreams, admission=admission) as client:
        for _ in range(20):
            answer = await client.ask(PATH, b"query=up", CALLER, as_it_is, "kind")
            assert answer.body == BODY
            assert answer.memory.held_bytes == BUFFERS_BYTES + 2 * len(BODY)
            answer.memory.close()
            assert admission.memory.used_bytes == 0
        assert len(upstreams[0].asked) <= 6, "it is ejected, or given little because it is slow"
        assert admission.inside == 0
        await upstreams[0].until(lambda: upstreams[0].running == 0)


async def understood(answer: UpstreamAnswer) -> UpstreamAnswer:
    if answer.body != BODY:
        raise BadUpstreamAnswerError("garbage")
    return answer


@pytest.mark.parametrize(
    "ill",
    [
        pytest.param(reply(200, b"<html>" * 5_000, "text/html"), id="a page"),
        pytest.param(reply(200, b""), id="nothing"),
        pytest.param(reply(200, BODY[:-5]), id="half a body"),
        pytest.param(reply(302, b"", headers={"Location": "/login"}), id="a redirect"),
        pytest.param(reply(200, b"hello", headers={"Content-Encoding": "gzip"}), id="no gzip"),
    ],
)
async def test_what_its_reader_calls_no_answer_is_asked_for_elsewhere_and_held_by_nobody(
    upstreams: list[FakeUpstream], policy: ClientPolicy, ill: Behaviour
) -> None:
    script_all(upstreams, OK)
    upstreams[0].script = always(ill)
    admission = Open()
    async with client_of(policy, *upstreams, admission=admission) as client:
        for _ in range(60):
            answer = await client.ask(PATH, b"query=up", CALLER, understood, "kind")
            assert answer.memory.held_bytes == BUFFERS_BYTES + 2 * len(BODY)
            answer.memory.close()
            assert admission.memory.used_bytes == 0
        assert len(upstreams[0].asked) <= 6, "it is ejected"


async def test_what_nobody_answers_is_raised_and_held_by_nobody(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    script_all(upstreams, reply(200, b"<html>"))
    admission = Open()
    async with client_of(policy, *upstreams, admission=admission) as client:
        for number in range(1, 6):
            with pytest.raises(BadUpstreamAnswerError):
                await client.ask(PATH, b"", CALLER, understood, "kind")
            assert asked(upstreams) == 2 * number
            assert admission.memory.used_bytes == 0
        assert len(client.pool.in_rotation) == 3


async def test_a_hedge_that_has_lost_after_its_body_was_there_holds_no_memory(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    at_once = asyncio.Event()
    script_all(upstreams, after(at_once, OK))
    admission = Open()
    async with client_of(policy, *upstreams, admission=admission) as client:
        for _ in range(10):
            at_once.clear()
            before = asked(upstreams)
            asking = asyncio.create_task(client.ask(PATH, b"", CALLER, as_it_is, "kind"))
            await upstreams[0].until(lambda before=before: asked(upstreams) >= before + 2)  # type: ignore[misc]
            at_once.set()
            answer = await asking
            assert answer.memory.held_bytes == BUFFERS_BYTES + 2 * len(BODY)
            answer.memory.close()
        assert admission.memory.used_bytes == 0


async def test_a_gateways_page_holds_no_memory_while_another_is_asked(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    pages = iter([reply(502, b"x" * 50_000), reply(502, b"x" * 50_000), OK])
    for one in upstreams:
        one.script = lambda _asked: next(pages)
    async with client_of(policy, *upstreams) as client:
        answer = await client.ask(PATH, b"", CALLER, as_it_is)
        assert answer.memory.held_bytes == BUFFERS_BYTES + 2 * len(BODY)


async def test_when_all_fail_nothing_is_held(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    admission = Open()
    async with client_of(policy, *upstreams, admission=admission) as client:
        for behaviour in (
            reset,
            reply(502, b"x" * 9000),
            reply(422, ERROR_JSON),
            reply(200, b"x" * 200_000),
        ):
            script_all(upstreams, behaviour)
            with pytest.raises(QueryError):
                await client.ask(PATH, b"", CALLER, as_it_is, "kind")
            assert (admission.memory.used_bytes, admission.inside) == (0, 0)


async def test_no_memory_is_no_fault_of_the_address_and_is_not_asked_for_again_elsewhere(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    script_all(upstreams, reply(200, b"x" * 90_000))
    admission = Open(total_bytes=BUFFERS_BYTES + 100_000)
    async with client_of(policy, *upstreams, admission=admission) as client:
        for _ in range(20):
            with pytest.raises((TooManyRequestsError, LimitError)):
                await client.ask(PATH, b"", CALLER, as_it_is, "kind")
        assert asked(upstreams) == 20
        assert {one.breaker.state for one in client.pool.candidates} == {State.CLOSED}
        assert admission.memory.used_bytes == 0


@pytest.mark.parametrize("behaviour", [never, drip([b"{"] * 1000, 0.01)], ids=["headers", "body"])
async def test_who_leaves_takes_all_attempts_along(
    upstreams: list[FakeUpstream], policy: ClientPolicy, behaviour: Behaviour
) -> None:
    script_all(upstreams, behaviour)
    admission = Open()
    async with client_of(policy, *upstreams, admission=admission) as client:
        asking = asyncio.create_task(client.ask(PATH, b"", CALLER, as_it_is, "kind"))
        await upstreams[0].until(lambda: asked(upstreams) == 2)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (admission.memory.used_bytes, admission.inside) == (0, 0)
        for one in upstreams:
            await one.until(lambda one=one: one.open_connections() == 0)  # type: ignore[misc]


async def test_the_deadline_ends_all_attempts(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    script_all(upstreams, never)
    async with client_of(policy, *upstreams) as client:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        with pytest.raises(QueryTimeoutError):
            await client.ask(PATH, b"", Caller((), deadline_s=began_s + 0.1), as_it_is, "kind")
        assert 0.3 < loop.time() - began_s < 1
        assert asked(upstreams) == 2
        for one in upstreams:
            await one.until(lambda one=one: one.open_connections() == 0)  # type: ignore[misc]


async def test_a_deadline_that_has_passed_already_asks_nobody_twice(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    script_all(upstreams, never)
    past = Caller((), deadline_s=asyncio.get_running_loop().time() - 10)
    async with client_of(policy, *upstreams) as client:
        with pytest.raises(QueryTimeoutError):
            await client.ask(PATH, b"", past, as_it_is, "kind")
        assert asked(upstreams) <= 1


async def test_an_address_that_goes_away_answers_what_it_was_asked_and_nothing_else(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    go_on = asyncio.Event()
    script_all(upstreams, after(go_on, OK))
    calm = dataclasses.replace(policy, attempts=AttemptPolicy(most=1, backoff_s=0, hedge=False))
    async with client_of(calm, *upstreams) as client:
        running = [
            asyncio.create_task(client.ask(PATH, b"", CALLER, as_it_is, "kind")) for _ in range(9)
        ]
        await upstreams[0].until(lambda: asked(upstreams) == 9)
        going = len(upstreams[0].asked)
        assert going > 0
        client.pool.set_endpoints([Endpoint(one.url) for one in upstreams[1:]])
        go_on.set()
        for one in running:
            assert (await one).body == BODY
        for _ in range(20):
            await client.ask(PATH, b"", CALLER, as_it_is, "kind")
        assert len(upstreams[0].asked) == going


async def test_an_address_that_goes_away_ends_the_stream_that_it_began(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    upstreams[0].script = always(drip([b"a", b"b", b"c"], 0.02))
    async with (
        client_of(policy, upstreams[0]) as client,
        client.forward("GET", "/x", CALLER, None, opened) as answer,
    ):
        assert await anext(answer.chunks()) == b"a"
        client.pool.set_endpoints([Endpoint(upstreams[1].url)])
        assert b"".join([chunk async for chunk in answer.chunks()]) == b"bc"


async def test_what_is_passed_on_goes_elsewhere_too_when_an_address_is_dead_or_late(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    script_all(upstreams, OK)
    for ill in (reset, never):
        upstreams[0].script = always(ill)
        admission = Open()
        async with client_of(policy, *upstreams, admission=admission) as client:
            for body in (None, b"query=up") * 5:
                async with client.forward("POST", PATH, CALLER, body, opened) as answer:
                    assert b"".join([chunk async for chunk in answer.chunks()]) == BODY
                assert (admission.memory.used_bytes, admission.inside) == (0, 0)


async def test_a_body_that_is_still_arriving_is_sent_once(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"query="
        await asyncio.sleep(0.1)
        yield b"up"

    script_all(upstreams, reset)
    async with client_of(policy, *upstreams) as client:
        with pytest.raises(UpstreamUnreachableError):
            async with client.forward("POST", PATH, CALLER, pieces(), opened):
                raise AssertionError("there is no answer")
        assert asked(upstreams) == 1


async def test_an_address_that_was_looked_up_is_called_by_its_name(
    upstream: FakeUpstream, policy: ClientPolicy
) -> None:
    upstream.script = always(OK)
    async with client_of(policy, upstream) as client:
        client.pool.set_endpoints([Endpoint(upstream.url, "thanos.test:10902", "thanos.test")])
        await client.ask(PATH, b"", CALLER, as_it_is)
        assert upstream.asked[0].header("Host") == ["thanos.test:10902"]


async def test_the_upstreams_own_error_is_not_asked_for_elsewhere(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    script_all(upstreams, reply(503, ERROR_JSON))
    async with client_of(policy, *upstreams) as client:
        with pytest.raises(UpstreamAnswerError):
            await client.ask(PATH, b"", CALLER, as_it_is, "kind")
        assert asked(upstreams) == 1


async def one_client(chance: random.Random, client: ThanosClient) -> None:
    """Asks in one of three ways, with or without a deadline, and may leave."""

    async def ask() -> None:
        soon_s = asyncio.get_running_loop().time() + chance.random() * 0.1
        caller = Caller((), deadline_s=soon_s) if chance.random() < 0.3 else CALLER
        way = chance.random()
        try:
            if way < 0.4:
                (await client.ask(PATH, b"", caller, as_it_is, "a")).memory.close()
            elif way < 0.7:
                (await client.get(PATH, caller, as_it_is, "b")).memory.close()
            else:
                async with client.forward("GET", PATH, caller, None, opened) as answer:
                    await anext(answer.chunks(), b"")
        except QueryError:
            pass

    asking = asyncio.create_task(ask())
    if chance.random() < 0.3:
        await asyncio.sleep(chance.random() * 0.08)
        asking.cancel()
    await asyncio.wait([asking])
    assert asking.cancelled() or asking.exception() is None


@pytest.mark.parametrize("seed", range(3))
async def test_after_a_storm_nothing_is_held(
    upstreams: list[FakeUpstream], policy: ClientPolicy, seed: int
) -> None:
    chance = random.Random(seed)
    ways = [OK, OK, OK, after(0.05, OK), reset, never, broken_off(BODY[:99], 999), reply(502, b"")]
    ways += [reply(422, ERROR_JSON), reply(200, b"x" * 200_000), drip([b"{"] * 9, 0.01)]
    for one in upstreams:
        one.script = lambda _asked: chance.choice(ways)
    admission = Open()
    short = dataclasses.replace(policy, request_timeout_s=0.5, max_connections=100)
    async with client_of(short, *upstreams, admission=admission) as client:
        before = asyncio.all_tasks()
        await asyncio.gather(*(one_client(chance, client) for _ in range(150)))
        assert (admission.memory.used_bytes, admission.inside) == (0, 0)
        assert not any(one.breaker._trial_runs for one in client.pool.candidates)
        script_all(upstreams, OK)
        for one in upstreams:
            await one.until(lambda one=one: one.running == 0)  # type: ignore[misc]
        ours = [t for t in asyncio.all_tasks() - before if "proxy" in repr(t.get_coro())]
        assert ours == []
