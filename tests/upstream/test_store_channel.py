"""Channels with TLS. What they carry and bound is tested in `test_store_api.py`.

The certificates in `tls/` are valid until 2126; the key of the authority that signed them is gone.
The server's is for `store.test`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest

from proxy.codec._pb.store_pb2 import SeriesResponse
from proxy.upstream.store_channel import ChannelPolicy, StoreTls, open_channel
from tests.upstream.store_server import answering, store_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from proxy.codec._pb.store_pb2 import SeriesRequest
    from tests.upstream.store_server import Context, StoreServer

FOLDER = Path(__file__).parent / "tls"
POLICY = ChannelPolicy(max_message_bytes=1 << 20, connect_timeout_ms=2_000)
TLS = StoreTls(ca_file=str(FOLDER / "ca.pem"), server_name="store.test")
CLIENT = dataclasses.replace(
    TLS, cert_file=str(FOLDER / "client.pem"), key_file=str(FOLDER / "client-key.pem")
)


def tls_server(*, asks_for_certificate: bool = False) -> AbstractAsyncContextManager[StoreServer]:
    pair = [(FOLDER / name).read_bytes() for name in ("server-key.pem", "server.pem")]
    credentials = grpc.ssl_server_credentials(
        [(pair[0], pair[1])],
        (FOLDER / "ca.pem").read_bytes() if asks_for_certificate else None,
        asks_for_certificate,
    )
    return store_server(hello, credentials=credentials)


def hello(request: SeriesRequest, context: Context) -> AsyncIterator[bytes]:
    return answering(SeriesResponse(warning="hello"))


async def first_message(address: str, tls: StoreTls | None) -> object:
    channel = open_channel(address, dataclasses.replace(POLICY, tls=tls))
    series: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
        "/thanos.Store/Series"
    )
    try:
        return await series(b"", timeout=5).read()
    finally:
        await channel.close()


async def test_a_server_is_trusted_by_the_authority_that_is_named() -> None:
    async with tls_server() as server:
        assert await first_message(server.address, TLS) == b"\x12\x05hello"


@pytest.mark.parametrize(
    "tls",
    [None, StoreTls(server_name="store.test"), dataclasses.replace(TLS, server_name="other.test")],
    ids=["plain text", "system's authorities", "another name"],
)
async def test_a_server_is_not_talked_to_unless_it_is_trusted(tls: StoreTls | None) -> None:
    async with tls_server() as server:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await first_message(server.address, tls)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert not server.requests


async def test_the_system_s_authorities_are_those_of_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", TLS.ca_file)
    async with tls_server() as server:
        assert await first_message(server.address, StoreTls(server_name="store.test"))


async def test_a_client_shows_its_certificate_where_one_is_asked_for() -> None:
    async with tls_server(asks_for_certificate=True) as server:
        assert await first_message(server.address, CLIENT) == b"\x12\x05hello"
        with pytest.raises(grpc.aio.AioRpcError):
            await first_message(server.address, TLS)


@pytest.mark.parametrize("name", ["ca_file", "cert_file", "key_file"])
async def test_a_file_that_is_not_there_is_said_at_once(name: str) -> None:
    missing = StoreTls(**{name: "/nowhere/file.pem"})
    with pytest.raises(OSError, match=r"/nowhere/file\.pem"):
        open_channel("127.0.0.1:1", dataclasses.replace(POLICY, tls=missing))


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("grpc_proxy", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with store_server(hello) as server:
        assert await first_message(server.address, None) == b"\x12\x05hello"
