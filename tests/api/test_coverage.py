"""`/api/v1/thanoxy/coverage`: own rows for everybody, others' only for who may administrate."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.api.callers import Callers
from proxy.api.coverage import CoverageEndpoint
from proxy.api.respond import ResponsePolicy
from proxy.api.tenants import TenantPolicy
from proxy.plan.coverage import Coverage
from tests.clients import DAY_MS, Proxy, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxy.engine.coverage import CoverageView, Wanted
    from tests.fakes import FakeUpstream

COVERAGE = "/api/v1/thanoxy/coverage"
WITH_CACHE = {"cache_config": "", "stores_interval_ms": 0, "split_interval_ms": DAY_MS}
ASKED = {"query": "a", "start": "0", "end": "10800"}


@pytest.fixture
async def cached(upstream: FakeUpstream) -> AsyncIterator[Proxy]:
    async with running(upstream.url, **WITH_CACHE) as started:
        yield started


def path(changes: dict[str, str] | None = None) -> str:
    return f"{COVERAGE}?{urlencode({**ASKED, **(changes or {})})}"


async def rows(proxy: Proxy, changes: dict[str, str] | None = None, **headers: str) -> Any:
    answer = await proxy.get(path(changes), **headers)
    assert answer.status == 200, answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json["data"]["rows"]


async def test_what_is_held_is_shown_as_runs(cached: Proxy, upstream: FakeUpstream) -> None:
    assert await rows(cached) == []
    await cached.range({"end": "1200"})
    await cached.range({"start": "6000"})
    before = len(upstream.asked)
    (row,) = await rows(cached, {"query": " a # b"})
    assert (row["step_ms"], row["is_own"], row["caller"]) == (600_000, True, "without headers")
    assert [(run["from_ms"], run["to_ms"], run["state"]) for run in row["runs"]] == [
        (0, 1_200_000, "serves"),
        (6_000_000, 10_800_000, "serves"),
    ]
    assert all(0 < run["expires_in_ms"] <= DAY_MS for run in row["runs"])
    assert len(upstream.asked) == before


async def test_a_step_may_be_chosen(cached: Proxy) -> None:
    await cached.range()
    await cached.range({"step": "300"})
    assert [row["step_ms"] for row in await rows(cached)] == [300_000, 600_000]
    assert [row["step_ms"] for row in await rows(cached, {"step": "10m"})] == [600_000]


@pytest.mark.parametrize("admin_api", [False, True])
async def test_rows_of_others_need_the_admin_api(upstream: FakeUpstream, admin_api: bool) -> None:
    async with running(upstream.url, **WITH_CACHE, admin_api=admin_api) as proxy:
        await proxy.range(THANOS_TENANT="team-a", Authorization="Bearer s3cr3t")
        await proxy.range(THANOS_TENANT="team-b")
        found = await rows(proxy, THANOS_TENANT="team-b")
        assert [row["is_own"] for row in found] == ([True, False] if admin_api else [True])
        assert "s3cr3t" not in str(found)
        assert "team-a" not in str(found)
        strange = await rows(proxy, THANOS_TENANT="team-c")
        assert len(strange) == (2 if admin_api else 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"query": ""}, "query is needed"),
        ({"start": "x"}, "start and end"),
        ({"end": ""}, "start and end"),
        ({"start": "5", "end": "4"}, "in order"),
        ({"step": "0"}, "step must be"),
        ({"step": "-1m"}, "step must be"),
        ({"step": "0.0001"}, "step must be"),
    ],
    ids=str,
)
async def test_what_is_unclear_is_refused(cached: Proxy, changes: dict[str, str], words: str) -> None:
    status, error_type, error = (await cached.get(path(changes))).error
    assert (status, error_type) == (400, "bad_data")
    assert words in error


async def test_parameters_that_cannot_be_read_are_refused(cached: Proxy) -> None:
    assert (await cached.get(f"{COVERAGE}?query=%zz")).error[:2] == (400, "bad_data")


async def test_an_expression_that_is_never_cut_says_why(cached: Proxy) -> None:
    data = (await cached.get(path({"query": "a{"}))).json["data"]
    assert data["whole"] == "the expression is not understood here"


class SlowView:
    """Looks for as long as it is told to."""

    def __init__(self) -> None:
        self.at_once = self.most_at_once = 0

    async def of(self, wanted: Wanted) -> Coverage:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.001)
        self.at_once -= 1
        return Coverage(wanted.query.start_ms, wanted.query.end_ms, "a")


async def test_one_look_is_taken_at_a_time() -> None:
    view = SlowView()
    callers = Callers(TenantPolicy(), (), 60.0)
    endpoint = CoverageEndpoint(
        cast("CoverageView", view), callers, ResponsePolicy(gzip=True, cors=False)
    )
    requests = [make_mocked_request("GET", path()) for _ in range(5)]
    answers = await asyncio.gather(*map(endpoint, requests))
    assert [answer.status for answer in answers] == [200] * 5
    assert view.most_at_once == 1
