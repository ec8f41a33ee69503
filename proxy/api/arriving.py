"""A request's body as it arrives, from clients that may never send the rest of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from aiohttp.web_protocol import RequestPayloadError

from proxy.api.client_limits import LEAST_PROGRESS_BYTES, limits_of
from proxy.errors import BadDataError, QueryError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web


class SlowBodyError(QueryError):
    """The client did not send its request's body in time."""

    error_type: ClassVar[str] = "timeout"
    status: ClassVar[int] = 408


async def arriving(request: web.BaseRequest) -> AsyncIterator[bytes]:
    """The body in the pieces in which it comes; only the time spent waiting for the client counts.

    Raises:
        SlowBodyError: the client is slower than `--http.body-timeout` allows.
        BadDataError: the body is not what its headers say.
    """
    loop = asyncio.get_running_loop()
    timeout_s = left_s = limits_of(request).body_timeout_s
    arrived_bytes = 0
    while True:
        began_s = loop.time()
        try:
            async with asyncio.timeout(left_s):
                piece = await request.content.readany()
        except TimeoutError:
            raise _too_slow(timeout_s) from None
        except RequestPayloadError as error:
            raise BadDataError("the request's body is not what its headers say") from error
        if not piece:
            return
        left_s -= loop.time() - began_s
        arrived_bytes += len(piece)
        if arrived_bytes >= LEAST_PROGRESS_BYTES:
            left_s, arrived_bytes = timeout_s, 0
        yield piece


async def read_up_to(request: web.BaseRequest, max_bytes: int) -> bytes:
    """The body; of one that is longer only a little more than that. Raises as `arriving`."""
    body = bytearray()
    async for piece in arriving(request):
        body += piece
        if len(body) > max_bytes:
            break
    return bytes(body)


def _too_slow(timeout_s: float) -> SlowBodyError:
    return SlowBodyError(
        f"the request's body did not arrive within {timeout_s:g} s for each 64 KiB of it "
        "(--http.body-timeout): send it faster, or ask for less"
    )
