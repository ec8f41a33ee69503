"""Clients, and what they talk to."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from proxy.engine.memory import MemoryBudget, MemoryPolicy
from proxy.upstream.addresses import Endpoint
from proxy.upstream.attempts import AttemptPolicy
from proxy.upstream.client import ClientPolicy, ThanosClient
from tests.fakes import FakeUpstream, fake_upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxy.engine.ports import OpenAnswer, UpstreamAnswer
    from proxy.engine.ticket import Ticket


class Open:
    """`engine.ports.Admission` that lets everybody in, and counts memory."""

    def __init__(self, total_bytes: int = 100 << 20) -> None:
        self.memory = MemoryBudget(MemoryPolicy(total_bytes, max_wait_ms=100))
        self.inside = 0
        self.tenants: list[str] = []

    @asynccontextmanager
    async def enter(self, tenant: str) -> AsyncIterator[None]:
        self.tenants.append(tenant)
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    def open(self) -> Ticket:
        return self.memory.open()


@asynccontextmanager
async def client_of(
    policy: ClientPolicy, *upstreams: FakeUpstream, admission: Open | None = None
) -> AsyncIterator[ThanosClient]:
    """A client of these; none of its requests is left at the end."""
    client = ThanosClient(policy, admission or Open())
    client.pool.set_endpoints([Endpoint(one.url) for one in upstreams])
    try:
        yield client
        assert [one.in_flight for one in client.pool.candidates] == [0] * len(client.pool.candidates)
    finally:
        await client.close()


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as running:
        yield running


@pytest.fixture
async def upstreams() -> AsyncIterator[list[FakeUpstream]]:
    async with fake_upstream() as one, fake_upstream() as two, fake_upstream() as three:
        yield [one, two, three]


@pytest.fixture
def policy() -> ClientPolicy:
    return ClientPolicy(
        max_connections=10,
        connect_timeout_s=1,
        request_timeout_s=5,
        max_response_bytes=100_000,
        ask_for_gzip=False,
        attempts=AttemptPolicy(most=3, backoff_s=0.001),
    )


@pytest.fixture
async def client(upstream: FakeUpstream, policy: ClientPolicy) -> AsyncIterator[ThanosClient]:
    async with client_of(policy, upstream) as client:
        yield client


async def as_it_is(answer: UpstreamAnswer) -> UpstreamAnswer:
    """Makes nothing else of an answer."""
    return answer


async def opened(answer: OpenAnswer) -> OpenAnswer:
    """Believes an answer whose body nobody has read."""
    return answer
