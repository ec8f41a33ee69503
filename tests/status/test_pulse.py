"""A running proxy says how it is, all by itself."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import aiohttp
import orjson
import pytest

from proxy.app import App, start
from proxy.config import Settings
from proxy.telemetry.registry import REGISTRY
from tests.clients import QUERY, RANGE
from tests.fakes import FakeUpstream, always, fake_upstream, never
from tests.status.told import other

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from proxy.status.snapshot import Snapshot


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as fake:
        yield fake


@pytest.fixture
async def app(upstream: FakeUpstream) -> AsyncIterator[App]:
    made = await start(
        Settings(http_address="127.0.0.1:0", downstream_urls=(upstream.url,)), pulse_s=0.05
    )
    yield made
    await made.close()


async def until(app: App, is_so: Callable[[Snapshot], bool]) -> Snapshot:
    async with asyncio.timeout(10):
        while not is_so(app.pulse.snapshot()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return app.pulse.snapshot()


async def test_a_proxy_at_rest_is_well(app: App) -> None:
    told = await until(app, lambda now: bool(now.history))
    assert told.findings == ()
    assert (told.pid, told.workers, told.running) == (os.getpid(), 1, ())
    assert [one.state for one in told.addresses] == ["closed"]
    assert REGISTRY.get_sample_value("thanoxy_findings", {"fault": "no_memory"}) == 0


async def test_a_query_is_seen_while_it_runs_and_can_be_ended(app: App, upstream: FakeUpstream) -> None:
    upstream.script = always(never)
    async with aiohttp.ClientSession(app.url) as session:
        asking = asyncio.ensure_future(session.get(RANGE, params=QUERY))
        told = await until(app, lambda now: any(s.sent_at_ms for r in now.running for s in r.splits))
        (run,) = told.running
        assert (run.expr, run.handler) == ("a", "query_range")
        assert {split.state for split in run.splits} == {"fetching"}
        assert {split.url for split in run.splits} == {upstream.url}
        assert app.pulse.cancel(run.id)
        answer = await asking
        assert answer.status == 503
        assert orjson.loads(await answer.read()) == {
            "status": "error",
            "errorType": "canceled",
            "error": "the query was canceled by an operator, on the status page",
        }
        assert not app.pulse.cancel(run.id)
        again = await session.get("/-/healthy")  # the connection lives on
        assert again.status == 200
    await until(app, lambda now: not now.running)


async def test_rates_and_the_slowest_are_told(app: App) -> None:
    async with aiohttp.ClientSession(app.url) as session:
        answer = await session.get(RANGE, params=QUERY)
        assert "total;dur=" in answer.headers["Server-Timing"]
    told = await until(app, lambda now: now.rates.requests_per_s > 0)
    assert told.rates.p99_ms is not None
    assert [run.expr for run in told.costliest] == ["a"]
    assert told.costliest[0].splits


async def test_workers_are_shown_together(
    upstream: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.wiring_status.METRICS_VARIABLE", "TESTED_FOLDER")
    monkeypatch.setenv("TESTED_FOLDER", str(tmp_path))
    settings = Settings(http_address="127.0.0.1:0", downstream_urls=(upstream.url,))
    app = await start(settings, pulse_s=0.05)
    own = tmp_path / f"status-{os.getpid()}.json"
    await until(app, lambda _: own.exists())
    now_ms = app.pulse.snapshot().at_ms
    (tmp_path / "status-2.json").write_bytes(orjson.dumps(other(at_ms=now_ms)))
    await until(app, lambda told: told.workers == 2)
    told = app.pulse.snapshot()
    assert {one.url for one in told.addresses} == {"http://a", upstream.url}
    assert app.pulse.cancel("2-7")
    await app.close()
    assert not own.exists()
