"""A server with the remote-read endpoint alone, and a scripted engine behind it."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import snappy
from aiohttp import web

from proxy.api.callers import Callers
from proxy.api.read_limits import ReadLimits
from proxy.api.remote_read import PATH, RemoteReadEndpoint
from proxy.api.respond import ResponsePolicy
from proxy.api.routes import Router, route
from proxy.api.server import JsonServer
from proxy.api.tenants import TenantPolicy
from proxy.codec._pb.remote_pb2 import Query, ReadRequest
from proxy.codec._pb.types_pb2 import LabelMatcher
from proxy.engine.admission import GateAndMemory
from proxy.engine.gate import Gate, GatePolicy
from proxy.engine.memory import MemoryBudget
from proxy.engine.memory_policy import MemoryPolicy
from proxy.engine.threads import WorkerThreads
from proxy.limits_config import LiveLimits
from proxy.plan.limits import Limits
from proxy.telemetry.metrics import READS_WAITING
from tests.chunks import batch_of, labels_of, xor_chunk
from tests.clients import Answer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable

    from proxy.model.chunks import ChunkBatch
    from proxy.model.query import Caller
    from proxy.model.read_query import ReadQuery

MEGABYTE = 1 << 20
SAMPLES, STREAMED = ReadRequest.SAMPLES, ReadRequest.STREAMED_XOR_CHUNKS
STREAMED_TYPE = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"

LIMITS = ReadLimits(
    max_body_bytes=MEGABYTE,
    max_queries=10,
    max_series=100_000,
    max_samples=10_000_000,
    max_plain_samples=10_000_000,
    max_bytes=1 << 33,
    frame_bytes=MEGABYTE,
    max_stall_ms=20_000,
)
GATE = GatePolicy(max_running=10, max_tenant_running=10, max_waiting=10, max_wait_ms=5000)

_CHUNK_SAMPLES = 100


def floats(count: int) -> list[tuple[int, float]]:
    """The first samples of every series."""
    return [(n * 1000, math.sin(n)) for n in range(count)]


def series(metric: str, size_bytes: int = 0, samples: int = 3) -> ChunkBatch:
    """One series; `size_bytes` of padding behind the samples of each chunk's payload."""
    of_series = floats(samples)
    chunks = []
    for start in range(0, samples, _CHUNK_SAMPLES):
        kind, first, last, payload = xor_chunk(of_series[start : start + _CHUNK_SAMPLES])
        chunks.append((kind, first, last, payload + bytes(size_bytes)))
    return batch_of({labels_of(name=metric): chunks})


@dataclass
class FakeReads:
    """Answers the query for the metric `a` with what stands in its script under `a`."""

    scripts: dict[str, Callable[[], Iterable[Any]]] = field(default_factory=dict)
    asked: list[tuple[ReadQuery, Caller]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    produced: int = 0
    closed: int = 0
    """Answers that were given up before their end."""

    given: list[AsyncGenerator[ChunkBatch]] = field(default_factory=list)
    """Held here, so that only closing ends them."""

    def read(self, query: ReadQuery, caller: Caller) -> AsyncGenerator[ChunkBatch]:
        self.asked.append((query, caller))
        self.given.append(self._answer(query))
        return self.given[-1]

    async def _answer(self, query: ReadQuery) -> AsyncGenerator[ChunkBatch]:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            for step in self.scripts.get(query.matchers[0].value, tuple)():
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                    continue
                self.produced += 1
                yield step
                await asyncio.sleep(0)
        except (GeneratorExit, asyncio.CancelledError):
            self.closed += 1
            raise
        finally:
            self.running -= 1


@dataclass
class Server:
    url: str
    reads: FakeReads
    session: aiohttp.ClientSession
    gate: Gate

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def post(self, body: Any, **headers: str) -> Answer:
        sent = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(self.url + PATH, data=body, headers={**sent, **named}) as response:
            return Answer(response.status, response.headers, await response.read())

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110  a test asks about many things
                await asyncio.sleep(0.005)


@asynccontextmanager
async def reading(gate: GatePolicy = GATE, limits: ReadLimits = LIMITS) -> AsyncIterator[Server]:
    reads, threads = FakeReads(), WorkerThreads(threads=2, inline_bytes=1 << 18)
    entrance = Gate(gate, READS_WAITING)
    endpoint = RemoteReadEndpoint(
        reads,
        entrance,
        threads,
        ResponsePolicy(gzip=True, cors=True),
        limits,
        Callers(TenantPolicy(), ("thanos-tenant",), 60.0),
        GateAndMemory(entrance, MemoryBudget(MemoryPolicy(1 << 30, 1_000))),
        LiveLimits("", Limits()),
    )
    named = route("remote_read", "GET HEAD POST", endpoint)
    router = Router({PATH: named}, named, ResponsePolicy(gzip=True, cors=True), 0)
    server = JsonServer(router, handler_cancellation=True, access_log=None, auto_decompress=False)
    runner = web.ServerRunner(server, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            yield Server(url, reads, session, entrance)
    finally:
        await runner.cleanup()
        threads.close()


def body_of(*metrics: str, types: Iterable[int] = (STREAMED,)) -> bytes:
    """A request with a query for each metric, as it is sent."""
    queries = [
        Query(
            start_timestamp_ms=0,
            end_timestamp_ms=10_000,
            matchers=[LabelMatcher(name="__name__", value=metric)],
        )
        for metric in metrics
    ]
    message = ReadRequest(queries=queries, accepted_response_types=list(types))  # type: ignore[arg-type]
    block: bytes = snappy.compress(message.SerializeToString())
    return block


def raw_request(body: bytes, version: str = "1.1") -> bytes:
    head = f"POST {PATH} HTTP/{version}\r\nHost: x\r\nContent-Encoding: snappy\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
