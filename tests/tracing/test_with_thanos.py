"""A trace goes on in a real Thanos, below the split that asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.clients import QUERY, range_path, running
from tests.thanos.cluster import ThanosCluster
from tests.tracing.collector import FakeCollector, fake_collector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CONFIG = """
type: OTLP
config: {{client_type: http, service_name: thanos, insecure: true, endpoint: "{}"}}
"""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CLIENT = 3


@pytest.fixture
async def collector() -> AsyncIterator[FakeCollector]:
    async with fake_collector() as fake:
        yield fake


@pytest.fixture
def thanos(collector: FakeCollector) -> Iterator[ThanosCluster]:
    address = collector.url.removeprefix("http://").partition("/")[0]
    flags = [f"--tracing.config={CONFIG.format(address)}"]
    with ThanosCluster(end_ms=1_790_000_000_000, query_flags=flags) as cluster:
        yield cluster


async def test_spans_of_thanos_stand_below_the_splits_that_asked(
    thanos: ThanosCluster, collector: FakeCollector
) -> None:
    async with running(thanos.query_url, otlp_endpoint=collector.url) as proxy:
        given = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        answer = await proxy.ask("GET", range_path(QUERY), headers=given)
        assert answer.status == 200
        splits = await collector.until(4, CLIENT)
        async with asyncio.timeout(20):
            while not all(_has_child(collector, span.span_id) for span in splits):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


def _has_child(collector: FakeCollector, span_id: str) -> bool:
    """Whether a span of Thanos (protobuf: its ids stand there as bytes) has this parent."""
    parent = b"\x22\x08" + bytes.fromhex(span_id)  # field 4, 8 bytes
    return any(parent in body and bytes.fromhex(TRACE) in body for body in collector.raw)
