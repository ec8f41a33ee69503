"""Ten faults, each staged against a running proxy: the first line names it within ten seconds."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.clients import running
from tests.fakes import FakeUpstream, after, fake_upstream, matrix, reply
from tests.status.staging import PULSE_S, Stage, load
from tests.store.cache_servers import memcached

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.fakes import Asked, Behaviour, Script

WATCHED: dict[str, Any] = {"probe_interval_ms": 100, "pulse_s": PULSE_S}
SLOW_S = 0.4
DEADLY = "deadly"


def thanos(
    answer: Behaviour | None = None, store_error: str | None = None, date_ahead_s: float = 0.0
) -> Script:
    """A Thanos Query: how it answers, what it says of its one store, how far its clock is ahead."""

    def script(asked: Asked) -> Behaviour:
        if asked.path == "/api/v1/stores":
            return reply(200, stores_json(store_error))
        if asked.path == "/-/ready":
            date = formatdate(time.time() + date_ahead_s, usegmt=True)
            return reply(200, b"", "text/plain", {"Date": date})
        if asked.path == "/api/v1/query_range":
            return answer or matrix()
        return reply(404, b"404 page not found", "text/plain")

    return script


def stores_json(error: str | None) -> bytes:
    store = {
        "name": "10.0.0.1:10901",
        "labelSets": [{"replica": "a"}],
        "minTime": 0,
        "maxTime": 9_000_000_000_000,
        "lastError": error,
    }
    return orjson.dumps({"status": "success", "data": {"sidecar": [store]}})


@pytest.fixture
async def upstreams() -> AsyncIterator[list[FakeUpstream]]:
    async with fake_upstream() as one, fake_upstream() as two, fake_upstream() as three:
        for upstream in (one, two, three):
            upstream.script = thanos()
        yield [one, two, three]


def urls(upstreams: list[FakeUpstream]) -> dict[str, Any]:
    return {"downstream_urls": tuple(upstream.url for upstream in upstreams)}


async def test_nothing_is_found_in_a_proxy_that_is_well(upstreams: list[FakeUpstream]) -> None:
    settings = {**WATCHED, **urls(upstreams), "cache_config": "", "stores_interval_ms": 50}
    async with running("", **settings) as proxy:
        stage = Stage(proxy)
        async with load(lambda n: proxy.range({"query": f"a + {n % 50}"}), at_once=5):
            assert await stage.watch(4) == set()


async def test_one_slow_upstream_is_named(upstreams: list[FakeUpstream]) -> None:
    async with running("", **WATCHED, **urls(upstreams)) as proxy:
        stage = Stage(proxy)
        async with load(lambda _: proxy.range(), at_once=6):
            assert await stage.watch(1) == set()
            upstreams[1].script = thanos(after(SLOW_S, matrix()))
            finding = await stage.named("upstream_slow")
            assert finding.subject == upstreams[1].url
            upstreams[1].script = thanos()
            await stage.gone("upstream_slow")


async def test_one_dead_upstream_is_named(upstreams: list[FakeUpstream]) -> None:
    async with AsyncExitStack() as mortal:
        dying = await mortal.enter_async_context(fake_upstream())
        dying.script = thanos()
        async with running("", **WATCHED, **urls([*upstreams, dying])) as proxy:
            stage = Stage(proxy)
            async with load(lambda _: proxy.range(), at_once=3):
                assert await stage.watch(0.5) == set()
                await mortal.aclose()
                finding = await stage.named("upstream_dead")
                assert finding.subject == dying.url
                assert "3 of 4 addresses still work" in finding.text


async def test_a_lost_store_is_named(upstreams: list[FakeUpstream]) -> None:
    one = upstreams[0]
    async with running(one.url, **{**WATCHED, "stores_interval_ms": 50}) as proxy:
        stage = Stage(proxy)
        assert await stage.watch(0.5) == set()
        one.script = thanos(store_error="rpc error: code = Unavailable")
        finding = await stage.named("store_lost")
        assert finding.subject == "10.0.0.1:10901"
        assert 'sidecar {replica="a"}' in finding.text
        assert "Unavailable" in finding.text
        one.script = thanos()
        await stage.gone("store_lost")


async def test_a_hung_memcached_is_named(upstreams: list[FakeUpstream], tmp_path: Path) -> None:
    with memcached(tmp_path) as server:
        config = f"{{type: MEMCACHED, config: {{addresses: ['{server.address}']}}}}"
        settings = {**WATCHED, "cache_config": config}
        async with running(upstreams[0].url, **settings) as proxy:
            stage = Stage(proxy)
            async with load(lambda n: proxy.range({"query": f"a + {n}"}), at_once=3):
                assert await stage.watch(1) == set()
                server.pause()
                try:
                    finding = await stage.named("tier_hung")
                finally:
                    server.go_on()
                assert finding.subject == "memcached"
                await stage.gone("tier_hung")


async def test_a_hot_tenant_is_named(upstreams: list[FakeUpstream]) -> None:
    upstreams[0].script = thanos(after(0.1, matrix()))
    settings = {**WATCHED, "max_concurrent": 8, "max_tenant_concurrent": 6}
    async with running(upstreams[0].url, **settings) as proxy:
        stage = Stage(proxy)
        async with load(lambda n: proxy.range({"query": f"b + {n}"}, THANOS_TENANT="calm"), at_once=1):
            assert await stage.watch(1) == set()
            async with load(
                lambda n: proxy.range({"query": f"a + {n}"}, THANOS_TENANT="hot"), at_once=9
            ):
                finding = await stage.named("hot_tenant")
                assert finding.subject == "hot"
            await stage.gone("hot_tenant")


async def test_a_query_of_death_is_named(upstreams: list[FakeUpstream]) -> None:
    error = orjson.dumps({"status": "error", "errorType": "timeout", "error": "query timed out"})

    def script(asked: Asked) -> Behaviour:
        if asked.path == "/api/v1/query_range" and dict(asked.form)["query"] == DEADLY:
            return after(0.1, reply(503, error))
        return thanos()(asked)

    upstreams[0].script = script
    async with running(upstreams[0].url, **WATCHED) as proxy:
        stage = Stage(proxy)

        async def ask(number: int) -> None:
            expr = DEADLY if number % 3 == 0 else f"a + {number}"
            await proxy.range({"query": expr}, X_Dashboard_Uid="dash")

        async with load(ask, at_once=2):
            finding = await stage.named("query_of_death")
            assert finding.subject == DEADLY
            assert "dashboard dash" in finding.text
            assert "503" in finding.text


async def test_no_memory_left_is_named(upstreams: list[FakeUpstream]) -> None:
    upstreams[0].script = thanos(after(0.3, matrix()))
    settings = {**WATCHED, "memory_in_flight_bytes": 4 << 20, "max_wait_ms": 100}
    async with running(upstreams[0].url, **settings) as proxy:
        stage = Stage(proxy)
        async with load(lambda n: proxy.range({"query": f"a + {n}"}), at_once=6):
            finding = await stage.named("no_memory")
            assert "4 MiB" in finding.text
        await stage.gone("no_memory")


async def test_a_bad_reload_is_named(upstreams: list[FakeUpstream], tmp_path: Path) -> None:
    file = tmp_path / "limits.yaml"
    file.write_text("default: {max_query_splits: 100}\n", "utf-8")
    settings = {**WATCHED, "limits_config_file": str(file), "reload_interval_ms": 50}
    async with running(upstreams[0].url, **settings) as proxy:
        stage = Stage(proxy)
        assert await stage.watch(0.5) == set()
        file.write_text("default: {max_query_spoons: 100}\n", "utf-8")
        finding = await stage.named("bad_reload")
        assert finding.subject == "limits"
        assert "max_query_spoons" in finding.text
        file.write_text("default: {max_query_splits: 100}\n", "utf-8")
        await stage.gone("bad_reload")


async def test_a_clock_that_is_off_is_named(upstreams: list[FakeUpstream]) -> None:
    async with running("", **WATCHED, **urls(upstreams)) as proxy:
        stage = Stage(proxy)
        assert await stage.watch(0.5) == set()
        upstreams[2].script = thanos(date_ahead_s=-5)
        finding = await stage.named("clock_skew")
        assert finding.subject == upstreams[2].url
        assert "behind the one here" in finding.text
        upstreams[2].script = thanos()
        await stage.gone("clock_skew")


async def test_a_cache_that_is_too_small_is_named(upstreams: list[FakeUpstream]) -> None:
    settings = {
        **WATCHED,
        "cache_config": "{type: IN-MEMORY, config: {max_size: 60KB}}",
        "max_extent_share": 1.0,
    }
    async with running(upstreams[0].url, **settings) as proxy:
        stage = Stage(proxy)
        few = 4
        async with load(lambda n: proxy.range({"query": f"a + {n % few}"}), at_once=3):
            assert await stage.watch(1) == set()
            few = 60
            finding = await stage.named("cache_too_small")
            assert "wanted again" in finding.text
            few = 4
            await stage.gone("cache_too_small")
