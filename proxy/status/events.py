"""`/status/events`: the parts of the page that have changed, every other second, as server-sent events.

Nothing is queued for anybody. A listener that has read what it was sent is sent what has changed since;
one that is slow finds only the latest. The page is rendered once for all listeners, and only while
there are any.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from proxy.codec.valid_text import valid_text
from proxy.errors import TooManyListenersError
from proxy.status.endpoints import GUARDED, TakeSnapshot
from proxy.status.page import live_parts
from proxy.status.past import RecentLists

if TYPE_CHECKING:
    from proxy.status.html import Markup

INTERVAL_S = 2.0
_SHARED = 0.75
"""The part of the interval for which what was rendered for one listener is good for the others."""
_GREETING = b"retry: 3000\n\n"


@dataclass(slots=True)
class LiveParts:
    """The latest rendering. versions: when each part has last changed, counted in renderings."""

    take: TakeSnapshot
    can_cancel: bool
    version: int = 0
    parts: dict[str, Markup] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    _lists: RecentLists = field(default_factory=RecentLists)
    _rendered_at_s: float = -1e9

    def refresh(self, now_s: float, interval_s: float) -> None:
        """Render anew, unless that was done just now."""
        if now_s - self._rendered_at_s < interval_s * _SHARED:
            return
        self._rendered_at_s = now_s
        self.version += 1
        for name, part in live_parts(self.take(), self.can_cancel, self._lists).items():
            if self.parts.get(name) != part:
                self.parts[name] = part
                self.versions[name] = self.version

    def since(self, version: int) -> bytes:
        """The parts that have changed since, as an event; a comment where none has."""
        changed = {
            name: valid_text(part) for name, part in self.parts.items() if self.versions[name] > version
        }
        if not changed:
            return b": as before\n\n"
        return b"event: parts\ndata: " + orjson.dumps(changed) + b"\n\n"


class EventsEndpoint:
    """Sends to at most `most_listeners` at once, until they or the server leave."""

    def __init__(
        self,
        snapshot: TakeSnapshot,
        is_admin: bool,
        leaving: asyncio.Event,
        most_listeners: int,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._live = LiveParts(snapshot, is_admin)
        self._leaving = leaving
        self._most_listeners = most_listeners
        self._interval_s = interval_s
        self.listeners = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.listeners >= self._most_listeners:
            raise TooManyListenersError(
                f"{self.listeners} browsers watch the status page already "
                "(--status.max-listeners): close some, or raise it"
            )
        self.listeners += 1
        try:
            return await self._send(request)
        finally:
            self.listeners -= 1

    async def _send(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {
            **GUARDED,
            "Content-Type": "text/event-stream",
            "Server": "thanoxy",
            "X-Accel-Buffering": "no",  # a proxy in between passes each event on at once
        }
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(_GREETING)
        loop = asyncio.get_running_loop()
        seen = 0
        while not self._leaving.is_set():
            self._live.refresh(loop.time(), self._interval_s)
            event, seen = self._live.since(seen), self._live.version
            await response.write(event)
            await self._wait()
        await response.write_eof()
        return response

    async def _wait(self) -> None:
        """Until the next event is due, or the server leaves."""
        try:
            async with asyncio.timeout(self._interval_s):
                await self._leaving.wait()
        except TimeoutError:
            return
