"""A client and what it talks to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.upstream.client import ClientPolicy, ThanosClient
from tests.fakes import FakeUpstream, fake_upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as running:
        yield running


@pytest.fixture
def policy() -> ClientPolicy:
    return ClientPolicy(
        max_connections=10,
        connect_timeout_s=1,
        request_timeout_s=5,
        max_attempts=3,
        retry_backoff_s=0.001,
        max_response_bytes=100_000,
        ask_for_gzip=False,
    )


@pytest.fixture
async def client(upstream: FakeUpstream, policy: ClientPolicy) -> AsyncIterator[ThanosClient]:
    client = ThanosClient(upstream.url, policy)
    yield client
    await client.close()
