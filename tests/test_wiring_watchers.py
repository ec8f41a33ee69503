"""Traces, exemplars and the log of what runs, as they are seen from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from proxy.setting_values import SettingError
from proxy.settings import Settings
from proxy.telemetry.registry import METRICS_VARIABLE
from proxy.wiring_watchers import _folder
from proxy.worker import SOCKET_VARIABLE
from tests.clients import QUERY, RANGE, Proxy, range_path, running
from tests.fakes import FakeUpstream, always, fake_upstream, never, reply
from tests.test_main import ARGUMENTS, started
from tests.test_supervisor import fleet
from tests.tracing.collector import FakeCollector, fake_collector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from proxy.status.snapshot import Finding

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{SPAN}-01"
SERVER, CLIENT = 2, 3


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as fake:
        yield fake


@pytest.fixture
async def collector() -> AsyncIterator[FakeCollector]:
    async with fake_collector() as fake:
        yield fake


async def test_a_trace_leads_from_grafana_through_each_split_to_thanos(
    upstream: FakeUpstream, collector: FakeCollector
) -> None:
    began_ns = time.time_ns()
    async with running(upstream.url, otlp_endpoint=collector.url, cache_config="") as proxy:
        given = {"traceparent": SAMPLED, "tracestate": "k=v", "X-Dashboard-Uid": "dash"}
        answer = await proxy.ask("GET", range_path(), headers=given)
        assert answer.status == 200
        (root,) = await collector.until(1)
    splits = {span.span_id: span for span in collector.of_kind(CLIENT)}
    assert len(splits) == len(upstream.asked) == 4
    assert {span.trace_id for span in collector.spans} == {TRACE}
    assert (root.parent_id, root.state, root.name) == (SPAN, "k=v", "query_range")
    assert root.attributes["thanoxy.expr"] == "a"
    assert root.attributes["thanoxy.dashboard"] == "dash"
    assert root.attributes["thanoxy.result"] == "miss"
    assert root.attributes["http.response.status_code"] == 200
    for asked in upstream.asked:
        (header,) = asked.header("traceparent")
        split = splits[header.split("-")[2]]
        assert header == f"00-{TRACE}-{split.span_id}-01"
        assert asked.header("tracestate") == ["k=v"]
        assert split.attributes["thanoxy.from_ms"] == asked.grid.start_ms
        assert split.attributes["server.address"] == upstream.url
    stages = {span.span_id: span for span in collector.of_kind(1)}
    assert [stages[one.parent_id].name for one in splits.values()] == ["fetch"] * 4
    assert {one.parent_id for one in stages.values()} == {root.span_id}
    assert began_ns <= root.start_ns < root.end_ns <= time.time_ns()
    for span in collector.spans:
        assert root.start_ns <= span.start_ns <= span.end_ns <= root.end_ns


async def test_every_kind_of_question_is_part_of_the_trace(
    upstream: FakeUpstream, collector: FakeCollector
) -> None:
    async with running(upstream.url, otlp_endpoint=collector.url) as proxy:
        paths = ("/api/v1/labels", "/api/v1/query?query=a&time=0", "/api/v1/rules", "/a/path")
        for path in paths:
            await proxy.get(path)
        roots = await collector.until(len(paths))
    assert sorted(root.name for root in roots) == ["labels", "passthrough", "passthrough", "query"]
    asked = {span.span_id: span.trace_id for span in collector.of_kind(CLIENT)}
    headers = [one.header("traceparent")[0].split("-") for one in upstream.asked]
    assert {span: trace for _, trace, span, _ in headers} == asked
    assert len({root.trace_id for root in roots}) == len(paths)


async def test_a_trace_that_nobody_records_passes_through_untouched(
    upstream: FakeUpstream, collector: FakeCollector
) -> None:
    unsampled = SAMPLED[:-1] + "0"
    async with running(upstream.url, otlp_endpoint=collector.url) as proxy:
        await proxy.range(traceparent=unsampled)
        await proxy.get("/-/healthy")
    assert {tuple(asked.header("traceparent")) for asked in upstream.asked} == {(unsampled,)}
    assert collector.spans == []


async def test_without_a_collector_no_header_is_changed(upstream: FakeUpstream) -> None:
    async with running(upstream.url) as proxy:
        await proxy.range(traceparent=SAMPLED, tracestate="k=v")
        assert {tuple(asked.header("traceparent")) for asked in upstream.asked} == {(SAMPLED,)}
        upstream.asked.clear()
        await proxy.range({"end": "3000"})
        assert {tuple(asked.header("traceparent")) for asked in upstream.asked} == {()}


async def test_a_request_that_fails_has_a_span_that_says_so(
    upstream: FakeUpstream, collector: FakeCollector
) -> None:
    upstream.script = always(reply(503, b"no", "text/plain"))
    settings: dict[str, Any] = {"max_retries_per_request": 2}
    async with running(upstream.url, otlp_endpoint=collector.url, **settings) as proxy:
        answer = await proxy.range()
        (root,) = await collector.until(1)
    assert root.status == {"code": 2, "message": answer.error[2]}
    assert {ask.status["code"] for ask in collector.of_kind(CLIENT)} == {2}
    assert max(ask.attributes["thanoxy.attempts"] for ask in collector.of_kind(CLIENT)) == 2


async def test_a_collector_that_hangs_holds_up_nobody(
    upstream: FakeUpstream, collector: FakeCollector
) -> None:
    collector.hangs = True
    async with asyncio.timeout(10):
        settings: dict[str, Any] = {"otlp_endpoint": collector.url, "http_grace_period_ms": 50}
        async with running(upstream.url, **settings) as proxy:
            await proxy.range()
            await collector.asked.wait()
            assert (await proxy.range()).status == 200


async def test_the_last_traces_are_sent_before_the_process_ends(
    upstream: FakeUpstream, collector: FakeCollector
) -> None:
    flags = (
        f"--query-frontend.downstream-url={upstream.url}",
        f"--tracing.otlp-endpoint={collector.url}",
    )
    async with started(*ARGUMENTS, *flags) as (process, url), aiohttp.ClientSession() as session:
        async with session.get(url + range_path()) as response:
            await response.read()
        process.terminate()
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    assert len(collector.of_kind(SERVER)) == 1


async def test_what_is_not_possible_ends_the_start(upstream: FakeUpstream) -> None:
    with pytest.raises(SettingError, match="JAEGER"):
        async with running(upstream.url, tracing_config="type: JAEGER"):
            pass


async def exemplars(proxy: Proxy) -> set[str]:
    answer = await proxy.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    found = re.findall(
        r'^thanoxy_http_request_duration_seconds_bucket{handler="query_range",.*# {trace_id="(\w+)"}',
        answer.text.decode(),
        re.MULTILINE,
    )
    return set(found)


@pytest.mark.parametrize("is_on", [True, False])
async def test_metrics_name_a_trace_as_an_example(
    upstream: FakeUpstream, collector: FakeCollector, is_on: bool
) -> None:
    """Also one that only others record."""
    trace_id = f"{int(is_on) + 1:032x}"
    endpoint = collector.url if is_on else ""
    async with running(upstream.url, otlp_endpoint=endpoint) as proxy:
        await proxy.range(traceparent=f"00-{trace_id}-{SPAN}-01")
        assert trace_id in await exemplars(proxy)


async def test_a_trace_that_is_not_recorded_is_no_example(upstream: FakeUpstream) -> None:
    trace_id = "e" * 32
    async with running(upstream.url) as proxy:
        await proxy.range(traceparent=f"00-{trace_id}-{SPAN}-00")
        await proxy.range(traceparent=f"00-{trace_id}-nonsense-01")
        assert trace_id not in await exemplars(proxy)


async def test_the_slow_query_log_names_the_trace(
    upstream: FakeUpstream, collector: FakeCollector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    settings: dict[str, Any] = {"log_queries_longer_than_ms": -1, "otlp_endpoint": collector.url}
    async with running(upstream.url, **settings) as proxy:
        await proxy.range()
    (line,) = [record for record in caplog.records if record.message == "slow query"]
    assert line.__dict__["trace_id"] == collector.of_kind(SERVER)[0].trace_id


# ── what runs when a process dies ─────────────────────────────────────────────────────────────


EXPR = 'sum(a{b="\\n"})\n# boom'


async def hang(url: str, **headers: str) -> None:
    """Ask for something that is never answered, until whoever is asked is gone."""
    form = {**QUERY, "query": EXPR, "end": "0"}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as session:
        with contextlib.suppress(aiohttp.ClientError):
            await session.post(url + RANGE, data=form, headers=headers)


async def found_wrong(proxy: Proxy) -> tuple[Finding, ...]:
    async with asyncio.timeout(10):
        while not (found := proxy.app.pulse.snapshot().findings):  # noqa: ASYNC110  it looks by itself
            await asyncio.sleep(0.02)
    return found


async def test_what_ran_when_a_process_was_killed_is_named_by_the_next(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    upstream.script = always(never)
    flags = (
        *ARGUMENTS,
        f"--query-frontend.downstream-url={upstream.url}",
        f"--query.active-log={tmp_path}",
    )
    before_ms = time.time_ns() // 1_000_000
    async with started(*flags) as (process, url):
        given = {"X-Dashboard-Uid": "dash", "THANOS-TENANT": "team"}
        asking = asyncio.create_task(hang(url, **given))
        await upstream.until(lambda: bool(upstream.asked))
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await asking
    async with running(upstream.url, pulse_s=0.05, active_log=str(tmp_path)) as proxy:
        (left,) = proxy.app.pulse.left
        (finding,) = await found_wrong(proxy)
        assert finding.fault == "query_of_death"
    assert left.expr == EXPR
    assert (left.tenant, left.dashboard, left.handler) == ("team", "dash", "query_range")
    assert before_ms <= left.began_ms <= time.time_ns() // 1_000_000
    async with running(upstream.url, active_log=str(tmp_path)) as proxy:
        assert proxy.app.pulse.left == ()


async def test_what_ran_in_a_worker_that_was_killed_is_named_by_another(
    upstream: FakeUpstream,
) -> None:
    upstream.script = always(never)
    async with fleet(upstream) as found:
        asking = asyncio.create_task(hang(found.url))
        await upstream.until(lambda: bool(upstream.asked))
        for pid in found.workers():  # one of them has it
            os.kill(pid, signal.SIGKILL)
        await asking
        assert found.process.stderr is not None
        async with asyncio.timeout(20):
            while b"was running when the process ended" not in (
                line := await found.process.stderr.readline()
            ):
                assert line, "it has ended"
    assert b"handler=query_range" in line
    assert b"# boom" in line


def written_ns(folder: Path) -> int:
    (path,) = folder.glob("queries-*.log")
    return path.stat().st_mtime_ns


async def test_what_never_asks_the_upstream_is_not_written_down(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    async with running(upstream.url, active_log=str(tmp_path), cache_config="") as proxy:
        await proxy.range()
        before_ns = written_ns(tmp_path)
        assert (await proxy.range()).status == 200
        assert written_ns(tmp_path) == before_ns
        await proxy.range({"query": "other"})
        assert written_ns(tmp_path) > before_ns


async def test_a_place_that_cannot_be_used_costs_a_warning(
    upstream: FakeUpstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    async with running(upstream.url, active_log=str(tmp_path / "file" / "under")) as proxy:
        assert (await proxy.range()).status == 200
    assert "running queries are not written down (--query.active-log)" in caplog.messages


def test_the_place_is_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def folder(**settings: str) -> str:
        return str(_folder(Settings(**settings)))  # type: ignore[arg-type]

    assert folder() == "None"
    assert folder(cache_dir="/c") == "/c/queries"
    assert folder(cache_dir="/c", active_log="off") == "None"
    assert folder(cache_dir="/c", active_log="/own") == "/own"
    monkeypatch.setenv(METRICS_VARIABLE, "/m")
    assert folder() == "None"
    monkeypatch.setenv(SOCKET_VARIABLE, "3")
    assert folder() == "/m/queries"
    assert folder(cache_dir="/c") == "/c/queries"
