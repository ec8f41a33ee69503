"""A name server on loopback that says what a test tells it to, over UDP and TCP."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ADDRESS = "127.0.0.1"


@dataclass
class DnsServer:
    """records: name to the texts of its SRV records. mood: what it does instead of answering."""

    records: dict[str, list[str]] = field(default_factory=dict)
    mood: str = ""
    port: int = 0
    asked: list[str] = field(default_factory=list)

    def answer(self, wire: bytes, over: str) -> bytes | None:
        if self.mood == "garbage":
            return b"no message"
        query = dns.message.from_wire(wire)
        name = query.question[0].name
        self.asked.append(over)
        if self.mood == "silent":  # over TCP: an empty message
            return None
        response = dns.message.make_response(query)
        if self.mood == "servfail":
            response.set_rcode(dns.rcode.SERVFAIL)
        elif over == "udp" and self.mood == "truncated":
            response.flags |= dns.flags.TC
        elif (texts := self.records.get(str(name).rstrip("."))) is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif texts:
            response.answer.append(dns.rrset.from_text_list(name, 1, "IN", "SRV", texts))
        wire_answer: bytes = response.to_wire()
        return wire_answer

    async def serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        answer = self.answer(await reader.readexactly(length), "tcp") or b""
        writer.write(len(answer).to_bytes(2, "big") + answer)
        await writer.drain()
        writer.close()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        answer = self._server.answer(data, "udp")
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


@asynccontextmanager
async def dns_server(**records: list[str]) -> AsyncIterator[DnsServer]:
    """A running server; names are written with `_` for `.` where Python needs it."""
    server = DnsServer(dict(records))
    loop = asyncio.get_running_loop()
    tcp = await asyncio.start_server(server.serve_tcp, ADDRESS, 0)
    server.port = tcp.sockets[0].getsockname()[1]
    udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(server), (ADDRESS, server.port))
    try:
        yield server
    finally:
        udp.close()
        tcp.close()
        await tcp.wait_closed()
