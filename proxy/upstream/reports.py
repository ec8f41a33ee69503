"""What addresses say of themselves: whether they are ready, and which stores they know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from proxy.codec.stores_json import parse_stores, start_time
from proxy.engine.fan_out import fan_out
from proxy.errors import BadUpstreamAnswerError, QueryError, UpstreamUnreachableError
from proxy.plan.store_views import Look, least_view
from proxy.upstream.answers import ReadAnswer, answer_error
from proxy.upstream.races import end_all

if TYPE_CHECKING:
    from proxy.plan.holes import Store
    from proxy.upstream.balancer import Candidate
    from proxy.upstream.pool import Pool

AskOne = Callable[["Candidate", str], Awaitable[ReadAnswer]]
"""GET a path of one address."""

_CHECK_TIMEOUT_S = 1.0
_CHECKS = 3


class Reports:
    """Asks the addresses of a pool about themselves."""

    def __init__(self, pool: Pool, ask_one: AskOne) -> None:
        self._pool = pool
        self._ask_one = ask_one

    async def stores(self) -> Look | None:
        """See `engine.ports.Upstream.stores`."""
        asked = self._pool.in_rotation
        if not asked:
            raise UpstreamUnreachableError("no address of the upstream is known")
        answered = self._pool.take_answered()
        before = {candidate: candidate.started for candidate in asked}
        try:
            views = await fan_out(self._stores_of, asked, len(asked))
        except BaseException:
            self._pool.put_back_answered(answered)
            raise
        known = {one: view for one, view in zip(asked, views, strict=True) if view is not None}
        if not known:
            return None
        has_restarted = any(one.started != begun for one, begun in before.items() if begun)
        return Look(least_view(list(known.values())), bool(answered - known.keys()) or has_restarted)

    async def _stores_of(self, candidate: Candidate) -> list[Store] | None:
        """What one address lists; None where there is no such endpoint."""
        answer = await self._ask_one(candidate, "/api/v1/stores")
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            raise answer_error(answer)
        info = await self._ask_one(candidate, "/api/v1/status/runtimeinfo")  # afterwards, not before
        candidate.started = start_time(info.body) if info.status == HTTPStatus.OK else ""
        try:
            stores = parse_stores(answer.body)
        except BadUpstreamAnswerError as error:
            if candidate.has_listed_stores:  # else it may be a gateway that hides this path alone
                self._pool.fail(candidate, error=error)
            raise
        candidate.has_listed_stores = True
        return stores

    async def is_ready(self, timeout_s: float) -> bool:
        """Whether any address says that it is ready; the first that does is enough."""
        loop = asyncio.get_running_loop()
        probes = [loop.create_task(self.probe(one, timeout_s)) for one in self._pool.candidates]
        try:
            for probe in asyncio.as_completed(probes):
                if await probe == HTTPStatus.OK:
                    return True
        finally:
            await end_all(probes)
        return False

    async def probe(self, candidate: Candidate, timeout_s: float) -> int:
        """The status of an address's `/-/ready`; 0 when it did not answer in time."""
        try:
            async with asyncio.timeout(timeout_s):
                return (await self._ask_one(candidate, "/-/ready")).status
        except (QueryError, TimeoutError):
            return 0

    async def check(self, candidate: Candidate) -> None:
        """See `Attempts`."""
        status = 0
        for _ in range(_CHECKS):
            status = status or await self.probe(candidate, _CHECK_TIMEOUT_S)
        is_ready = 0 < status < HTTPStatus.INTERNAL_SERVER_ERROR
        self._pool.probe(candidate, is_ready)
        if not is_ready:
            fault = "is not ready" if status else "cannot be reached"
            raise UpstreamUnreachableError(f"the upstream {fault}")
