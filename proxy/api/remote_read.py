"""`POST /api/v1/read`: Prometheus's remote read, both types of answer.

Errors are plain text: Prometheus's client shows an answer's body as it is (storage/remote/client.go,
handleReadResponse), and its server answers so, too (read_handler.go). What goes wrong when a part
of the answer is out already breaks the connection.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from proxy.api.read_limits import ReadLimits, Tally
from proxy.api.read_stream import StreamedBody
from proxy.api.respond import ResponsePolicy, retry_after
from proxy.codec.error_text import error_text
from proxy.codec.read_frames import frames
from proxy.codec.read_request import ReadRequest, ResponseType, parse_read_request
from proxy.codec.read_samples import SamplesAnswer
from proxy.errors import BadDataError, LimitError, QueryError, UpstreamAnswerError
from proxy.plan.blocked import Question
from proxy.plan.limits import check_question
from proxy.telemetry.metrics import READ_BYTES, READ_QUERIES
from proxy.telemetry.record import ANALYSE, WAIT, current

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping

    from proxy.api.callers import Callers
    from proxy.engine.gate import Gate
    from proxy.engine.ports import Admission, LimitsSource, Threads
    from proxy.model.chunks import ChunkBatch
    from proxy.model.query import Caller
    from proxy.model.read_query import ReadQuery

PATH = "/api/v1/read"
_SAMPLES = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
_STREAMED = {"Content-Type": "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"}
_SAMPLES_GROW_BY = 10
"""About so much longer than chunks their samples are."""
_HOW_TO_ASK = "remote read is asked with POST; the body is a snappy-compressed prometheus.ReadRequest"


class Reads(Protocol):
    """What answers queries: `engine.remote_read.RemoteReads`."""

    def read(self, query: ReadQuery, caller: Caller) -> AsyncGenerator[ChunkBatch]:
        """The series that match, in order of their labels, some at a time, each of them once.

        Chunks are in order of time, do not overlap and hold no sample outside of the query's times.
        Closing the generator ends the work for it. Raises `QueryError`s.
        """
        ...


@dataclass(frozen=True, slots=True)
class RemoteReadEndpoint:
    """Answers remote reads, and tells those who try another method that it wants a POST.

    admission: gives the memory that a read may collect. rules: which reads are blocked.
    """

    reads: Reads
    gate: Gate
    threads: Threads
    policy: ResponsePolicy
    limits: ReadLimits
    callers: Callers
    admission: Admission
    rules: LimitsSource

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "POST":
            return self._text(HTTPStatus.METHOD_NOT_ALLOWED, _HOW_TO_ASK, {"Allow": "POST"})
        try:
            return await self._answer(request)
        except QueryError as error:
            if request.writer.output_size > 0:
                raise  # the router breaks the connection
            return self._refusal(error)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        # A read may take longer than a query: what bounds it is that both sides keep moving.
        caller = dataclasses.replace(self.callers.asking(request, None), deadline_s=math.inf)
        if self.rules.current.judges_questions:
            check_question(Question("read", caller.tenant, (), request.headers), self.rules.current)
        body = await self._read_body(request)
        read = await self.threads.run(self._parse, body, len(body))
        READ_QUERIES.labels(read.response_type.name).inc(len(read.queries))
        record = current()
        record.mark(ANALYSE)
        async with (
            self.gate.enter(caller.tenant),
            self._memory(),
            aclosing(self._batches(read, caller)) as batches,
        ):
            record.mark(WAIT)
            if read.response_type is ResponseType.STREAMED_XOR_CHUNKS:
                return await self._send_frames(request, batches)
            return await self._send_samples(request, batches, len(read.queries))

    @asynccontextmanager
    async def _memory(self) -> AsyncIterator[None]:
        """What a read may collect, set aside."""
        memory = self.admission.open()
        try:
            await memory.grow(self.limits.memory_bytes)
            yield
        finally:
            memory.close()

    async def _read_body(self, request: web.BaseRequest) -> bytes:
        """The body as it was sent, compressed.

        Raises:
            BadDataError: it is too large, does not arrive, or is compressed in another way.
        """
        encoding = request.headers.get("Content-Encoding", "snappy")
        if encoding.strip().lower() != "snappy":
            raise BadDataError(f"the body's Content-Encoding is {encoding}; compress it with snappy")
        limits, body = self.limits, b""
        announced_bytes = request.content_length or 0
        if announced_bytes <= limits.max_body_bytes:
            try:
                async with asyncio.timeout(limits.max_stall_ms / 1000):
                    body = await _read_up_to(request, limits.max_body_bytes)
            except TimeoutError:
                raise BadDataError(
                    f"the body was not complete after {limits.max_stall_ms} ms "
                    "(--remote-read.max-stall)"
                ) from None
        if max(announced_bytes, len(body)) > limits.max_body_bytes:
            raise BadDataError(
                f"the body is larger than {limits.max_body_bytes} bytes "
                "(--remote-read.max-request-bytes); send fewer queries at a time"
            )
        return body

    def _parse(self, body: bytes) -> ReadRequest:
        return parse_read_request(body, self.limits.max_body_bytes, self.limits.max_queries)

    async def _batches(
        self, read: ReadRequest, caller: Caller
    ) -> AsyncGenerator[tuple[int, ChunkBatch]]:
        """All series of all queries in the request's order, with the number of their query."""
        tally = Tally(self.limits, read.response_type)
        for number, query in enumerate(read.queries):
            async with aclosing(self.reads.read(query, caller)) as batches:
                async for batch in batches:
                    tally.count(batch)
                    yield number, batch

    async def _send_frames(
        self, request: web.BaseRequest, batches: AsyncGenerator[tuple[int, ChunkBatch]]
    ) -> web.StreamResponse:
        headers = {**self.policy.headers(), **_STREAMED}
        async with StreamedBody(request, headers, self.limits.max_stall_ms) as body:
            async for number, batch in batches:
                groups = frames(batch, number, self.limits.frame_bytes)
                size_bytes = len(batch.chunks.data)
                while group := await self.threads.run(_next_group, groups, size_bytes):
                    self._count_bytes(body, group)
                    await body.write(group)
            return await body.finish()

    def _count_bytes(self, body: StreamedBody, group: bytes) -> None:
        READ_BYTES.labels(ResponseType.STREAMED_XOR_CHUNKS.name).inc(len(group))
        if body.written_bytes + len(group) > self.limits.max_bytes:
            raise LimitError(
                f"the answer has more than {self.limits.max_bytes} bytes "
                "(--remote-read.max-response-bytes): ask for fewer series or a shorter range",
                "read_max_bytes",
            )

    async def _send_samples(
        self,
        request: web.BaseRequest,
        batches: AsyncGenerator[tuple[int, ChunkBatch]],
        queries: int,
    ) -> web.StreamResponse:
        answer = SamplesAnswer(queries, self.limits.max_plain_samples, self.limits.max_bytes)
        async for number, batch in batches:
            size_bytes = len(batch.chunks.data) * _SAMPLES_GROW_BY
            await self.threads.run(partial(answer.add, number), batch, size_bytes)
        parts = answer.finish()
        length = sum(map(len, parts))
        READ_BYTES.labels(ResponseType.SAMPLES.name).inc(length)
        headers = {**self.policy.headers(), **_SAMPLES}
        async with StreamedBody(request, headers, self.limits.max_stall_ms, length) as body:
            for part in parts:
                await body.write(part)
            return await body.finish()

    def _refusal(self, error: QueryError) -> web.Response:
        if isinstance(error, UpstreamAnswerError):
            return self._text(error.answer_status, error_text(error.body), {})
        return self._text(error.status, str(error), retry_after(error))

    def _text(self, status: int, text: str, extra: Mapping[str, str]) -> web.Response:
        """As Go's `http.Error` answers."""
        headers = {
            **self.policy.headers(),
            "Content-Type": "text/plain; charset=utf-8",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            **extra,
        }
        return web.Response(status=status, body=f"{text}\n".encode(errors="replace"), headers=headers)


async def _read_up_to(request: web.BaseRequest, max_bytes: int) -> bytes:
    """The body; of one that is longer only a little more than that."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            break
    return bytes(body)


def _next_group(groups: Iterator[bytes]) -> bytes:
    return next(groups, b"")
