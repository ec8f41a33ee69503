"""When the upstream fails, is late, or has too much to do: what clients get, and what they wait for."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.clients import DAY_MS, Proxy, range_path, running
from tests.fakes import (
    ERROR_JSON,
    FakeUpstream,
    after,
    always,
    fake_upstream,
    matrix,
    matrix_body,
    never,
    reply,
    reset,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

WITH_CACHE = {"cache_config": "", "stores_interval_ms": 0, "memo_age_ms": 0}
LABELS = b'{"status":"success","data":["a"]}'


@pytest.mark.parametrize(
    "failure", [reset, reply(502, b"<html>", "text/html"), never], ids=["reset", "page", "silence"]
)
async def test_an_error_of_the_upstream_says_when_to_come_again(
    upstream: FakeUpstream, failure: Callable[..., Awaitable[object]]
) -> None:
    upstream.script = always(failure)  # type: ignore[arg-type]
    async with running(upstream.url, request_timeout_ms=50, max_retries_per_request=1) as proxy:
        for path in (range_path(), "/api/v1/labels"):
            answer = await proxy.get(path)
            assert answer.status in {502, 503}
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.error


async def test_a_waiter_with_a_short_timeout_leaves_early_and_takes_nobody_along(
    upstream: FakeUpstream,
) -> None:
    gate = asyncio.Event()
    upstream.script = always(after(gate, matrix()))
    async with running(upstream.url, **WITH_CACHE) as proxy:
        patient = asyncio.create_task(proxy.range())
        await upstream.until(lambda: len(upstream.asked) == 4)
        began_s = time.monotonic()
        assert (await proxy.range({"timeout": "0.1"})).error[:2] == (503, "timeout")
        assert time.monotonic() - began_s < 2
        gate.set()
        assert (await patient).body == matrix_body(
            upstream.asked[0].grid.between(0, 10_800_000, 600_000)
        )


async def test_a_deadline_counts_the_time_in_the_queue(upstream: FakeUpstream) -> None:
    upstream.script = always(never)
    async with running(upstream.url, max_concurrent=1, query_timeout_ms=200) as proxy:
        began_s = time.monotonic()
        answers = await asyncio.gather(*(proxy.get(f"/api/v1/labels?start={n}") for n in range(3)))
        assert time.monotonic() - began_s < 3
    assert {answer.error[:2] for answer in answers} == {(503, "timeout")}
    # In turn they would be three; the second may have a millisecond left when its turn comes.
    assert len(upstream.asked) < 3


async def test_more_than_may_run_and_wait_get_429_with_the_settings_name(
    upstream: FakeUpstream,
) -> None:
    gate = asyncio.Event()
    upstream.script = always(after(gate, reply(200, LABELS)))
    bounds = {"max_concurrent": 1, "max_waiting": 1, "max_wait_ms": 5_000}
    async with running(upstream.url, **bounds) as proxy:
        asking = [asyncio.create_task(proxy.get(f"/api/v1/labels?start={n}")) for n in range(3)]
        await upstream.until(lambda: any(task.done() for task in asking))
        gate.set()
        answers = await asyncio.gather(*asking)
    (refused,) = [answer for answer in answers if answer.status != 200]
    assert refused.status == 429
    assert "--limits.max-concurrent" in refused.error[2]
    assert int(refused.headers["Retry-After"]) > 0


async def test_a_tenant_that_fills_the_queue_leaves_the_others_their_turns(
    upstream: FakeUpstream,
) -> None:
    upstream.script = always(after(0.02, reply(200, LABELS)))
    async with running(upstream.url, max_concurrent=2, max_tenant_concurrent=2) as proxy:
        greedy = [
            asyncio.create_task(proxy.get(f"/api/v1/labels?start={n}", THANOS_TENANT="greedy"))
            for n in range(60)
        ]
        await upstream.until(lambda: len(upstream.asked) >= 4)
        began_s = time.monotonic()
        assert (await proxy.get("/api/v1/labels", THANOS_TENANT="modest")).status == 200
        assert time.monotonic() - began_s < 0.3, "it does not wait for all sixty"
        assert not all(task.done() for task in greedy)
        await asyncio.gather(*greedy)


async def test_what_is_kept_is_answered_while_the_upstream_hangs(upstream: FakeUpstream) -> None:
    async with running(upstream.url, max_concurrent=1, **WITH_CACHE) as proxy:
        expected = (await proxy.range()).body
        upstream.script = always(never)
        stuck = asyncio.create_task(proxy.get("/api/v1/labels"))
        await upstream.until(lambda: upstream.asked[-1].path == "/api/v1/labels")
        assert (await proxy.range()).body == expected
        stuck.cancel()


async def test_a_client_that_reads_slowly_does_not_keep_its_turn(upstream: FakeUpstream) -> None:
    upstream.script = lambda asked: (
        reply(200, b'{"a":"' + b"x" * (40 << 20) + b'"}')
        if (asked.path == "/large")
        else reply(200, LABELS)
    )
    async with (
        running(upstream.url, max_concurrent=1) as proxy,
        proxy.session.get(proxy.app.url + "/large") as slow,
        asyncio.timeout(3),
    ):
        assert slow.status == 200
        assert (await proxy.get("/api/v1/labels")).body == LABELS


def write(file: Path, text: str) -> None:
    file.write_text(text)


class TestStale:
    """`--query-range.stale-if-error`."""

    OPTIONS: ClassVar = {**WITH_CACHE, "long_life_ms": 200, "recent_life_ms": 200, "empty_life_ms": 200}

    async def test_kept_data_past_its_life_serves_with_a_warning_when_the_upstream_fails(
        self, upstream: FakeUpstream
    ) -> None:
        async with running(upstream.url, stale_ms=DAY_MS, **self.OPTIONS) as proxy:
            whole = await proxy.range()
            await asyncio.sleep(0.25)
            upstream.script = always(reset)
            stale = await proxy.range()
        assert stale.status == 200
        assert stale.json["data"] == whole.json["data"]
        (warning,) = stale.json["warnings"]
        assert warning.startswith("thanoxy: the upstream")
        assert warning.endswith("this is kept data, up to 0s old")
        assert stale.headers["Cache-Control"] == "no-store"
        assert stale.headers["X-Thanoxy-Cache"] == "stale; steps=19; held=19"

    async def test_steps_that_nobody_holds_are_counted(self, upstream: FakeUpstream) -> None:
        async with running(upstream.url, stale_ms=DAY_MS, **self.OPTIONS) as proxy:
            await proxy.range()
            await asyncio.sleep(0.25)
            upstream.script = always(reset)
            stale = await proxy.range({"end": "14400"})
        assert "and 6 of 25 steps are missing" in stale.json["warnings"][0]

    async def test_without_the_setting_the_error_is_the_answer(self, upstream: FakeUpstream) -> None:
        async with running(upstream.url, **self.OPTIONS) as proxy:
            await proxy.range()
            await asyncio.sleep(0.25)
            upstream.script = always(reset)
            assert (await proxy.range()).status == 502

    async def test_an_error_of_the_query_is_the_answer_too(self, upstream: FakeUpstream) -> None:
        async with running(upstream.url, stale_ms=DAY_MS, **self.OPTIONS) as proxy:
            await proxy.range()
            await asyncio.sleep(0.25)
            upstream.script = always(reply(422, ERROR_JSON))
            assert (await proxy.range()).body == ERROR_JSON

    async def test_when_the_upstream_is_back_its_answer_counts(self, upstream: FakeUpstream) -> None:
        async with running(upstream.url, stale_ms=DAY_MS, **self.OPTIONS) as proxy:
            whole = await proxy.range()
            await asyncio.sleep(0.25)
            upstream.script = always(reset)
            await proxy.range()
            upstream.script = always(matrix())
            assert (await proxy.range()).body == whole.body

    async def test_labels_and_instant_queries_serve_too(self, upstream: FakeUpstream) -> None:
        upstream.script = always(reply(200, LABELS))
        lives = {"metadata_life_ms": 1, "instant_life_ms": 1}
        async with running(upstream.url, stale_ms=DAY_MS, **lives) as proxy:
            for path in ("/api/v1/labels", "/api/v1/query?query=a&time=1000"):
                upstream.script = always(reply(200, LABELS))
                await proxy.get(path)
                await asyncio.sleep(0.01)
                upstream.script = always(reset)
                stale = await proxy.get(path)
                assert stale.json["data"] == ["a"]
                assert "this is kept data" in stale.json["warnings"][0]
                assert stale.headers["X-Thanoxy-Cache"] == "stale"
                assert stale.headers["Cache-Control"] == "no-store"


class TestSeveralAddresses:
    """The flag for the upstream, given twice."""

    async def test_one_that_is_dead_fails_no_query(self, upstream: FakeUpstream) -> None:
        async with (
            fake_upstream() as other,
            running(upstream.url, downstream_urls=(upstream.url, other.url)) as proxy,
        ):
            upstream.script = always(reset)
            for hour in range(20):
                window = {"start": str(hour * 3600), "end": str(hour * 3600 + 3000)}
                assert (await proxy.range(window)).status == 200
            assert len(upstream.asked) < len(other.asked)

    async def test_one_that_hangs_is_overtaken(self, upstream: FakeUpstream) -> None:
        async with (
            fake_upstream() as other,
            running(upstream.url, downstream_urls=(upstream.url, other.url)) as proxy,
        ):
            for hour in range(20):
                await proxy.range({"start": str(hour * 3600), "end": str(hour * 3600 + 3000)})
            upstream.script = always(never)
            began_s = time.monotonic()
            for hour in range(20, 40):
                window = {"start": str(hour * 3600), "end": str(hour * 3600 + 3000)}
                assert (await proxy.range(window)).status == 200
            assert time.monotonic() - began_s < 5
            await upstream.until(lambda: upstream.running == 0)


async def test_limits_of_a_tenant_are_those_of_the_file(upstream: FakeUpstream, tmp_path: Path) -> None:
    file = tmp_path / "limits.yml"
    rules = "blocked: [{pattern: 'forbidden', reason: too dear}, {dashboard: d1}]\n"
    write(file, f"tenants: {{small: {{max_query_length: 1h}}}}\n{rules}")
    async with running(upstream.url, limits_config_file=str(file)) as proxy:
        assert (await proxy.range()).status == 200
        status, _, text = (await proxy.range(THANOS_TENANT="small")).error
        assert (status, "max_query_length" in text) == (422, True)
        for path in (range_path({"query": "forbidden"}), "/api/v1/query?query=forbidden"):
            status, _, text = (await proxy.get(path)).error
            assert (status, "too dear" in text) == (422, True)
        assert (await proxy.range(X_Dashboard_Uid="d1")).status == 422
        limits, watch = proxy.app.access.limits, proxy.app.access.watch
        write(file, "blocked: [{dashboard: d2}]\n")
        watch.reload_now()
        await upstream.until(lambda: not limits.current.of("small").max_query_length_ms)
        assert (await proxy.range(X_Dashboard_Uid="d1")).status == 200
        write(file, "blocked: nonsense")
        watch.reload_now()
        await asyncio.sleep(0.05)
        assert (await proxy.range(X_Dashboard_Uid="d2")).status == 422, "the old rules stay"


@pytest.mark.parametrize(
    ("setting", "most", "path"),
    [
        ("max_query_upstream_bytes", 500, range_path()),
        ("max_query_samples", 20, range_path()),
        ("max_query_response_bytes", 300, range_path()),
        ("max_query_response_bytes", 10, "/api/v1/labels"),
        ("max_query_bytes", 3, range_path({"query": "abcd"})),
        ("max_query_steps", 5, range_path()),
        ("max_query_splits", 2, range_path()),
        ("max_query_lookback_ms", 1_000, range_path()),
    ],
)
async def test_what_a_query_costs_has_a_limit_that_says_its_name(
    upstream: FakeUpstream, setting: str, most: int, path: str
) -> None:
    async with running(upstream.url, **{setting: most}) as proxy:
        answer = await proxy.get(path)
        assert answer.status in {413, 422}
        flag = setting.removesuffix("_ms").replace("_", "-")
        assert f"--limits.{flag}" in answer.error[2]
    async with running(upstream.url, **{setting: most * 10**10}) as proxy:
        assert (await proxy.get(path)).status == 200


async def test_a_bad_tenant_is_refused_in_thanoss_words(proxy: Proxy, upstream: FakeUpstream) -> None:
    for path in (range_path(), "/api/v1/labels", "/api/v1/stores"):
        answer = await proxy.get(path, THANOS_TENANT="a/b")
        assert answer.error == (400, "bad_data", "Tenant name not valid")
    assert upstream.asked == []
