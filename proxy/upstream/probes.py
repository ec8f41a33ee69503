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


async def probe_addresses(client: ThanosClient, interval_s: float) -> None:
    """Until cancelled. An address that does not know the question is as good as one that is ready."""

    async def probe(candidate: Candidate) -> None:
        status = await client.probe(candidate, max(interval_s, _LEAST_TIMEOUT_S))
        client.pool.probe(candidate, 0 < status < HTTPStatus.INTERNAL_SERVER_ERROR)

    while True:
        candidates = client.pool.candidates
        if candidates:
            await fan_out(probe, candidates, _MOST_AT_ONCE)
        await asyncio.sleep(interval_s)
