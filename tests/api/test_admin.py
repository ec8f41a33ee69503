"""The purge: off unless enabled, exact in what it removes, strict in what it takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.clients import DAY_MS, FORM, Answer, Proxy, running
from tests.fakes import FakeUpstream, after, always, matrix, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PURGE = "/api/v1/admin/thanoxy/purge"
WITH_CACHE = {"cache_config": "", "stores_interval_ms": 0, "split_interval_ms": DAY_MS}
LATER = {"start": "1000000", "end": "1003600"}


@pytest.fixture
async def cached(upstream: FakeUpstream) -> AsyncIterator[Proxy]:
    async with running(upstream.url, **WITH_CACHE, admin_api=True) as started:
        yield started


def held(answer: Answer) -> str:
    return answer.headers["X-Thanoxy-Cache"].partition(";")[0]


async def purge(proxy: Proxy, form: bytes) -> int:
    """How many extents went."""
    answer = await proxy.post(PURGE, form)
    assert answer.status == 200, answer.body
    assert answer.json["status"] == "success"
    return int(answer.json["data"]["extents"])


async def test_it_is_off_unless_enabled(upstream: FakeUpstream) -> None:
    async with running(upstream.url, **WITH_CACHE) as proxy:
        await proxy.range()
        answer = await proxy.post(PURGE, b"all=true")
        assert answer.error[:2] == (503, "unavailable")
        assert "--web.enable-admin-api" in answer.error[2]
        assert held(await proxy.range()) == "hit"
    assert len(upstream.asked) == 1, "it is not passed on either"


async def test_a_page_of_another_site_cannot_purge(cached: Proxy) -> None:
    await cached.range()
    headers = {**FORM, "Origin": "https://elsewhere.example"}
    answer = await cached.ask("POST", PURGE, body=b"all=true", headers=headers)
    assert answer.error[:2] == (403, "bad_data")
    assert held(await cached.range()) == "hit"


async def test_all_removes_everything(cached: Proxy, upstream: FakeUpstream) -> None:
    upstream.script = lambda asked: (
        matrix() if "query_range" in asked.path else reply(200, b'{"status":"success","data":[]}')
    )
    for _ in range(2):
        await cached.range()
        await cached.get("/api/v1/labels")
        await cached.get("/api/v1/query?query=a&time=1000")
    assert await purge(cached, b"all=true") == 1
    assert held(await cached.range()) == "miss"
    assert held(await cached.get("/api/v1/labels")) == "miss"
    assert held(await cached.get("/api/v1/query?query=a&time=1000")) == "miss"


@pytest.mark.parametrize(
    ("form", "extents", "after_it"),
    [
        (b"tenant=team-a", 1, ["miss", "hit"]),
        (b"tenant=team-b", 1, ["hit", "miss"]),
        (b"tenant=team", 0, ["hit", "hit"]),
        (b"metric=a", 2, ["miss", "miss"]),
        (b"metric=b", 0, ["hit", "hit"]),
        (b"start=5000&end=6000", 2, ["miss", "miss"]),
        (b"start=1970-01-01T00:00:00Z&end=1970-01-01T01:00:00Z", 2, ["miss", "miss"]),
        (b"start=50000&end=60000", 0, ["hit", "hit"]),
        (b"tenant=team-a&metric=b", 0, ["hit", "hit"]),
        (b"tenant=team-a&metric=a&start=0&end=1", 1, ["miss", "hit"]),
    ],
)
async def test_by_tenant_by_metric_and_by_time(
    cached: Proxy, form: bytes, extents: int, after_it: list[str]
) -> None:
    tenants = ("team-a", "team-b")
    for tenant in tenants:
        await cached.range(THANOS_TENANT=tenant)
    assert await purge(cached, form) == extents
    assert [held(await cached.range(THANOS_TENANT=tenant)) for tenant in tenants] == after_it


async def test_a_purge_of_one_time_leaves_other_times(cached: Proxy) -> None:
    await cached.range()
    await cached.range(LATER)
    assert await purge(cached, b"start=1000000&end=1000000") == 1
    assert held(await cached.range()) == "hit"
    assert held(await cached.range(LATER)) == "miss"


async def test_late_samples_show_after_a_purge(cached: Proxy, upstream: FakeUpstream) -> None:
    await cached.range()
    upstream.script = always(matrix(lambda _: {"{}": "late"}))
    assert b"late" not in (await cached.range()).body
    await purge(cached, b"start=0&end=3600")
    assert b"late" in (await cached.range()).body


async def test_what_was_being_fetched_is_neither_kept_nor_joined(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    upstream.script = always(after(0.2, matrix()))
    before = asyncio.create_task(cached.range())
    await upstream.until(lambda: len(upstream.asked) == 1)
    await purge(cached, b"all=true")
    upstream.script = always(matrix(lambda _: {"{}": "late"}))
    assert b"late" in (await cached.range()).body
    assert b"late" not in (await before).body
    assert b"late" in (await cached.range()).body


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"all=false",
        b"all=",
        b"all=true&tenant=a",
        b"tennant=a",
        b"tenant=",
        b"start=5",
        b"end=5",
        b"start=6&end=5",
        b"start=yesterday&end=5",
        b"tenant=a&x=",
    ],
)
async def test_what_is_unclear_removes_nothing(cached: Proxy, form: bytes) -> None:
    await cached.range()
    assert (await cached.post(PURGE, form)).error[:2] == (400, "bad_data")
    assert held(await cached.range()) == "hit"


@pytest.mark.parametrize("body", [b"{}", b"all=true" + b"&" * 70_000], ids=["another type", "too long"])
async def test_a_body_that_is_no_short_form_is_refused(cached: Proxy, body: bytes) -> None:
    kind = "application/json" if body == b"{}" else "application/x-www-form-urlencoded"
    answer = await cached.ask("POST", PURGE, body, {"Content-Type": kind})
    assert answer.error[:2] == (400, "bad_data")


async def test_only_a_post_purges(cached: Proxy, upstream: FakeUpstream) -> None:
    await cached.range()
    await cached.get(f"{PURGE}?all=true")
    assert held(await cached.range()) == "hit"


async def test_without_a_tenant_header_a_purge_by_tenant_spares_nobody(
    upstream: FakeUpstream,
) -> None:
    async with running(upstream.url, **WITH_CACHE, admin_api=True, tenant_header="") as proxy:
        await proxy.range()
        assert await purge(proxy, b"tenant=a") == 1
