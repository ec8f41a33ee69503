"""`/api/v1/query_range` with a cache: same bytes as without, fewer requests, and what it says of it."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import orjson
import pytest

from proxy.model.grid import Grid
from proxy.telemetry.book import requests_in_flight
from tests.clients import DAY_MS, QUERY, RANGE, Answer, Proxy, running
from tests.fakes import (
    FakeUpstream,
    after,
    always,
    in_turn,
    matrix,
    matrix_body,
    reply,
    reset,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fakes import Asked, Behaviour

GRID = Grid(0, 600_000, 19)
WITH_CACHE = {"cache_config": "", "stores_interval_ms": 0, "split_interval_ms": DAY_MS}


@pytest.fixture
async def cached(upstream: FakeUpstream) -> AsyncIterator[Proxy]:
    async with running(upstream.url, **WITH_CACHE) as started:
        yield started


def held(answer: Answer) -> str:
    """The first word of what the cache says."""
    return answer.headers["X-Thanoxy-Cache"].partition(";")[0]


async def test_the_first_answer_is_a_miss_the_second_a_hit_and_both_are_thanoss_bytes(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    answers = [await cached.range() for _ in range(3)]
    assert [held(answer) for answer in answers] == ["miss", "hit", "hit"]
    assert {answer.body for answer in answers} == {matrix_body(GRID)}
    assert upstream.grids == [GRID]


async def test_a_longer_window_is_a_partial_hit_that_says_how_much_was_held(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    await cached.range({"end": "5400"})
    answer = await cached.range()
    assert answer.headers["X-Thanoxy-Cache"] == "partial; steps=19; held=10"
    assert answer.body == matrix_body(GRID)
    assert upstream.grids[-1] == GRID.sliced(10, 19)


@pytest.mark.parametrize(
    "warm", [{}, {"end": "9000"}, {"start": "3000"}, {"start": "3600", "end": "7200"}], ids=str
)
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_whatever_was_kept_the_body_is_the_same(
    cached: Proxy, warm: dict[str, str], encoding: str
) -> None:
    await cached.range(warm, Accept_Encoding="gzip")
    for _ in range(3):
        answer = await cached.range(Accept_Encoding=encoding)
        assert answer.text == matrix_body(GRID)
        assert answer.headers["Content-Length"] == str(len(answer.body))
        assert answer.headers["Content-Type"] == "application/json"


async def test_what_was_kept_for_a_client_of_gzip_is_text_for_one_without(cached: Proxy) -> None:
    order = ("gzip", "identity", "br, zstd", "gzip;q=0", "gzip", "deflate, gzip")
    answers = [await cached.range({"step": "60"}, Accept_Encoding=encoding) for encoding in order]
    assert [answer.is_gzip for answer in answers] == [True, False, False, False, True, True]
    assert {answer.text for answer in answers} == {matrix_body(Grid(0, 60_000, 181))}


async def test_a_large_answer_is_assembled_in_chunks_of_exact_total_length(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    def wide(time_ms: int) -> dict[str, str]:
        return {f'{{"i":"{i:03}"}}': f"{(time_ms * 31 + i) % 9973 / 7}" for i in range(300)}

    upstream.script = always(matrix(wide))
    grid = Grid(0, 15_000, 600)
    window = {"end": str(grid.last_ms // 1000), "step": "15"}
    expected = matrix_body(grid, wide)
    assert len(expected) > 4 << 20, "so large that text is made while it is sent"
    for encoding in ("gzip", "identity", "gzip", "identity"):
        answer = await cached.range(window, Accept_Encoding=encoding)
        assert answer.text == expected
        assert answer.headers["Content-Length"] == str(len(answer.body))
    assert upstream.grids == [grid]


@pytest.mark.parametrize("name", ["no-store", "max-age=0, no-store"])
async def test_a_request_that_says_no_store_goes_past_the_cache(
    cached: Proxy, upstream: FakeUpstream, name: str
) -> None:
    for _ in range(2):
        answer = await cached.range(Cache_Control=name)
        assert held(answer) == "bypass"
        assert answer.body == matrix_body(GRID)
    assert len(upstream.asked) == 2
    assert held(await cached.range()) == "miss"


async def test_a_request_that_says_no_cache_renews_what_all_others_get(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    upstream.script = in_turn(matrix(), matrix(lambda _: {"{}": "7"}))
    for encoding in ("gzip", "identity"):
        for _ in range(2):
            await cached.range(Accept_Encoding=encoding)
    new = matrix_body(GRID, lambda _: {"{}": "7"})
    renewed = await cached.range(Cache_Control="no-cache")
    assert (held(renewed), renewed.body) == ("miss", new)
    for encoding in ("gzip", "identity"):
        answer = await cached.range(Accept_Encoding=encoding)
        assert (held(answer), answer.text) == ("hit", new)
    assert len(upstream.asked) == 2


async def test_other_words_for_the_same_question_are_a_hit(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    await cached.range()
    fields = urlencode(QUERY).encode()
    swapped = urlencode(list(QUERY.items())[::-1])
    others = [
        await cached.post(RANGE, fields),
        await cached.post(f"{RANGE}?query=ignored&step=600", fields),
        await cached.post(f"{RANGE}?{urlencode({'step': '600', 'end': '10800'})}", b"query=a&start=0"),
        await cached.get(f"{RANGE}?{swapped}"),
        await cached.range({"step": "10m"}),
        await cached.range({"start": "1970-01-01T00:00:00Z", "end": "10800.000"}),
        await cached.range({"end": "10800.5"}),
        await cached.range({"query": " a # a comment"}),
        await cached.range({"timeout": "9s"}),
    ]
    assert [held(answer) for answer in others] == ["hit"] * len(others)
    assert {answer.body for answer in others} == {matrix_body(GRID)}
    assert len(upstream.asked) == 1


def by_question(asked: Asked) -> Behaviour:
    """Every parameter and header that Thanos may look at changes the value."""
    form = sorted(pair for pair in asked.form if pair[0] not in {"start", "end", "step"})
    told = [asked.header(n) for n in ("THANOS-TENANT", "X-Scope-OrgID", "Authorization", "Cookie")]
    return matrix(lambda _: {"{}": f"{hash((str(form), str(told)))}"})


@pytest.mark.parametrize(
    "change",
    [
        {"dedup": "false"},
        {"replicaLabels[]": "a"},
        {"partial_response": "false"},
        {"max_source_resolution": "5m"},
        {"max_source_resolution": "6m"},
        {"engine": "thanos"},
        {"lookback_delta": "1m"},
        {"storeMatch[]": '{__address__="a"}'},
        {"shard_info": '{"total_shards":2}'},
        {"stats": "all"},
        {"analyze": "true"},
        {"limit": "1"},
        {"nobody_knows_it_yet": "1"},
    ],
    ids=str,
)
async def test_each_parameter_has_answers_of_its_own(
    cached: Proxy, upstream: FakeUpstream, change: dict[str, str]
) -> None:
    upstream.script = by_question
    plain, changed = await cached.range(), await cached.range(change)
    assert plain.json["data"]["result"] != changed.json["data"]["result"]
    assert (await cached.range()).body == plain.body
    assert (await cached.range(change)).body == changed.body


@pytest.mark.parametrize("name", ["THANOS_TENANT", "X_Scope_OrgID", "Authorization", "Cookie"])
async def test_each_asker_has_answers_of_its_own(
    cached: Proxy, upstream: FakeUpstream, name: str
) -> None:
    upstream.script = by_question
    askers: list[dict[str, str]] = [{}, {name: "a"}, {name: "b"}]
    first = [(await cached.range(None, **asker)).body for asker in askers]
    assert len(set(first)) == 3
    assert [(await cached.range(None, **asker)).body for asker in askers] == first
    assert len(upstream.asked) == 3


async def test_the_upstreams_no_store_is_passed_on_and_obeyed(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    partial = matrix_body(GRID, warnings=("No StoreAPIs matched for this query",))
    no_store = reply(200, partial, headers={"Cache-Control": "no-store"})
    upstream.script = in_turn(no_store, no_store, matrix())
    for _ in range(2):
        answer = await cached.range()
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.body == partial
    answer = await cached.range()
    assert "Cache-Control" not in answer.headers
    assert answer.body == matrix_body(GRID)


async def test_an_annotation_is_kept_with_the_answer(cached: Proxy, upstream: FakeUpstream) -> None:
    upstream.script = always(matrix(warnings=("PromQL info: metric might not be a counter",)))
    answers = [await cached.range(Accept_Encoding=encoding) for encoding in ("gzip", "", "gzip")]
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json["warnings"] == ["PromQL info: metric might not be a counter"]
    assert len(upstream.asked) == 1


async def test_a_dashboard_that_many_open_at_once_is_asked_once(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    upstream.script = always(after(0.05, matrix()))
    answers = await asyncio.gather(*(cached.range() for _ in range(50)))
    assert {answer.body for answer in answers} == {matrix_body(GRID)}
    assert len(upstream.asked) == 1


async def test_a_client_that_hangs_up_does_not_spoil_it_for_the_others(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    may_answer, before = asyncio.Event(), requests_in_flight()
    upstream.script = always(after(may_answer, matrix()))
    leader = asyncio.create_task(cached.range())
    await upstream.until(lambda: len(upstream.asked) == 1)
    others = [asyncio.create_task(cached.range()) for _ in range(5)]
    await upstream.until(lambda: requests_in_flight() == before + 6)
    await asyncio.sleep(0.02)
    leader.cancel()
    await upstream.until(lambda: requests_in_flight() == before + 5)
    may_answer.set()
    assert {(await other).body for other in others} == {matrix_body(GRID)}
    assert len(upstream.asked) == 1


async def test_steps_are_counted_as_requested_hit_fetched_and_kept(cached: Proxy) -> None:
    async def counts() -> dict[str, int]:
        text = (await cached.get("/metrics")).body.decode()
        found = re.findall(r'thanoxy_cache_steps_total\{event="(\w+)"\} (\d+)', text)
        return {name: int(float(value)) for name, value in found}

    begin = await counts()
    await cached.range({"end": "5400"})
    for _ in range(3):
        await cached.range()
    end = await counts()
    grown = {name: end[name] - begin.get(name, 0) for name in end}
    assert grown == {"requested": 10 + 3 * 19, "hit": 10 + 2 * 19, "fetched": 19, "kept": 19}


async def test_the_newest_steps_of_a_graph_change_while_the_rest_is_held(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    now_s = int(time.time())
    window = {"start": str(now_s - 285), "end": str(now_s + 15), "step": "30"}
    await cached.range(window)
    upstream.script = always(matrix(lambda _: {"{}": "1"}))
    answer = await cached.range(window)
    assert held(answer) == "partial"
    (newest,) = [one for one in answer.json["data"]["result"] if not one["metric"]]
    assert [time_s - now_s for time_s, _ in newest["values"]] == [-45, -15, 15]


STALE = {**WITH_CACHE, "stale_ms": DAY_MS, "long_life_ms": 1}
"""Kept data whose life is over at once."""


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_when_the_upstream_fails_kept_steps_are_given_with_a_warning(
    upstream: FakeUpstream, encoding: str
) -> None:
    upstream.script = in_turn(matrix(), reset)
    async with running(upstream.url, **STALE) as proxy:
        await proxy.range({"end": "9000"})
        await asyncio.sleep(0.005)
        answer = await proxy.range(Accept_Encoding=encoding)
        refused = await proxy.range(Cache_Control="no-cache")
        other = await proxy.range({"query": "b"})
    assert answer.headers["X-Thanoxy-Cache"] == "stale; steps=19; held=16"
    assert answer.headers["Cache-Control"] == "no-store"
    (warning,) = answer.json["warnings"]
    assert warning.endswith("this is kept data, up to 0s old, and 3 of 19 steps are missing")
    assert answer.json["data"] == orjson.loads(matrix_body(GRID.sliced(0, 16)))["data"]
    assert refused.error[:2] == other.error[:2] == (502, "unavailable")


async def test_without_the_setting_kept_data_past_its_life_is_not_given(upstream: FakeUpstream) -> None:
    upstream.script = in_turn(matrix(), reset)
    async with running(upstream.url, **{**STALE, "stale_ms": 0}) as proxy:
        await proxy.range()
        await asyncio.sleep(0.005)
        assert (await proxy.range()).error[0] == 502


async def test_an_answer_that_never_fits_is_a_422_that_names_the_setting(
    upstream: FakeUpstream,
) -> None:
    async with running(upstream.url, **WITH_CACHE, memory_in_flight_bytes=1 << 20) as proxy:
        status, kind, text = (await proxy.range({"step": "1"})).error
    assert (status, kind) == (422, "execution")
    assert "--limits.memory-in-flight" in text


async def test_after_clients_that_hang_up_anywhere_no_memory_is_held(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    upstream.script = always(after(0.02, matrix()))
    asking = [
        asyncio.create_task(cached.range({"step": "1", "query": f"a{number % 3}"}))
        for number in range(30)
    ]
    for number, task in enumerate(asking):
        await asyncio.sleep(0.003)
        if number % 2:
            task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    memory = cached.app.engine.admission.memory
    await upstream.until(lambda: memory.used_bytes == 0)


async def test_who_differs_in_a_header_that_answers_vary_by_shares_no_body(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    """Asked for at the same time, and again when it is kept and remembered."""

    def own(asked: Asked) -> Behaviour:
        (tenant,) = asked.header("THANOS-TENANT")
        return after(0.02, matrix(lambda _time_ms: {f'{{"own":"{tenant}"}}': "1"}))

    upstream.script = own
    for _ in range(3):
        tenants = [f"team-{number % 4}" for number in range(12)]
        answers = await asyncio.gather(*(cached.range(THANOS_TENANT=tenant) for tenant in tenants))
        for tenant, answer in zip(tenants, answers, strict=True):
            assert {one["metric"]["own"] for one in answer.json["data"]["result"]} == {tenant}
    assert len(upstream.asked) == 4
