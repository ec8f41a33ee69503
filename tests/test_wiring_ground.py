"""What the engine stands on is made as the settings say."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from proxy.engine.clock import SystemClock
from proxy.errors import LimitError, TooManyRequestsError
from proxy.machine import memory_bytes
from proxy.settings import Settings
from proxy.wiring_access import open_access
from proxy.wiring_ground import open_ground
from proxy.worker import COUNT_VARIABLE
from tests.fakes import FakeUpstream, fake_upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from proxy.wiring_reads import Ground

MB = 1 << 20
QUIET: dict[str, Any] = {"stores_interval_ms": 0, "probe_interval_ms": 0}


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as fake:
        yield fake


async def opened(parts: AsyncExitStack, urls: tuple[str, ...], **changes: Any) -> Ground:
    settings = Settings(**{**QUIET, **changes})
    access = open_access(settings, parts)
    return await open_ground(settings, urls, SystemClock(), access, parts)


async def test_memory_in_flight_is_bounded_as_the_setting_says(upstream: FakeUpstream) -> None:
    async with AsyncExitStack() as parts:
        ground = await opened(parts, (upstream.url,), memory_in_flight_bytes=10 * MB, max_wait_ms=5)
        assert ground.memory.in_flight_bytes == 10 * MB
        holder = ground.admission.open()
        await holder.grow(7 * MB)
        with pytest.raises(TooManyRequestsError):
            await ground.admission.open().grow(5 * MB)
        with pytest.raises(LimitError):
            await ground.admission.open().grow(9 * MB)


async def test_without_a_setting_memory_is_a_part_of_what_the_machine_allows(
    upstream: FakeUpstream,
) -> None:
    async with AsyncExitStack() as parts:
        memory = (await opened(parts, (upstream.url,))).memory
        given = memory.cache_bytes + 2 * memory.memo_bytes + memory.in_flight_bytes
        assert memory.in_flight_bytes > 0
        assert given < memory_bytes()


async def test_a_cache_that_is_configured_is_as_large_as_it_says(upstream: FakeUpstream) -> None:
    async with AsyncExitStack() as parts:
        config = "{type: IN-MEMORY, config: {max_size: 7MB}}"
        ground = await opened(parts, (upstream.url,), cache_config=config)
        assert ground.memory.cache_bytes == 7_000_000 or ground.memory.cache_bytes == 7 * MB


async def test_as_many_run_and_wait_as_the_settings_say(upstream: FakeUpstream) -> None:
    async with AsyncExitStack() as parts:
        ground = await opened(
            parts, (upstream.url,), max_concurrent=2, max_tenant_concurrent=1, max_waiting=0
        )
        async with ground.admission.enter("a"), ground.admission.enter("b"):
            with pytest.raises(TooManyRequestsError, match=r"--limits\.max-concurrent"):
                async with ground.admission.enter("c"):
                    pass


async def test_turns_and_connections_are_divided_among_workers(
    upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(COUNT_VARIABLE, "4")
    rules = tmp_path / "limits.yaml"
    rules.write_text("tenants: {large: {max_concurrent_per_tenant: 8}}")
    async with AsyncExitStack() as parts:
        ground = await opened(
            parts,
            (upstream.url,),
            max_concurrent=12,
            max_tenant_concurrent=4,
            max_waiting=0,
            limits_config_file=str(rules),
        )
        async with ground.admission.enter("a"):
            with pytest.raises(TooManyRequestsError):
                await parts.enter_async_context(ground.admission.enter("a"))
            async with ground.admission.enter("large"), ground.admission.enter("large"):
                with pytest.raises(TooManyRequestsError):
                    await parts.enter_async_context(ground.admission.enter("b"))


async def test_all_addresses_are_known_before_the_first_request(upstream: FakeUpstream) -> None:
    async with fake_upstream() as other, AsyncExitStack() as parts:
        ground = await opened(parts, (upstream.url, other.url))
        urls = {candidate.endpoint.url for candidate in ground.client.pool.candidates}
        assert urls == {upstream.url, other.url}


async def test_without_looks_at_the_stores_every_answer_is_trusted(upstream: FakeUpstream) -> None:
    async with AsyncExitStack() as parts:
        ground = await opened(parts, (upstream.url,))
        assert not ground.watch.is_watched
