"""A scripted StoreAPI: a gRPC server in this process that answers what a test tells it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from proxy.codec._pb.store_pb2 import SeriesRequest, SeriesResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Context = grpc.aio.ServicerContext[SeriesRequest, bytes]
    Script = Callable[[SeriesRequest, Context], AsyncIterator[bytes]]


class StoreServer:
    """What was asked of it, and what it has sent.

    Attributes:
        script: answers a request with messages, encoded; or aborts.
        requests, metadata: of each call, in order.
        sent: how many messages it could get rid of.
        ended: set when a call is over, however it ended.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[SeriesRequest] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self.sent = 0
        self.ended = asyncio.Event()
        self.address = ""

    async def series(self, request: SeriesRequest, context: Context) -> AsyncIterator[bytes]:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata() or ()))
        try:
            async for message in self.script(request, context):
                yield message
                self.sent += 1
        finally:
            self.ended.set()


@asynccontextmanager
async def store_server(
    script: Script,
    address: str = "127.0.0.1:0",
    credentials: grpc.ServerCredentials | None = None,
) -> AsyncIterator[StoreServer]:
    """Serve a script, on a free port unless the address says which."""
    served = StoreServer(script)
    server = grpc.aio.server(options=[("grpc.max_send_message_length", -1)])
    method: grpc.RpcMethodHandler[SeriesRequest, bytes] = grpc.unary_stream_rpc_method_handler(
        served.series, request_deserializer=SeriesRequest.FromString
    )
    handlers = {"Series": method}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("thanos.Store", handlers),))
    if credentials:
        port = server.add_secure_port(address, credentials)
    else:
        port = server.add_insecure_port(address)
    served.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield served
    finally:
        await server.stop(grace=None)


async def answering(*messages: SeriesResponse) -> AsyncIterator[bytes]:
    """A script's answer: these messages and no more."""
    for message in messages:
        yield message.SerializeToString()
