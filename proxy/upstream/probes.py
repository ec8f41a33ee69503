"""Asks every address again and again whether it is ready, so that one that is not gets no work."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from proxy.engine.fan_out import fan_out

if TYPE_CHECKING:
    from proxy.upstream.balancer import Candidate
    from proxy.upstream.client import ThanosClient

_LEAST_TIMEOUT_S = 1.0
_MOST_AT_ONCE = 20
_MOMENT_S = 0.1


async def probe_addresses(client: ThanosClient, interval_s: float) -> None:
    """Until cancelled. An address that does not know the question is as good as one that is ready."""

    async def probe(candidate: Candidate) -> None:
        status = await client.probe(candidate, max(interval_s, _LEAST_TIMEOUT_S))
        client.pool.probe(candidate, 0 < status < HTTPStatus.INTERNAL_SERVER_ERROR)

    news, broken = client.pool.news, False
    while True:
        wanted = [one for one in client.pool.candidates if one.breaker.needs_probe or not broken]
        if wanted:
            await fan_out(probe, wanted, _MOST_AT_ONCE)
        broken = await _is_soon(news, interval_s)


async def _is_soon(news: asyncio.Event, interval_s: float) -> bool:
    """Wait for the next round: a whole interval, or a moment when a connection has broken."""
    try:
        async with asyncio.timeout(interval_s):
            await news.wait()
    except TimeoutError:
        return False
    news.clear()
    await asyncio.sleep(min(_MOMENT_S, interval_s))
    return True
