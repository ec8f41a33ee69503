"""One connection to memcached, in its text protocol: the few commands that a cache of values needs.

None of the clients on PyPI serves here. After a read that was given up, aiomcache goes on with the
connection where it stands, and hands out what belongs to the question before. memcachio reads a large
answer again from its beginning with each piece that arrives. emcache knows no names and no own
certificates for TLS, and tries a server that was away again only after up to a minute.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from proxy.store.raw_tier import Entry, TierError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

_READ_AHEAD_BYTES = 1 << 20
_MOST_RELATIVE_S = 30 * 86_400
"""What lives longer is said as a time of the clock: memcached takes a larger number for one."""
_ERRORS = (b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")


class MemcachedConnection:
    """Commands follow one another; after one that raised, the connection is of no use any more.

    Raises:
        TierError, OSError, EOFError: from all commands.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(
        cls, host: str, port: int, context: ssl.SSLContext | None, name: str
    ) -> MemcachedConnection:
        """Connect. name: what the server's certificate bears, where there is a context.

        Raises:
            OSError: it cannot be reached, or is not who it should be.
        """
        reader, writer = await asyncio.open_connection(
            host,
            port,
            limit=_READ_AHEAD_BYTES,
            ssl=context,
            server_hostname=name if context else None,
        )
        return cls(reader, writer)

    def is_usable(self) -> bool:
        """Whether the server has not ended it."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    def close(self) -> None:
        self._writer.close()

    async def get(self, names: Sequence[str]) -> dict[str, bytes]:
        """What is there under some names."""
        self._writer.write(f"get {' '.join(names)}\r\n".encode())
        found = {}
        while (line := await self._line()) != b"END":
            word, _, rest = line.partition(b" ")
            fields = rest.split(b" ")
            if word != b"VALUE" or len(fields) != 3 or not fields[2].isdigit():  # noqa: PLR2004
                raise TierError("an answer that is none")
            found[fields[0].decode("latin-1")] = await self._reader.readexactly(int(fields[2]))
            await self._reader.readexactly(2)
        return found

    async def set_many(self, entries: Sequence[Entry], now_s: int) -> int:
        """Keep values; how many of them the server has taken."""
        for entry in entries:
            self._send(b"set", entry, now_s)
        await self._writer.drain()
        kept = 0
        for _ in entries:
            kept += await self._line(may_refuse=True) == b"STORED"
        return kept

    async def add(self, entry: Entry, now_s: int) -> bool:
        """Keep a value unless there is one."""
        self._send(b"add", entry, now_s)
        return await self._line() == b"STORED"

    async def delete(self, name: str) -> None:
        self._writer.write(f"delete {name}\r\n".encode())
        await self._line()

    def _send(self, command: bytes, entry: Entry, now_s: int) -> None:
        expires_s = entry.life_s if entry.life_s <= _MOST_RELATIVE_S else now_s + entry.life_s
        head = b"%s %s 0 %d %d\r\n" % (command, entry.name.encode(), expires_s, len(entry.value))
        self._writer.writelines((head, entry.value, b"\r\n"))

    async def _line(self, *, may_refuse: bool = False) -> bytes:
        """One line. may_refuse: the server may say that it has no room, and goes on."""
        line = (await self._reader.readuntil(b"\r\n"))[:-2]
        word = line.partition(b" ")[0]
        if word in _ERRORS and not (may_refuse and word == b"SERVER_ERROR"):
            raise TierError(line[:100].decode("latin-1"))
        return line
