"""Connections ask without a pause, and errors among the answers are counted."""

from __future__ import annotations

import asyncio

from benchmarks.closed_loop import ask_in_a_loop

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
EMPTY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


async def test_all_connections_ask_until_the_time_is_over() -> None:
    asked: set[asyncio.StreamWriter] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            asked.add(writer)
            writer.write(EMPTY if len(asked) == 1 else LENGTH)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        found = await ask_in_a_loop(f"http://127.0.0.1:{port}", "/x", 3, 0.05)
        for _ in range(5):
            await asyncio.sleep(0)
    assert len(asked) == 3
    assert found.requests > 3
    assert 1 <= found.errors < found.requests
    assert found.median_ms <= found.p99_ms <= found.most_ms
