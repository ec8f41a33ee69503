"""A body that is sent as it comes, at the client's pace; when it breaks off, the client notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from aiohttp import web

from proxy.api.sending import reset_on_close, stall_bounded
from proxy.api.server_timing import SERVER_TIMING, server_timing
from proxy.telemetry.record import current

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_HELD_BYTES = 1 << 18
"""Less than this is held back: an error in the meantime still has its own status."""
_WRITTEN_BYTES = 1 << 18
"""What is written at once, so that a client's progress is seen."""


class StreamedBody:
    """A context: when it is left by an error, and bytes are out, the connection's end says so."""

    def __init__(
        self,
        request: web.BaseRequest,
        headers: Mapping[str, str],
        max_stall_ms: int,
        length: int | None = None,
    ) -> None:
        """`length`: of the whole body, where it is known."""
        self._request = request
        self._headers = headers
        self._stall_bounded = stall_bounded(request, max_stall_ms / 1000)
        self._length = length
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._response: web.StreamResponse | None = None
        self.written_bytes = 0

    async def __aenter__(self) -> Self:
        self._stall_bounded.__enter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stall_bounded.__exit__(kind, error, traceback)
        transport = self._request.transport
        if error is not None and self._response is not None and transport is not None:
            reset_on_close(transport)

    async def write(self, part: bytes) -> None:
        """Send the next bytes, or hold them while they are few.

        Raises:
            ConnectionError: the client is gone, or was cut off because it has stopped reading.
        """
        self._held.append(part)
        self._held_bytes += len(part)
        self.written_bytes += len(part)
        if self._held_bytes >= _HELD_BYTES:
            await self._flush()

    async def finish(self) -> web.StreamResponse:
        """The end: what was short enough to be held goes out with its length."""
        if self._response is None:
            return web.Response(body=b"".join(self._held), headers=self._headers)
        await self._flush()
        await self._response.write_eof()
        return self._response

    async def _flush(self) -> None:
        if self._response is None:
            timing = {SERVER_TIMING: server_timing(current())}
            self._response = web.StreamResponse(headers={**self._headers, **timing})
            self._response.content_length = self._length
            await self._response.prepare(self._request)
        view = memoryview(b"".join(self._held))
        self._held, self._held_bytes = [], 0
        for start in range(0, len(view), _WRITTEN_BYTES):
            await self._response.write(view[start : start + _WRITTEN_BYTES])
