"""Every address is asked again and again whether it is ready."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from proxy.plan.breaker import State
from proxy.upstream.addresses import Endpoint
from proxy.upstream.probes import probe_addresses
from tests.fakes import FakeUpstream, always, never, reply, reset
from tests.upstream.conftest import client_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxy.upstream.client import ClientPolicy, ThanosClient

OK = reply(200, b"ok")
INTERVAL_S = 0.01


@asynccontextmanager
async def probing(client: ThanosClient, interval_s: float = INTERVAL_S) -> AsyncIterator[None]:
    task = asyncio.create_task(probe_addresses(client, interval_s))
    yield
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def state(client: ThanosClient, upstream: FakeUpstream) -> State:
    return next(o.breaker.state for o in client.pool.candidates if o.endpoint.url == upstream.url)


@pytest.mark.parametrize("ill", [reply(503, b""), reset, reply(500, b"")], ids=["503", "reset", "500"])
async def test_an_address_that_is_not_ready_gets_no_work_until_it_is(
    upstreams: list[FakeUpstream], policy: ClientPolicy, ill: object
) -> None:
    for one in upstreams:
        one.script = always(OK)
    upstreams[0].script = always(ill)  # type: ignore[arg-type]
    async with client_of(policy, *upstreams) as client, probing(client):
        await upstreams[0].until(lambda: state(client, upstreams[0]) is State.OPEN)
        assert state(client, upstreams[1]) is State.CLOSED
        assert len(client.pool.in_rotation) == 2
        upstreams[0].script = always(OK)
        asked = len(upstreams[0].asked)
        await upstreams[0].until(lambda: len(upstreams[0].asked) > asked + 2)
        breaker = client.pool.candidates[0].breaker
        assert breaker.allows(10**15), "after its pause it may be tried"


@pytest.mark.parametrize("status", [200, 302, 404])
async def test_who_does_not_know_the_question_is_as_good_as_ready(
    upstream: FakeUpstream, client: ThanosClient, status: int
) -> None:
    upstream.script = always(reply(status, b"", headers={"Location": "/login"}))
    async with probing(client):
        await upstream.until(lambda: len(upstream.asked) > 5)
    assert state(client, upstream) is State.CLOSED
    assert {asked.path for asked in upstream.asked} == {"/-/ready"}


async def test_addresses_that_hang_delay_the_others_by_no_more_than_the_timeout(
    upstreams: list[FakeUpstream], policy: ClientPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.upstream.probes._LEAST_TIMEOUT_S", 0.1)
    upstreams[0].script = upstreams[1].script = always(never)
    upstreams[2].script = always(OK)
    async with client_of(policy, *upstreams) as client, probing(client):
        began_s = time.monotonic()
        await upstreams[2].until(lambda: len(upstreams[2].asked) >= 4)
        assert 0.3 < time.monotonic() - began_s < 0.9
        await upstreams[0].until(lambda: state(client, upstreams[0]) is State.OPEN)
        assert state(client, upstreams[2]) is State.CLOSED


async def test_a_broken_connection_is_news_that_is_not_waited_for(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    for one in upstreams:
        one.script = always(OK)
    async with client_of(policy, *upstreams) as client, probing(client, interval_s=60):
        await upstreams[0].until(lambda: all(len(one.asked) == 1 for one in upstreams))
        client.pool.fail(client.pool.candidates[0], is_refused=True)
        assert client.pool.candidates[0].breaker.needs_probe
        await upstreams[0].until(lambda: len(upstreams[0].asked) == 2)
        await upstreams[0].until(lambda: not client.pool.candidates[0].breaker.needs_probe)
        assert [len(one.asked) for one in upstreams] == [2, 1, 1], "only who is in doubt"


async def test_addresses_that_come_are_probed_and_those_that_go_are_not(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    for one in upstreams:
        one.script = always(OK)
    async with client_of(policy, upstreams[0]) as client, probing(client):
        await upstreams[0].until(lambda: len(upstreams[0].asked) > 1)
        client.pool.set_endpoints(())
        await asyncio.sleep(0.03)
        asked = len(upstreams[0].asked)
        client.pool.set_endpoints([Endpoint(upstreams[1].url)])
        await upstreams[1].until(lambda: len(upstreams[1].asked) > 2)
        assert len(upstreams[0].asked) == asked
