"""Spans on their way to a collector, which may be well, away, slow or mad."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from proxy import __version__
from proxy.api.about import About
from proxy.telemetry.book import Book
from proxy.telemetry.registry import REGISTRY
from proxy.tracing import exporter as exporter_module
from proxy.tracing.exporter import Collector, Exporter
from proxy.tracing.tracer import Tracer
from tests.tracing.collector import FakeCollector, fake_collector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def collector() -> AsyncIterator[FakeCollector]:
    async with fake_collector() as fake:
        yield fake


@asynccontextmanager
async def exporting(url: str, **more: Any) -> AsyncIterator[tuple[Tracer, Exporter]]:
    tracer = Tracer(1.0, lambda _record: {}, lambda _record: About())
    exporter = Exporter(tracer, Collector(url, **more))
    yield tracer, exporter
    await exporter.close(0)


def trace(tracer: Tracer, requests: int = 1) -> None:
    """As many spans as requests."""
    book = Book()
    book.watch(tracer)
    for _ in range(requests):
        book.close(book.open("query", None), 200, None)


def dropped(reason: str) -> float:
    return REGISTRY.get_sample_value("thanoxy_traces_dropped_total", {"reason": reason}) or 0


async def test_what_was_traced_arrives_with_the_headers_that_were_given(
    collector: FakeCollector,
) -> None:
    given: dict[str, Any] = {"headers": {"Authorization": "Bearer x"}, "resource": {"env": "test"}}
    async with exporting(collector.url, **given) as (tracer, exporter):
        trace(tracer)
        await exporter.send_all()
        assert len(collector.spans) == 1
        (headers,) = collector.headers
        assert headers["Authorization"] == "Bearer x"
        assert headers["Content-Type"] == "application/json"
        (resource,) = collector.bodies[0]["resourceSpans"]
        assert resource["resource"]["attributes"] == [{"key": "env", "value": {"stringValue": "test"}}]
        assert resource["scopeSpans"][0]["scope"]["version"] == __version__


async def test_spans_are_deflated_where_that_is_wanted(collector: FakeCollector) -> None:
    async with exporting(collector.url, gzip=True) as (tracer, exporter):
        trace(tracer)
        await exporter.send_all()
        assert collector.headers[0]["Content-Encoding"] == "gzip"
        assert len(collector.spans) == 1


async def test_many_go_in_several_requests(collector: FakeCollector) -> None:
    async with exporting(collector.url) as (tracer, exporter):
        trace(tracer, 450)
        await exporter.send_all()
        assert [
            len(body["resourceSpans"][0]["scopeSpans"][0]["spans"]) for body in collector.bodies
        ] == [
            200,
            200,
            50,
        ]


@pytest.mark.parametrize("status", [302, 400, 429, 503])
async def test_what_is_refused_is_counted_and_told_once(
    collector: FakeCollector, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    collector.status = status
    before = dropped("failed")
    async with exporting(collector.url) as (tracer, exporter):
        for _ in range(3):
            trace(tracer)
            await exporter.send_all()
        assert dropped("failed") - before == 3
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        collector.status = 200
        trace(tracer)
        await exporter.send_all()
        assert caplog.records[-1].message == "the collector of traces takes spans again"
        assert len(collector.spans) == 1


async def test_what_a_collector_rejects_of_a_request_is_counted(collector: FakeCollector) -> None:
    collector.answer = b'{"partialSuccess":{"rejectedSpans":"2"}}'
    before, sent = dropped("rejected"), REGISTRY.get_sample_value("thanoxy_traces_sent_total") or 0
    async with exporting(collector.url) as (tracer, exporter):
        trace(tracer, 5)
        await exporter.send_all()
    assert dropped("rejected") - before == 2
    assert (REGISTRY.get_sample_value("thanoxy_traces_sent_total") or 0) - sent == 3


async def test_a_collector_that_is_not_there_costs_one_batch_and_the_rest_waits() -> None:
    before = dropped("failed")
    async with exporting("http://127.0.0.1:1/v1/traces") as (tracer, exporter):
        trace(tracer, 450)
        await exporter.send_all()
        assert dropped("failed") - before == 200
        assert tracer.queued == 250


async def test_a_collector_that_hangs_is_given_up(collector: FakeCollector) -> None:
    collector.hangs = True
    before = dropped("failed")
    async with exporting(collector.url, timeout_s=0.05) as (tracer, exporter):
        trace(tracer)
        await exporter.send_all()
        assert dropped("failed") - before == 1


async def test_it_sends_by_itself(collector: FakeCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter_module, "_PAUSE_S", 0.01)
    async with exporting(collector.url) as (tracer, exporter):
        running = asyncio.create_task(exporter.run())
        for count in (1, 2):
            trace(tracer)
            await collector.until(count)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_the_last_spans_are_sent_at_the_end(collector: FakeCollector) -> None:
    async with exporting(collector.url) as (tracer, exporter):
        trace(tracer, 3)
        await exporter.close(5)
        assert len(collector.spans) == 3


async def test_the_end_is_not_held_up_by_a_collector_that_hangs(collector: FakeCollector) -> None:
    collector.hangs = True
    before, failed = dropped("closed"), dropped("failed")
    async with exporting(collector.url) as (tracer, exporter):
        trace(tracer, 450)
        running = asyncio.create_task(exporter.run())
        await collector.asked.wait()
        began_s = perf_counter()
        await exporter.close(0.05)
        assert perf_counter() - began_s < 2
        assert dropped("closed") - before == 250
        async with asyncio.timeout(5):
            while dropped("failed") - failed < 200:  # noqa: ASYNC110  what was on its way
                await asyncio.sleep(0.005)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
