"""The fake Thanos Queries: each answers from the world as it sees it, unless a fault strikes."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from tests.fakes import Asked, reply
from tests.soak.faults import DROP, KIND_OF, Fault, Kind
from tests.soak.questions import TENANT_HEADER, read_question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fakes import Behaviour
    from tests.soak.clock import SoakClock
    from tests.soak.views import Views
    from tests.soak.world import World

STORES_PATH, READY_PATH, RUNTIME_PATH = "/api/v1/stores", "/-/ready", "/api/v1/status/runtimeinfo"
ABOUT_ITSELF = {STORES_PATH, READY_PATH, RUNTIME_PATH}
_REMEMBERED_STRIKES = 4_000


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that a request met, in seconds of the event loop."""

    kind: Kind
    began_s: float
    ended_s: float


@dataclass(slots=True)
class Sky:
    """What all replicas share: the world, the views, the time, the strikes of late."""

    world: World
    views: Views
    clock: SoakClock
    strikes: deque[Strike] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_STRIKES))
    struck: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)


class Replica:
    """A server on a port of its own."""

    def __init__(self, number: int, sky: Sky, chance: random.Random) -> None:
        self.number = number
        self.running = 0
        self.faults: tuple[Fault, ...] = ()
        self._sky = sky
        self._chance = chance
        self._port = 0
        self._runner: web.ServerRunner | None = None
        self._server: web.Server | None = None
        self._dropped_s = 0.0
        self._starts = 0
        self._meeting: list[Kind] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def connections(self) -> int:
        return len(self._server.connections) if self._server else 0

    async def open(self) -> None:
        """Start, and listen on the same port as before."""
        self._starts += 1
        self._server = web.Server(
            self.serve, handler_cancellation=True, access_log=None, auto_decompress=False
        )
        self._runner = web.ServerRunner(self._server, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Refuse connections, and end those that there are."""
        runner, self._runner, self._server = self._runner, None, None
        if runner:
            await runner.cleanup()

    async def suffer(self, faults: tuple[Fault, ...]) -> None:
        """Have these faults from now on."""
        self.faults = faults
        is_dropped = any(fault.kind.name == DROP for fault in faults)
        loop = asyncio.get_running_loop()
        if is_dropped and self._runner:
            self._dropped_s = loop.time()
            await self.close()
        elif not is_dropped and not self._runner:
            await self.open()
            self._sky.strikes.append(Strike(KIND_OF[DROP], self._dropped_s, loop.time()))

    @property
    def is_ill(self) -> bool:
        """Whether a fault may strike what it is asked, beside its list of stores."""
        return any(not fault.only_looks for fault in self.faults)

    @property
    def unended(self) -> list[Kind]:
        """The kinds of trouble that requests are meeting now."""
        return [*self._meeting, *([] if self._runner else [KIND_OF[DROP]])]

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        asked = Asked(request.method, request.raw_path, list(request.headers.items()), b"")
        self.running += 1
        loop = asyncio.get_running_loop()
        began_s, fault = loop.time(), None
        try:
            asked.body = await request.content.read()
            fault = self._fault(asked.path)
            self._meeting += [fault.kind] if fault else []
            body = self._body(asked)
            if fault is None or (fault.kind.completes and self._is_partial(asked.path)):
                return await self._right(asked.path, body)(asked, request)
            return await fault.kind.make(body)(asked, request)
        finally:
            self.running -= 1
            if fault:
                self._meeting.remove(fault.kind)
                self._sky.strikes.append(Strike(fault.kind, began_s, loop.time()))
                self._sky.struck[fault.kind.name] += 1

    def _fault(self, path: str) -> Fault | None:
        for fault in self.faults:
            is_meant = not fault.only_looks or path == STORES_PATH
            if is_meant and self._chance.random() < fault.chance:
                return fault
        return None

    def _body(self, asked: Asked) -> bytes:
        now_ms = self._sky.clock.now_ms
        if asked.path in ABOUT_ITSELF:
            data: object = {"startTime": f"start {self._starts}"}
            if asked.path == STORES_PATH:
                data = self._sky.views.stores_json(self.number, now_ms)
            return orjson.dumps({"status": "success", "data": data})
        self._sky.asked[asked.path] += 1
        tenants = asked.header(TENANT_HEADER)
        question = read_question(asked.path, dict(asked.form), tenants[0] if tenants else "")
        return question.answer(self._sky.world, now_ms, self._sky.views.of(self.number, now_ms))

    def _is_partial(self, path: str) -> bool:
        """Whether the answer carries a warning, and so must not be kept."""
        view = self._sky.views.of(self.number, self._sky.clock.now_ms)
        return bool(view.failing) and path not in ABOUT_ITSELF

    def _right(self, path: str, body: bytes) -> Behaviour:
        no_store = {"Cache-Control": "no-store"} if self._is_partial(path) else None
        return reply(200, body, headers=no_store)


@asynccontextmanager
async def open_replicas(sky: Sky, seed: int) -> AsyncIterator[list[Replica]]:
    """As many as there are views, listening."""
    replicas = [
        Replica(number, sky, random.Random(f"{seed} replica {number}"))
        for number in range(sky.views.replicas)
    ]
    try:
        for replica in replicas:
            await replica.open()
        yield replicas
    finally:
        for replica in replicas:
            await replica.close()
