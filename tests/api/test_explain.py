"""`/api/v1/thanoxy/explain`: what it says is what the query then does, and it leaves no trace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import pytest
from prometheus_client import generate_latest

from proxy.store.memory import MemoryStore
from proxy.telemetry.registry import REGISTRY
from tests.clients import DAY_MS, QUERY, Answer, Proxy, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from proxy.model.extent import ExtentId
    from proxy.wiring import Engine
    from tests.fakes import FakeUpstream

EXPLAIN = "/api/v1/thanoxy/explain"
WITH_CACHE = {"cache_config": "", "stores_interval_ms": 0, "split_interval_ms": DAY_MS}
OF_QUERIES = re.compile(
    r"thanoxy_(cache|split|whole|flights|upstream_attempts|upstream_received)\w*_total[{ ]"
)
"""Counts that neither time changes by itself nor a request that asks nothing."""


@pytest.fixture
async def cached(upstream: FakeUpstream) -> AsyncIterator[Proxy]:
    async with running(upstream.url, **WITH_CACHE) as started:
        yield started


async def explain(proxy: Proxy, parameters: dict[str, str], path: str = EXPLAIN, **headers: str) -> Any:
    """The facts of a query."""
    answer = await proxy.get(f"{path}?{urlencode({**parameters, 'format': 'json'})}", **headers)
    assert answer.status == 200, answer.body
    return answer.json["data"]


def metrics() -> list[str]:
    lines = generate_latest(REGISTRY).decode().splitlines()
    return [line for line in lines if OF_QUERIES.match(line)]


def memory_of(engine: Engine) -> Iterable[ExtentId]:
    """Where extents are, the least recently used first."""
    assert isinstance(engine.store, MemoryStore)
    return engine.store._extents


def forms(asks: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [dict(parse_qsl(ask["form"], keep_blank_values=True)) for ask in asks]


def sent(upstream: FakeUpstream, before: int) -> list[dict[str, str]]:
    """What the upstream has been asked since; a timeout is bound to have counted down."""
    return sorted((dict(asked.form) for asked in upstream.asked[before:]), key=str)


async def test_a_cold_query_is_explained_in_this_text(cached: Proxy) -> None:
    answer = await cached.get(f"{EXPLAIN}?{urlencode({**QUERY, 'timeout': '9s'})}", Cookie="a=b")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    text = re.sub(r"hashed: [0-9a-f]{8}", "hashed: ########", answer.body.decode())
    assert text == (
        """\
range query: 0 of 19 steps are held, 19 are asked in 1 request

request
  query     a
  start     1970-01-01T00:00:00Z
  end       1970-01-01T03:00:00Z
  step      10m
  answer    text
  tenant    default-tenant
  deadline  9s (the parameter timeout)

plan
  window   1970-01-01T00:00:00Z to 1970-01-01T03:00:00Z
  steps    19 of 10m
  cut      at multiples of 1d
  reads    0s before to 0s after each step, lookback left out
  metrics  a

key
  expression     a
  thanos-tenant  not sent
  x-scope-orgid  not sent
  authorization  not sent
  cookie         hashed: ########

would be asked
  1  1970-01-01T00:00:00Z to 1970-01-01T03:00:00Z  19 steps
    POST /api/v1/query_range
    query=a&start=0&end=10800&step=600&timeout=9.000

would be kept
  settled                  19 steps  1d  --cache.life
  at most, without series            2m  --cache.empty-life

limits
  --limits.max-concurrent-per-tenant  100  counted as it comes
  8 limits not set
"""
    )


ALIGN = {"align_range_with_step": True}


@pytest.mark.parametrize("split_interval_ms", [3_600_000, DAY_MS])
@pytest.mark.parametrize(
    ("settings", "warm", "changes"),
    [
        ({}, [], {}),
        ({}, [{}], {}),
        ({}, [{"end": "5400"}], {}),
        ({}, [{"start": "3600", "end": "5400"}], {}),
        ({}, [{"end": "1200"}, {"start": "6000"}], {}),
        ({}, [{}], {"query": "a # the same"}),
        ({}, [{}], {"dedup": "false"}),
        ({}, [{}], {"start": "1"}),
        ({}, [], {"query": "a offset 1h"}),
        ({}, [], {"query": "a @ end() + a @ start()"}),
        ({}, [], {"query": "rate(a[step()])"}),
        ({}, [], {"timeout": "7s"}),
        ({}, [], {"stats": "all"}),
        ({}, [], {"limit": "5"}),
        ({}, [], {"query": "a{"}),
        ({}, [], {"step": "x"}),
        ({}, [], {"end": "99999999"}),
        (ALIGN, [], {"start": "7", "end": "10801"}),
        (ALIGN, [{}], {"start": "7", "end": "10801"}),
        ({"max_splits": 1}, [], {}),
        ({"cache_config": "{type: IN-MEMORY, config: {max_size: 0B}}"}, [{}], {}),
        ({"max_query_steps": 18}, [], {}),
        ({"max_query_length_ms": 1_000}, [], {}),
        ({"max_query_bytes": 1}, [], {"query": "ab"}),
        ({"max_query_lookback_ms": 1_000}, [], {}),
        ({"max_query_splits": 1}, [], {"end": "99999"}),
        ({"max_query_steps": 18}, [], {"step": "x"}),
    ],
    ids=str,
)
async def test_what_it_says_is_what_the_query_does(
    upstream: FakeUpstream,
    split_interval_ms: int,
    settings: dict[str, Any],
    warm: list[dict[str, str]],
    changes: dict[str, str],
) -> None:
    all_settings = {**WITH_CACHE, "split_interval_ms": split_interval_ms, **settings}
    async with running(upstream.url, **all_settings) as proxy:
        for before in warm:
            await proxy.range(before)
        asked_before, counted_before = len(upstream.asked), metrics()
        told = await explain(proxy, {**QUERY, **changes})
        assert len(upstream.asked) == asked_before
        assert metrics() == counted_before
        answer = await proxy.range(changes)
    asked = sent(upstream, asked_before)
    assert told["requests"] == len(told["asks"]) == len(asked)
    if not told["whole"]:
        for form in asked:
            form["timeout"] = f"{told['reading']['patience_ms'] / 1000:.3f}"
    assert sorted(forms(told["asks"]), key=str) == sorted(asked, key=str)
    agrees(told, answer)


def agrees(told: dict[str, Any], answer: Answer) -> None:
    """The answer's status and what it says of the cache are what was told."""
    if refusal := told["refusal"]:
        status, error_type, error = answer.error
        assert (status, error_type) == (refusal["status"], refusal["error_type"])
        assert without_age(error) == without_age(refusal["error"])
    elif told["whole"]:
        assert answer.headers["X-Thanoxy-Cache"].startswith("bypass")
    elif any(known["is_sent"] for known in told["remembered"]):
        assert answer.headers["X-Thanoxy-Cache"] == "hit"
    else:
        held = f"steps={told['window']['steps']}; held={told['held_steps']}"
        assert answer.headers["X-Thanoxy-Cache"].endswith(held)


def without_age(error: str) -> str:
    """A moment passes between the two."""
    return re.sub(r"begins [\d.]+s", "begins long", error)


async def test_a_remembered_answer_is_told_of_and_not_used_by_telling(cached: Proxy) -> None:
    for _ in range(2):
        await cached.range(Accept_Encoding="gzip")
    order = list(cached.app.engine.memo._answers)
    told = await explain(cached, QUERY, Accept_Encoding="gzip")
    assert [known["is_sent"] for known in told["remembered"]] == [True]
    assert told["outcome"] == "a remembered answer is sent as it is, nothing is asked"
    assert not any(known["is_sent"] for known in (await explain(cached, QUERY))["remembered"])
    assert list(cached.app.engine.memo._answers) == order


async def test_after_a_cold_query_was_explained_nothing_is_changed(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    await cached.range({"query": "b"})
    engine = cached.app.engine
    before = metrics(), list(memory_of(engine)), list(engine.memo._answers), len(upstream.asked)
    for method, path in (("GET", f"{EXPLAIN}?{urlencode(QUERY)}"), ("POST", EXPLAIN)):
        body = urlencode(QUERY).encode() if method == "POST" else None
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        assert (await cached.ask(method, path, body, form)).status == 200
    after = metrics(), list(memory_of(engine)), list(engine.memo._answers), len(upstream.asked)
    assert after == before


async def test_each_caller_sees_what_its_own_key_holds(cached: Proxy) -> None:
    await cached.range(Authorization="Bearer one")
    assert (await explain(cached, QUERY, Authorization="Bearer one"))["held_steps"] == 19
    other = await explain(cached, QUERY, Authorization="Bearer two")
    assert (other["held_steps"], other["held"], other["remembered"]) == (0, [], [])
    assert "Bearer" not in str(other)


async def test_the_tenants_own_limits_are_shown(upstream: FakeUpstream, tmp_path: Path) -> None:
    file = tmp_path / "limits.yml"
    file.write_text("tenants: {a: {max_query_steps: 5}}\nblocked: [{panel: 7}]\n", "utf-8")
    async with running(upstream.url, **WITH_CACHE, limits_config_file=str(file)) as proxy:
        told = await explain(proxy, QUERY, THANOS_TENANT="a")
        assert told["refusal"]["status"] == 422
        assert told["blocked_rules"] == 1
        assert (await explain(proxy, QUERY, THANOS_TENANT="b"))["refusal"] is None
        blocked = await explain(proxy, QUERY, THANOS_TENANT="b", X_Panel_Id="7")
        assert "blocked" in blocked["refusal"]["error"]


@pytest.mark.parametrize("wish", ["no-store", "no-cache"])
async def test_what_a_request_says_of_caching_counts(
    cached: Proxy, upstream: FakeUpstream, wish: str
) -> None:
    await cached.range()
    told = await explain(cached, QUERY, Cache_Control=wish)
    before = len(upstream.asked)
    await cached.range(Cache_Control=wish)
    assert told["reading"]["says"] == wish
    assert len(told["asks"]) == len(upstream.asked) - before == 1


async def test_without_start_end_and_step_it_is_an_instant_query(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    parameters = {"query": "a", "time": "1000"}
    told = await explain(cached, parameters)
    assert told["outcome"] == "1 request to the upstream"
    assert [fact["setting"] for fact in told["keeping"]] == ["--cache.instant-life"]
    await cached.get(f"/api/v1/query?{urlencode(parameters)}")
    assert forms(told["asks"]) == sent(upstream, 0)
    again = await explain(cached, parameters)
    assert (again["asks"], again["outcome"][:10]) == ([], "a remember")


@pytest.mark.parametrize("parameters", [{}, {"time": "1000"}], ids=str)
async def test_a_body_that_cannot_be_read_here_is_passed_on_as_it_came(
    cached: Proxy, parameters: dict[str, str]
) -> None:
    path = f"{EXPLAIN}?{urlencode(parameters)}"
    answer = await cached.ask("POST", path, b"{}", {"Content-Type": "application/json"})
    assert answer.body.startswith(b"range query: asked whole: Thanos reads the parameters\n")
    assert b"(as it came)" in answer.body


async def test_bad_requests_get_the_error_of_the_query_itself(cached: Proxy) -> None:
    for path in (EXPLAIN, "/api/v1/query_range"):
        answer = await cached.get(f"{path}?{urlencode(QUERY)}", THANOS_TENANT="a/b")
        assert answer.error == (400, "bad_data", "Tenant name not valid")
        many = await cached.get(f"{path}?{urlencode(QUERY)}{'&a=1' * 2_000}")
        assert many.error[:2] == (400, "bad_data")


async def test_a_format_that_there_is_not_is_refused(cached: Proxy) -> None:
    answer = await cached.get(f"{EXPLAIN}?{urlencode({**QUERY, 'format': 'xml'})}")
    assert answer.error == (400, "bad_data", "format must be text or json")


async def test_times_beyond_all_calendars_are_explained_too(cached: Proxy) -> None:
    far = {**QUERY, "start": "-90000000000", "end": "-89000000000", "step": "900000000"}
    assert (await cached.get(f"{EXPLAIN}?{urlencode(far)}")).status == 200
    at = {**QUERY, "query": "a @ 9e15 + a @ -9e15"}
    assert (await explain(cached, at))["window"]["steps"] == 19
