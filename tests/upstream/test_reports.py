"""What addresses say of themselves: stores of several as one look, readiness, checks."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from proxy.errors import BadUpstreamAnswerError, QueryError, UpstreamUnreachableError
from proxy.plan.breaker import State
from proxy.upstream.addresses import Endpoint
from proxy.upstream.reports import Reports
from tests.fakes import Asked, Behaviour, FakeUpstream, Script, after, always, never, reply, reset
from tests.upstream.conftest import client_of

if TYPE_CHECKING:
    from proxy.upstream.client import ClientPolicy, ThanosClient

OK = reply(200, b"{}")
NOT_FOUND = reply(404, b"404 page not found", "text/plain")


def listing(*names: str) -> Behaviour:
    stores = [
        {"name": name, "labelSets": [{"of": name}], "minTime": 0, "maxTime": 9, "lastError": None}
        for name in names
    ]
    body = json.dumps({"status": "success", "data": {"sidecar": stores}})
    return reply(200, body.encode())


def since(started: str) -> Behaviour:
    return reply(200, json.dumps({"data": {"startTime": started}}).encode())


def thanos(stores: Behaviour, started: str = "", ready: Behaviour = OK) -> Script:
    paths = {
        "/api/v1/stores": stores,
        "/api/v1/status/runtimeinfo": since(started) if started else NOT_FOUND,
        "/-/ready": ready,
    }
    return lambda asked: paths[asked.path]


def eject(client: ThanosClient, upstream: FakeUpstream) -> None:
    one = next(one for one in client.pool.candidates if one.endpoint.url == upstream.url)
    for _ in range(5):
        client.pool.fail(one)
    assert one.breaker.state is State.OPEN


def answers(client: ThanosClient, upstream: FakeUpstream) -> None:
    """An address has answered a question."""
    client.pool.succeed(next(o for o in client.pool.candidates if o.endpoint.url == upstream.url))


async def test_what_one_address_does_not_list_is_not_there(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    one, two, three = upstreams
    one.script = three.script = thanos(listing("a", "b"))
    two.script = thanos(listing("b"))
    async with client_of(policy, *upstreams) as client:
        look = await client.stores()
        assert look is not None
        assert [store.address for store in look.stores] == ["b"]
        assert not look.has_lost_sight


async def test_an_ejected_address_is_not_asked_and_only_what_it_answered_is_in_doubt(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    for one in upstreams:
        one.script = thanos(listing("a"))
    async with client_of(policy, *upstreams) as client:
        for one in upstreams:
            answers(client, one)
        look = await client.stores()
        assert look is not None
        assert not look.has_lost_sight, "all that answered were asked"
        eject(client, upstreams[0])
        asked = len(upstreams[0].asked)
        answers(client, upstreams[1])
        look = await client.stores()
        assert look is not None
        assert not look.has_lost_sight, "it had answered nothing since"
        assert len(upstreams[0].asked) == asked


@pytest.mark.parametrize("way", ["ejected", "gone", "gone and back"])
async def test_an_address_that_answered_and_cannot_be_asked_any_more_puts_that_in_doubt_once(
    upstreams: list[FakeUpstream], policy: ClientPolicy, way: str
) -> None:
    for one in upstreams:
        one.script = thanos(listing("a"))
    async with client_of(policy, *upstreams) as client:
        answers(client, upstreams[0])
        if way == "ejected":
            eject(client, upstreams[0])
        else:
            client.pool.set_endpoints([Endpoint(one.url) for one in upstreams[1:]])
        if way == "gone and back":
            client.pool.set_endpoints([Endpoint(one.url) for one in upstreams])
        looks = [await client.stores(), await client.stores()]
        assert [look and look.has_lost_sight for look in looks] == [True, False]


async def test_a_look_that_fails_forgets_nobody_who_answered(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    one, two, three = upstreams
    one.script = two.script = thanos(listing("a"))
    three.script = thanos(reset)
    async with client_of(policy, *upstreams) as client:
        answers(client, three)
        with pytest.raises(QueryError):
            await client.stores()
        eject(client, three)
        look = await client.stores()
        assert look is not None
        assert look.has_lost_sight


async def test_a_look_that_is_cancelled_forgets_nobody_who_answered(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    for one in upstreams:
        one.script = thanos(never)
    async with client_of(policy, *upstreams) as client:
        answers(client, upstreams[0])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.stores()
        assert {one.endpoint.url for one in client.pool.take_answered()} == {upstreams[0].url}


async def test_an_address_that_has_started_anew_puts_what_was_answered_in_doubt(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    for one in upstreams:
        one.script = thanos(listing("a"), "monday")
    async with client_of(policy, *upstreams) as client:
        looks = [await client.stores(), await client.stores()]
        upstreams[1].script = thanos(listing("a"), "tuesday")
        looks += [await client.stores(), await client.stores()]
        assert [look and look.has_lost_sight for look in looks] == [False, False, True, False]


async def test_where_no_address_has_the_endpoint_there_are_no_stores(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    for one in upstreams:
        one.script = thanos(NOT_FOUND)
    async with client_of(policy, *upstreams) as client:
        assert await client.stores() is None


async def test_where_only_some_have_the_endpoint_the_answers_of_the_others_are_in_doubt(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    one, two, three = upstreams
    one.script = two.script = thanos(listing("a"))
    three.script = thanos(NOT_FOUND)
    async with client_of(policy, *upstreams) as client:
        looks = [await client.stores()]
        answers(client, three)
        looks += [await client.stores()]
        assert [look and look.has_lost_sight for look in looks] == [False, True]


async def test_no_address_is_not_an_upstream_without_stores(policy: ClientPolicy) -> None:
    async with client_of(policy) as client:
        with pytest.raises(UpstreamUnreachableError, match="no address"):
            await client.stores()
        assert not await client.is_ready(1)


async def test_one_address_that_is_ready_is_enough_and_nobody_waits_for_the_others(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    upstreams[0].script = upstreams[1].script = always(never)
    upstreams[2].script = always(after(0.02, OK))
    async with client_of(policy, *upstreams) as client:
        async with asyncio.timeout(1):
            assert await client.is_ready(30)
        for one in upstreams[:2]:
            await one.until(lambda one=one: one.asked[0].left)  # type: ignore[misc]


async def test_no_address_that_is_ready_is_none(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    upstreams[0].script = always(never)
    upstreams[1].script = always(reply(503, b""))
    upstreams[2].script = always(reset)
    async with client_of(policy, *upstreams) as client:
        assert not await client.is_ready(0.1)


async def test_who_leaves_while_it_is_asked_leaves_no_question_behind(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    for one in upstreams:
        one.script = always(never)
    async with client_of(policy, *upstreams) as client:
        ready = asyncio.create_task(client.is_ready(30))
        await upstreams[0].until(lambda: all(one.asked for one in upstreams))
        ready.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ready
        await upstreams[0].until(lambda: all(one.asked[0].left for one in upstreams))


@pytest.mark.parametrize(
    ("ready", "text"),
    [(reply(503, b""), "not ready"), (reset, "cannot be reached"), (OK, ""), (NOT_FOUND, "")],
    ids=["503", "reset", "ready", "no such path"],
)
async def test_a_check_asks_whether_it_is_ready_and_remembers_the_answer(
    client: ThanosClient, upstream: FakeUpstream, ready: Behaviour, text: str
) -> None:
    upstream.script = always(ready)
    (one,) = client.pool.candidates
    one.breaker.needs_probe = True
    reports = Reports(client.pool, client._ask_one)
    if text:
        with pytest.raises(UpstreamUnreachableError, match=text):
            await reports.check(one)
    else:
        await reports.check(one)
    assert one.breaker.needs_probe is bool(text)


async def test_a_connection_that_breaks_while_a_process_starts_is_checked_again(
    client: ThanosClient, upstream: FakeUpstream
) -> None:
    turns: list[Asked] = []

    def script(asked: Asked) -> Behaviour:
        turns.append(asked)
        return OK if len(turns) == 3 else reset

    upstream.script = script
    await Reports(client.pool, client._ask_one).check(client.pool.candidates[0])


async def test_an_address_is_not_asked_with_anybodys_headers(
    client: ThanosClient, upstream: FakeUpstream
) -> None:
    upstream.script = thanos(listing("a"))
    await client.stores()
    assert {name for name, _ in upstream.asked[0].headers} == {"Host", "Accept-Encoding"}


async def test_an_address_whose_list_of_stores_has_become_garbage_gets_no_work(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    for one in upstreams:
        one.script = thanos(listing("a"))
    async with client_of(policy, *upstreams) as client:
        assert await client.stores()
        upstreams[0].script = thanos(reply(200, b"<html>"))
        for _ in range(5):
            with pytest.raises(BadUpstreamAnswerError):
                await client.stores()
        look = await client.stores()
        assert look is not None
        assert len(client.pool.in_rotation) == 2


async def test_who_has_never_listed_stores_is_not_blamed_for_that(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    upstreams[0].script = thanos(reply(200, b"<html>sign in</html>"))
    async with client_of(policy, upstreams[0], upstreams[1]) as client:
        for _ in range(20):
            with pytest.raises(BadUpstreamAnswerError):
                await client.stores()
        assert all(one.breaker.state is State.CLOSED for one in client.pool.candidates)
