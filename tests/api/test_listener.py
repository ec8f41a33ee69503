"""Many connections at once are all accepted; none is accepted any more once it is closed."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Any

import pytest

from proxy.api.listener import Listener

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
