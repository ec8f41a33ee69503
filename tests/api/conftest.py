"""A proxy that keeps nothing, and the upstream behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients import Proxy, running
from tests.fakes import FakeUpstream, fake_upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as fake:
        yield fake


@pytest.fixture
async def proxy(upstream: FakeUpstream) -> AsyncIterator[Proxy]:
    async with running(upstream.url) as started:
        yield started
