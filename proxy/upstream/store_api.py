"""Asks Thanos's StoreAPI over gRPC for raw samples. gRPC's exceptions stop here.

A stream is read one message at a time, and HTTP/2 lets a server send only a little ahead: a reader
that is slow, or stops, slows or stops the source.
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from proxy.codec.chunk_batches import EMPTY
from proxy.codec.store_frames import SeriesFrames, encode_series_request, series_in_a_message
from proxy.engine.ports import SampleBatch
from proxy.errors import (
    BadDataError,
    BadUpstreamAnswerError,
    LimitError,
    QueryError,
    QueryTimeoutError,
    UpstreamUnreachableError,
)
from proxy.plan.aggregates import Lane, lane_of
from proxy.telemetry.metrics import UPSTREAM_ATTEMPTS, UPSTREAM_BYTES
from proxy.telemetry.record import current
from proxy.upstream.store_channel import ChannelPolicy, open_channel

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from proxy.engine.ports import Threads
    from proxy.model.query import Caller
    from proxy.model.read_query import SampleAsk
    from proxy.telemetry.record import Ask

    _Call = grpc.aio.UnaryStreamCall[bytes, bytes]
    _Method = grpc.aio.UnaryStreamMultiCallable[bytes, bytes]

_SERIES = "/thanos.Store/Series"
_TENANT_KEY = "thanos-tenant"
_KEYS = {
    "authorization": "authorization",
    "traceparent": "traceparent",
    "tracestate": "tracestate",
    "x-request-id": "request-id",  # Thanos's own name for it, `pkg/server/grpc/request_id.go`
}
"""Headers that travel on, in lower case, and the metadata keys that they become."""
_ESSENTIAL_KEYS = frozenset((_TENANT_KEY, "authorization"))

_ERRORS: dict[grpc.StatusCode, tuple[type[QueryError], str]] = {
    grpc.StatusCode.INVALID_ARGUMENT: (BadDataError, ""),
    # Thanos's answer to its first warning, where partial answers are not wanted.
    grpc.StatusCode.ABORTED: (UpstreamUnreachableError, "the StoreAPI cannot answer in full: "),
    grpc.StatusCode.UNAVAILABLE: (UpstreamUnreachableError, "the StoreAPI is not available: "),
    grpc.StatusCode.CANCELLED: (UpstreamUnreachableError, "the StoreAPI ended its answer: "),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (LimitError, "the StoreAPI refused: "),
}
_LIMIT_OF_A_STORE = "code = ResourceExhausted"
"""In a warning about a store: its limit of series, chunks or bytes (`pkg/store/bucket.go`)."""
_TOO_LARGE = "larger than max"
"""In gRPC's own words about a message that exceeds `max_message_bytes`."""


@dataclass(frozen=True, slots=True)
class StoreApiPolicy:
    """How the StoreAPI is asked.

    request_timeout_ms: for each message of an answer; the reader's own time does not count.
    batch_series: how many series of a day shall come in one message.
    tenant_header: which HTTP header, in any case, names the tenant.
    """

    channel: ChannelPolicy
    request_timeout_ms: int
    batch_series: int = 64
    tenant_header: str = "THANOS-TENANT"


class StoreApi:
    """Implements `engine.ports.SampleSource` with one or more addresses, asked in turn.

    Made where the event loop runs.
    """

    def __init__(self, addresses: Sequence[str], policy: StoreApiPolicy, threads: Threads) -> None:
        self._policy = policy
        self._threads = threads
        self._channels = [open_channel(address, policy.channel) for address in addresses]
        self._methods: list[tuple[str, _Method]] = [
            (address, channel.unary_stream(_SERIES))
            for address, channel in zip(addresses, self._channels, strict=True)
        ]
        self._turns = itertools.cycle(range(len(self._channels)))

    async def close(self) -> None:
        """End what still runs, and all connections."""
        for channel in self._channels:
            await channel.close()

    async def series(self, ask: SampleAsk, caller: Caller) -> AsyncGenerator[SampleBatch]:
        """See `engine.ports.SampleSource.series`.

        Raises:
            QueryError: with Thanos's own words, where it has said any.
        """
        lane = lane_of(ask.func)
        count = series_in_a_message(ask, self._policy.batch_series)
        frames = SeriesFrames(lane, count)
        request = encode_series_request(ask, lane, count)
        # Only averages are decoded; all else takes less time than the way to a thread.
        is_heavy = lane is Lane.AVERAGE and ask.max_resolution_ms > 0
        size_bytes = 0
        question = current().ask(ask.first_ms, ask.last_ms)
        metadata = self._metadata(caller, question.headers)
        async with aclosing(self._messages(request, metadata, question)) as messages:
            async for message in messages:
                size_bytes = len(message) if is_heavy else 0
                if batch := await self._threads.run(frames.feed, message, size_bytes):
                    yield SampleBatch(batch, not frames.warnings)
        last = await self._threads.run(SeriesFrames.finish, frames, size_bytes)
        if last or frames.warnings:
            yield SampleBatch(last or EMPTY, not frames.warnings)

    async def _messages(
        self, request: bytes, metadata: grpc.aio.Metadata, question: Ask
    ) -> AsyncGenerator[bytes]:
        """The messages of an answer, and a word about them in the request's record."""
        received_bytes = 0
        question.send()
        try:
            async with aclosing(self._first_able(request, metadata, question)) as messages:
                async for message in messages:
                    received_bytes += len(message)
                    yield message
        except Exception:
            question.end(has_failed=True)
            raise
        finally:  # a reader that has had enough is no failure
            if not question.done_s:
                question.arrive(received_bytes)
                question.end()

    async def _first_able(
        self, request: bytes, metadata: grpc.aio.Metadata, question: Ask
    ) -> AsyncGenerator[bytes]:
        """The messages of an answer; an address that cannot be reached gives way to the next."""
        clock, limit_s = asyncio.get_running_loop().time, self._policy.request_timeout_ms / 1000
        deadline_s = clock() + limit_s  # of the first message, however many attempts it takes
        turn = next(self._turns)
        methods = self._methods[turn:] + self._methods[:turn]
        for attempt, (address, method) in enumerate(methods, 1):
            has_begun = False
            question.attempt(address)
            call = method(request, metadata=metadata)
            try:
                while isinstance(message := await _next(call, deadline_s - clock()), bytes):
                    has_begun = True
                    UPSTREAM_BYTES.inc(len(message))
                    yield message
                    deadline_s = clock() + limit_s  # the reader's time does not count
            except TimeoutError:
                UPSTREAM_ATTEMPTS.labels("grpc_deadline_exceeded").inc()
                raise self._too_late() from None
            except grpc.aio.AioRpcError as error:
                UPSTREAM_ATTEMPTS.labels(f"grpc_{error.code().name.lower()}").inc()
                is_away = error.code() is grpc.StatusCode.UNAVAILABLE and not has_begun
                if not is_away or attempt == len(methods):
                    raise self._mapped(error) from error
            else:
                UPSTREAM_ATTEMPTS.labels("grpc_ok").inc()
                return
            finally:
                call.cancel()

    def _metadata(self, caller: Caller, first: Sequence[tuple[str, str]]) -> grpc.aio.Metadata:
        """Headers that travel on; `first` in place of the caller's.

        Raises BadDataError for a tenant or credentials that gRPC cannot carry.
        """
        keys = {**_KEYS, self._policy.tenant_header.lower(): _TENANT_KEY}
        values: dict[str, str] = {}
        for name, value in (*first, *caller.pairs):
            if key := keys.get(name.lower()):
                values.setdefault(key, value)
        for key, value in list(values.items()):
            if value.isascii() and value.isprintable():
                continue
            if key in _ESSENTIAL_KEYS:
                raise BadDataError(f"gRPC cannot carry the value of {key}: it is not printable ASCII")
            del values[key]
        return grpc.aio.Metadata(*values.items())

    def _too_late(self) -> QueryTimeoutError:
        limit_s = self._policy.request_timeout_ms / 1000
        return QueryTimeoutError(
            f"the StoreAPI did not answer within {limit_s:g} s (--upstream.request-timeout)"
        )

    def _mapped(self, error: grpc.aio.AioRpcError) -> QueryError:
        """The one place where gRPC's statuses become our errors."""
        code, words = error.code(), error.details() or "it gave no reason"
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return self._too_late()
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in words:
            return LimitError(
                f"a message of the StoreAPI is larger than {self._policy.channel.max_message_bytes} "
                "bytes (--upstream.grpc-max-message-bytes): ask for a shorter range",
                "grpc_max_message_bytes",
            )
        kind, text = _ERRORS.get(code, (BadUpstreamAnswerError, f"the StoreAPI answered {code.name}: "))
        if code is grpc.StatusCode.ABORTED and _LIMIT_OF_A_STORE in words:
            kind = LimitError
        return kind(text + words)


async def _next(call: _Call, within_s: float) -> object:
    async with asyncio.timeout(within_s):
        return await call.read()
