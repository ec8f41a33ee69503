"""Many connections at once are all accepted, encrypted or not; none any more once it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from proxy.api import listener as module
from proxy.api.listener import Listener, Tls
from tests.certificates import Authority, Pair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Greeter(asyncio.Protocol):
    """Says hello to who comes."""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"hello")
        transport.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener(Greeter)
    yield made
    await made.close()


async def greeting(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_hundreds_that_come_at_once_are_all_greeted(listener: Listener) -> None:
    host, port = await listener.open("127.0.0.1", 0)
    greetings = await asyncio.gather(*(greeting(host, port) for _ in range(400)))
    assert greetings == [b"hello"] * 400


async def test_a_name_is_all_its_addresses(listener: Listener) -> None:
    host, port = await listener.open("localhost", 0)
    assert await greeting(host, port) == b"hello"


async def test_a_port_that_is_taken_is_an_error(listener: Listener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        await listener.open("127.0.0.1", other.getsockname()[1])


async def test_who_comes_after_the_end_is_refused(listener: Listener) -> None:
    host, port = await listener.open("127.0.0.1", 0)
    await listener.close()
    with pytest.raises(ConnectionRefusedError):
        await greeting(host, port)


async def test_without_file_descriptors_it_pauses_and_goes_on(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = await listener.open("127.0.0.1", 0)
    (listening,) = listener._sockets
    failures: list[int] = []

    class Exhausted:
        def fileno(self) -> int:
            return listening.fileno()

        def close(self) -> None:
            listening.close()

        def accept(self) -> object:
            if not failures:
                failures.append(1)
                raise OSError(errno.EMFILE, "Too many open files")
            return listening.accept()

    loop = asyncio.get_running_loop()
    loop.remove_reader(listening.fileno())
    exhausted: Any = Exhausted()
    monkeypatch.setattr(listener, "_sockets", [exhausted])
    loop.add_reader(listening.fileno(), listener._accept, exhausted)
    assert await greeting(host, port) == b"hello"
    assert failures == [1]


class Doors:
    """A listener with TLS; counts the connections that it has let in."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.allowed: frozenset[str] = frozenset()
        self.in_all = 0
        self.listener = Listener(self._let_in, self._tls)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        pair = self.authority.issue("server")
        self._context.load_cert_chain(pair.cert_file, pair.key_file)
        self._context.load_verify_locations(self.authority.ca_file)

    def _tls(self) -> Tls:
        self._context.verify_mode = ssl.CERT_REQUIRED if self.allowed else ssl.CERT_OPTIONAL
        return Tls(self._context, self.allowed)

    def _let_in(self) -> asyncio.Protocol:
        self.in_all += 1
        return Greeter()

    def client(self, pair: Pair | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority.ca_file)
        if pair:
            context.load_cert_chain(pair.cert_file, pair.key_file)
        return context


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    made = Doors(tmp_path)
    yield made
    await made.listener.close()


async def said(address: tuple[str, int], context: ssl.SSLContext) -> bytes:
    """What is said to an encrypted connection; nothing where it is refused."""
    try:
        reader, writer = await asyncio.open_connection(*address, ssl=context)
    except (ssl.SSLError, ConnectionError):
        return b""
    try:
        return await reader.read()
    except (ssl.SSLError, ConnectionError):
        return b""
    finally:
        writer.transport.abort()


def open_sockets() -> int:
    """How many sockets this process holds."""
    found = 0
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of the folder itself
            found += str(one.readlink()).startswith("socket:")
    return found


@contextlib.asynccontextmanager
async def no_socket_left_open() -> AsyncIterator[None]:
    """Fail when sockets are still open a while after."""
    before = open_sockets()
    yield
    for _ in range(250):
        if open_sockets() <= before:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{open_sockets() - before} sockets are still open")


async def test_hundreds_of_encrypted_connections_are_all_greeted(doors: Doors) -> None:
    address = await doors.listener.open("127.0.0.1", 0)
    context = doors.client()
    async with no_socket_left_open():
        greetings = await asyncio.gather(*(said(address, context) for _ in range(100)))
    assert greetings == [b"hello"] * 100


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"",
        b"\x16\x03\x01\x00\x05hello",
        b"\x16\x03\x01\xff\xff",
        os.urandom(500),
    ],
    ids=["plain HTTP", "nothing", "half a hello", "a length too large", "noise"],
)
async def test_what_is_no_handshake_is_a_line_for_debugging_and_leaves_nothing(
    doors: Doors, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    address = await doors.listener.open("127.0.0.1", 0)
    async with no_socket_left_open():
        for _ in range(20):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(sent)
            writer.write_eof()
            async with asyncio.timeout(5):
                await asyncio.gather(reader.read(), return_exceptions=True)
            writer.transport.abort()
    assert doors.in_all in {0, 20}  # made, and never told of a connection
    lines = [record for record in caplog.records if record.name == "thanoxy"]
    assert {record.levelno for record in lines} <= {logging.DEBUG}
    assert {record.getMessage() for record in lines} <= {"a connection ended before it began"}
    assert await said(address, doors.client()) == b"hello"


async def test_a_handshake_that_takes_too_long_is_ended(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HANDSHAKE_S", 0.2)
    address = await doors.listener.open("127.0.0.1", 0)
    async with no_socket_left_open():
        reader, writer = await asyncio.open_connection(*address)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.transport.abort()


async def test_closing_does_not_wait_long_for_handshakes(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LAST_HANDSHAKES_S", 0.1)
    address = await doors.listener.open("127.0.0.1", 0)
    async with no_socket_left_open():
        silent = [await asyncio.open_connection(*address) for _ in range(5)]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(2):
            await doors.listener.close()
        for reader, writer in silent:
            assert await reader.read() == b""
            writer.transport.abort()


async def test_closing_lets_those_in_who_have_come(doors: Doors) -> None:
    address = await doors.listener.open("127.0.0.1", 0)
    begun = await asyncio.open_connection(*address)
    await asyncio.sleep(0.05)
    closing = asyncio.get_running_loop().create_task(doors.listener.close())
    await asyncio.sleep(0)
    reader, writer = begun
    await writer.start_tls(doors.client(), server_hostname="127.0.0.1")
    assert await reader.read() == b"hello"
    writer.transport.abort()
    await closing


@pytest.mark.parametrize(
    ("identity", "allowed"),
    [
        ("grafana", "grafana"),
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8::1", "2001:db8::1"),
        ("team@example.org", "team@example.org"),
    ],
)
async def test_a_certificate_with_an_allowed_name_comes_in_and_no_other(
    doors: Doors, identity: str, allowed: str
) -> None:
    doors.allowed = frozenset({allowed, "somebody-else"})
    address = await doors.listener.open("127.0.0.1", 0)
    wanted = doors.authority.issue("wanted", identity)
    other = doors.authority.issue("other", "prometheus", common_name=allowed)
    async with no_socket_left_open():
        assert await said(address, doors.client(wanted)) == b"hello"
        assert await said(address, doors.client(other)) == b""
        assert await said(address, doors.client()) == b""
    assert doors.in_all == 1


async def test_a_new_certificate_serves_the_next_connection(doors: Doors, tmp_path: Path) -> None:
    address = await doors.listener.open("127.0.0.1", 0)
    before = await shown_certificate(address)
    pair = doors.authority.issue("server")
    fresh = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    fresh.load_cert_chain(pair.cert_file, pair.key_file)
    assert await shown_certificate(address) == before
    doors._context = fresh
    assert await shown_certificate(address) != before


async def shown_certificate(address: tuple[str, int]) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(*address, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    assert isinstance(shown, bytes)
    return shown
