"""The text protocol, spoken with a server that says what a test wants, and with a real one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from proxy.store.memcached_wire import MemcachedConnection
from proxy.store.raw_tier import Entry, TierError
from tests.store.cache_servers import ADDRESS, memcached

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW_S = 1_700_000_000
DAY_S = 86_400


class Script:
    """What the server answers to whatever it is told; what it was told."""

    def __init__(self) -> None:
        self.answers = [b""]
        self.told = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in self.answers:
            self.told += await reader.read(100_000)
            writer.write(answer)
        await reader.read()
        writer.close()


@asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[tuple[Script, MemcachedConnection]]:
    script = Script()
    script.answers = list(answers)
    server = await asyncio.start_server(script.serve, ADDRESS, 0)
    connection = await MemcachedConnection.open(ADDRESS, server.sockets[0].getsockname()[1], None, "")
    try:
        yield script, connection
    finally:
        connection.close()
        server.close()
        await server.wait_closed()


async def test_values_are_read_by_their_length() -> None:
    answer = b"VALUE a 0 5\r\nEND\r\n\r\nVALUE b 0 0\r\n\r\nEND\r\n"
    async with scripted(answer) as (script, connection):
        assert await connection.get(["a", "b", "c"]) == {"a": b"END\r\n", "b": b""}
        assert script.told == b"get a b c\r\n"
        assert connection.is_usable()


@pytest.mark.parametrize(
    "answer",
    [
        b"ERROR\r\n",
        b"SERVER_ERROR out of memory writing get response\r\n",
        b"CLIENT_ERROR bad\r\n",
        b"STORED\r\n",
        b"VALUE a 0\r\n",
        b"VALUE a 0 x\r\n",
        b"VALUE a 0 -1\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
)
async def test_an_answer_that_is_none_is_a_failure(answer: bytes) -> None:
    async with scripted(answer) as (_, connection):
        with pytest.raises(TierError):
            await connection.get(["a"])


async def test_a_server_that_ends_half_way_is_noticed() -> None:
    async with scripted() as (_, connection):
        connection._reader.feed_data(b"VALUE a 0 5\r\nab")
        connection._reader.feed_eof()
        with pytest.raises(EOFError):
            await connection.get(["a"])
        assert not connection.is_usable()


@pytest.mark.parametrize(
    ("life_s", "said"),
    [
        (60, b"60"),
        (30 * DAY_S, b"2592000"),
        (30 * DAY_S + 1, b"1702592001"),
        (365 * DAY_S, b"1731536000"),
    ],
)
async def test_a_life_above_thirty_days_is_said_as_a_time(life_s: int, said: bytes) -> None:
    async with scripted(b"STORED\r\n") as (script, connection):
        assert await connection.set_many([Entry("a", b"value", life_s)], NOW_S) == 1
        assert script.told == b"set a 0 %s 5\r\nvalue\r\n" % said


async def test_of_many_values_some_may_be_refused_for_want_of_room() -> None:
    answer = b"STORED\r\nSERVER_ERROR out of memory storing object\r\nSTORED\r\n"
    async with scripted(answer) as (_, connection):
        entries = [Entry(name, b"1", 60) for name in "abc"]
        assert await connection.set_many(entries, NOW_S) == 2
        assert connection.is_usable()


async def test_a_value_that_was_said_wrongly_is_a_failure() -> None:
    async with scripted(b"CLIENT_ERROR bad data chunk\r\n") as (_, connection):
        with pytest.raises(TierError, match="bad data chunk"):
            await connection.set_many([Entry("a", b"1", 60)], NOW_S)


async def test_a_value_that_is_too_large_for_the_server_does_not_disturb_the_next(
    tmp_path: Path,
) -> None:
    with memcached(tmp_path) as server:
        connection = await MemcachedConnection.open(ADDRESS, server.port, None, "")
        entries = [Entry("a", b"1", 60), Entry("b", bytes(2 << 20), 60), Entry("c", b"3", 60)]
        assert await connection.set_many(entries, NOW_S) == 2
        assert await connection.get(["a", "b", "c"]) == {"a": b"1", "c": b"3"}
        assert not await connection.add(entries[0], NOW_S)
        await connection.delete("a")
        assert await connection.add(entries[0], NOW_S)
        connection.close()


async def test_a_server_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(OSError, match=r"refused|111"):
        await MemcachedConnection.open(ADDRESS, 1, None, "")
