"""Headers that every answer gets, plain, streamed, or about what is no HTTP: `http_server_config`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

Headers = tuple[tuple[str, str], ...]


class _Request(web.BaseRequest):
    extra: Headers = ()

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        """See aiohttp: called before the headers of any answer are sent."""
        for name, value in self.extra:
            response.headers[name] = value


def request_factory(headers: Headers) -> Callable[..., web.BaseRequest] | None:
    """What makes aiohttp's requests, so that answers to them get these headers; None without any."""
    if not headers:
        return None

    def make(*parts: Any) -> web.BaseRequest:
        message, payload, protocol, writer, task = parts
        loop = asyncio.get_running_loop()
        request = _Request(message, payload, protocol, writer, task, loop)
        request.extra = headers
        return request

    return make
