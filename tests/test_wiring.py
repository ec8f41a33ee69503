"""Settings reach the parts that they are about, and the parts reach each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from proxy.settings import Settings
from proxy.wiring import _keep_policy, vary_names
from tests.clients import DAY_MS, Answer, Proxy, running
from tests.fakes import FakeUpstream, fake_upstream, matrix, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.fakes import Asked, Behaviour, Script

STORE = {"name": "10.0.0.1:10901", "lastError": None, "labelSets": [{"a": "1"}]}
HOLE = reply(200, b'{"status":"success","data":{"resultType":"matrix","result":[],"analysis":{}}}')


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as fake:
        yield fake


def held(answer: Answer) -> str:
    return answer.headers["X-Thanoxy-Cache"].partition(";")[0]


def stores_then(stores: Callable[[], Behaviour], others: Script) -> Script:
    """`/api/v1/stores` and everything else."""
    return lambda asked: stores() if asked.path == "/api/v1/stores" else others(asked)


def listing(error: str | None = None) -> Behaviour:
    store = {**STORE, "lastError": error, "minTime": 0, "maxTime": 1 << 50}
    return reply(200, orjson.dumps({"status": "success", "data": {"store": [store]}}))


async def until(proxy: Proxy, state: str) -> Answer:
    """Ask until the cache says so."""
    for _ in range(500):
        answer = await proxy.range()
        if held(answer) == state:
            return answer
    raise AssertionError(f"never a {state}")


def test_answers_vary_by_the_tenant_and_by_the_headers_that_are_set() -> None:
    assert vary_names(Settings()) == ("thanos-tenant", "x-scope-orgid", "authorization", "cookie")
    own = Settings(tenant_header="X-Team", vary_headers=" X-User , x-team,,Cookie")
    assert vary_names(own) == ("x-team", "x-user", "cookie", "thanos-tenant")
    assert vary_names(Settings(tenant_header="", vary_headers="")) == ("thanos-tenant",)


def test_lives_are_those_of_the_settings() -> None:
    policy = _keep_policy(Settings(), None)
    minute_ms = 60_000
    assert policy.freshness_ms == minute_ms
    assert (policy.recent_ms, policy.recent_life_ms) == (120 * minute_ms, 10 * minute_ms)
    assert (policy.long_life_ms, policy.empty_life_ms) == (DAY_MS, 2 * minute_ms)


def test_a_validity_in_the_caches_yaml_bounds_all_lives() -> None:
    longer = _keep_policy(Settings(), 7 * DAY_MS)
    assert (longer.long_life_ms, longer.recent_life_ms) == (7 * DAY_MS, 600_000)
    shorter = _keep_policy(Settings(), 5000)
    assert (shorter.long_life_ms, shorter.recent_life_ms) == (5000, 5000)


async def test_by_default_answers_are_kept(upstream: FakeUpstream) -> None:
    async with running(upstream.url, cache_config="", stores_interval_ms=0) as proxy:
        assert [held(await proxy.range()) for _ in range(2)] == ["miss", "hit"]


async def test_a_cache_of_no_size_keeps_no_pieces(upstream: FakeUpstream) -> None:
    async with running(upstream.url) as proxy:
        assert [held(await proxy.range()) for _ in range(3)] == ["miss"] * 3


async def test_of_a_small_cache_answers_that_are_too_large_are_right_and_counted(
    upstream: FakeUpstream,
) -> None:
    tiny = {"cache_config": "{type: IN-MEMORY, config: {max_size: 5KB}}", "stores_interval_ms": 0}
    async with running(upstream.url, **tiny) as proxy:
        bodies = {(await proxy.range({"step": "1m"})).body for _ in range(3)}
        assert len(bodies) == 1
        metrics = (await proxy.get("/metrics")).body
        assert b'thanoxy_cache_refused_extents_total{reason="too_large"}' in metrics


async def test_the_headers_that_are_set_are_part_of_the_key(upstream: FakeUpstream) -> None:
    own = {"vary_headers": "X-User", "tenant_header": "X-Team"}
    async with running(upstream.url, cache_config="", stores_interval_ms=0, **own) as proxy:
        await proxy.range()
        assert held(await proxy.range(X_User="a")) == "miss"
        assert held(await proxy.range(X_Team="a")) == "miss"
        assert held(await proxy.range(Cookie="a")) == "hit"


async def test_without_looks_at_the_stores_every_answer_is_trusted(upstream: FakeUpstream) -> None:
    async with running(upstream.url, cache_config="", stores_interval_ms=0) as proxy:
        await proxy.range()
        assert held(await proxy.range()) == "hit"
    assert {asked.path for asked in upstream.asked} == {"/api/v1/query_range"}


async def test_a_hole_that_a_lost_store_left_is_asked_again(upstream: FakeUpstream) -> None:
    stores, answer = [listing()], [matrix()]
    upstream.script = stores_then(lambda: stores[0], lambda _: answer[0])
    watched = {"cache_config": "", "stores_interval_ms": 20, "short_life_ms": DAY_MS}
    async with running(upstream.url, split_interval_ms=DAY_MS, **watched) as proxy:
        await upstream.until(lambda: looks(upstream) > 1)
        answer[0] = HOLE
        empty = await proxy.range()
        assert held(await proxy.range()) == "hit"
        stores[0] = listing("rpc error: code = Unavailable")
        await look_again(upstream)
        stores[0], answer[0] = listing(), matrix()
        await look_again(upstream)
        whole = await until(proxy, "miss")
        assert whole.body != empty.body
        kept = await until(proxy, "hit")  # at once, or when the look that found it back has ended
        assert kept.body == whole.body


async def test_an_upstream_without_stores_is_trusted(upstream: FakeUpstream) -> None:
    not_found = reply(404, b"404 page not found\n", "text/plain")
    upstream.script = stores_then(lambda: not_found, lambda _: matrix())
    watched = {"cache_config": "", "stores_interval_ms": 20, "short_life_ms": 0}
    async with running(upstream.url, **watched) as proxy:
        await look_again(upstream)
        await until(proxy, "hit")


async def test_a_purge_reaches_every_place_where_answers_are_kept(upstream: FakeUpstream) -> None:
    def script(asked: Asked) -> Behaviour:
        is_range = asked.path.endswith("query_range")
        return matrix() if is_range else reply(200, b'{"status":"success","data":[]}')

    upstream.script = script
    kept = {"cache_config": "", "stores_interval_ms": 0, "admin_api": True}
    async with running(upstream.url, **kept) as proxy:

        async def both() -> list[str]:
            return [held(await proxy.range()), held(await proxy.get("/api/v1/labels"))]

        assert [await both(), await both()] == [["miss", "miss"], ["hit", "hit"]]
        await proxy.post("/api/v1/admin/thanoxy/purge", b"all=true")
        assert await both() == ["miss", "miss"]


def looks(upstream: FakeUpstream) -> int:
    return sum(asked.path == "/api/v1/stores" for asked in upstream.asked)


async def look_again(upstream: FakeUpstream) -> None:
    """Wait for looks that began after this moment."""
    wanted = looks(upstream) + 3
    await upstream.until(lambda: looks(upstream) >= wanted)
