"""`/-/healthy`, `/-/ready` and `/metrics`."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_metrics

from tests.clients import Proxy, running
from tests.fakes import FakeUpstream, always, never, reply, reset

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


async def test_healthy_means_the_process_runs_whatever_the_upstream_does(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    upstream.script = always(reset)
    answer = await proxy.get("/-/healthy")
    assert (answer.status, answer.body) == (200, b"thanoxy is healthy.\n")
    assert upstream.asked == []


@pytest.mark.parametrize(("upstreams", "status"), [(200, 200), (503, 503), (404, 503), (302, 503)])
async def test_ready_follows_the_upstream(
    proxy: Proxy, upstream: FakeUpstream, upstreams: int, status: int
) -> None:
    upstream.script = always(reply(upstreams, b"Thanos says", "text/plain"))
    answer = await proxy.get("/-/ready")
    assert answer.status == status
    assert upstream.asked[0].path == "/-/ready"
    assert b"Thanos says" not in answer.body


async def test_an_upstream_that_is_away_or_silent_is_not_ready(upstream: FakeUpstream) -> None:
    async with running(upstream.url, ready_timeout_ms=50) as proxy:
        for behaviour in (reset, never):
            upstream.script = always(behaviour)
            assert (await proxy.get("/-/ready")).status == 503


async def test_nobody_is_ready_who_is_on_the_way_out(proxy: Proxy, upstream: FakeUpstream) -> None:
    upstream.script = always(reply(200, b""))
    proxy.app.ready.leaving.set()
    assert (await proxy.get("/-/ready")).status == 503
    assert upstream.asked == []


async def test_health_answers_head_too_and_other_methods_go_upstream(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    upstream.script = always(reply(200, b""))
    for path in ("/-/healthy", "/-/ready", "/metrics"):
        answer = await proxy.ask("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")
        upstream.script = always(reply(405, b""))
        assert (await proxy.ask("DELETE", path)).status == 405
        upstream.script = always(reply(200, b""))


async def test_metrics_are_our_own_in_the_format_that_is_asked_for(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    await proxy.range()
    upstream.asked.clear()
    plain = await proxy.get("/metrics")
    assert plain.headers["Content-Type"].startswith("text/plain; version=")
    names = {family.name for family in plain_metrics(plain.body.decode())}
    assert "process_open_fds" in names
    modern = await proxy.get("/metrics", Accept=f"{OPEN_METRICS},text/plain;q=0.5")
    assert modern.headers["Content-Type"].startswith("application/openmetrics-text; version=")
    assert modern.body.endswith(b"# EOF\n")
    families = open_metrics(modern.body.decode())  # type: ignore[no-untyped-call]
    assert "thanoxy_split_queries" in {family.name for family in families}
    assert upstream.asked == []


async def test_metrics_are_answered_while_queries_wait(proxy: Proxy, upstream: FakeUpstream) -> None:
    upstream.script = always(never)
    waiting = asyncio.create_task(proxy.range())
    await upstream.until(lambda: len(upstream.asked) == 4)
    body = (await proxy.get("/metrics")).body.decode()
    in_flight = next(f for f in plain_metrics(body) if f.name == "thanoxy_http_requests_in_flight")
    assert in_flight.samples[0].value == 2
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
