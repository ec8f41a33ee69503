"""Answers that another worker was given: their memory, and whose they may be."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from proxy.engine.memory import MemoryBudget, MemoryPolicy
from proxy.errors import LimitError
from proxy.upstream.origin import PoolOrigin
from tests.upstream.conftest import client_of
from tests.upstream.test_reports import eject, listing, thanos

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from proxy.engine.ticket import Ticket
    from proxy.upstream.client import ClientPolicy
    from tests.fakes import FakeUpstream


class Memory:
    """An admission without turns."""

    def __init__(self, total_bytes: int) -> None:
        self.budget = MemoryBudget(MemoryPolicy(total_bytes, 5))

    def enter(self, _tenant: str) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def open(self) -> Ticket:
        return self.budget.open()


@pytest.mark.parametrize(
    ("given_by", "is_in_doubt"),
    [
        (lambda upstreams: upstreams[0].url, True),
        (lambda _upstreams: "", True),
        (lambda upstreams: upstreams[1].url, False),
    ],
    ids=["the ejected one", "not known", "another"],
)
async def test_an_answer_taken_over_may_be_of_an_address_that_is_not_asked_for_its_stores(
    upstreams: list[FakeUpstream],
    policy: ClientPolicy,
    given_by: Callable[[list[FakeUpstream]], str],
    is_in_doubt: bool,
) -> None:
    for upstream in upstreams:
        upstream.script = thanos(listing("a"))
    async with client_of(policy, *upstreams) as client:
        eject(client, upstreams[0])
        admission = Memory(1 << 24)
        origin = PoolOrigin(client.pool, admission)
        look = await client.stores()
        assert look is not None
        assert not look.has_lost_sight
        assert origin.addresses() == "\n".join(sorted(one.url for one in upstreams))
        memory = await origin.take_over(1_000, given_by(upstreams))
        assert admission.budget.used_bytes == 2_000
        look = await client.stores()
        assert look is not None
        assert look.has_lost_sight is is_in_doubt
        memory.close()
        assert admission.budget.used_bytes == 0


async def test_where_there_is_no_memory_for_it_none_is_held(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    async with client_of(policy, *upstreams) as client:
        admission = Memory(1 << 20)
        with pytest.raises(LimitError):
            await PoolOrigin(client.pool, admission).take_over(1 << 24, "")
        assert admission.budget.used_bytes == 0


async def test_a_look_that_begins_while_memory_is_waited_for_asks_that_address_too(
    upstreams: list[FakeUpstream], policy: ClientPolicy
) -> None:
    for upstream in upstreams:
        upstream.script = thanos(listing("a"))
    async with client_of(policy, *upstreams) as client:
        eject(client, upstreams[0])
        admission = Memory(1 << 24)
        full = admission.open()
        full.add(1 << 24)
        taking = PoolOrigin(client.pool, admission).take_over(1 << 16, upstreams[0].url)
        waiting = asyncio.ensure_future(taking)
        await asyncio.sleep(0)
        look = await client.stores()
        assert look is not None
        assert look.has_lost_sight
        full.close()
        (await waiting).close()
