"""Questions sent at their times, whatever became of those before; and what came back."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from typing import TYPE_CHECKING

import aiohttp

from tests.reliability.questions import FORM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.reliability.questions import Oracle, Question

CLIENT_TIMEOUT_S = 10.0
ERROR_TYPE = re.compile(rb'"errorType":"([a-z_]+)"')
NO_ANSWER = 0
AGAIN_AT_ONCE = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of one request.

    Attributes:
        kind: of the question.
        sent_s: when it was to be sent, counted from the start of the load.
        took_s: from then until the last byte.
        status: NO_ANSWER when the client gave up or lost the connection.
        error: Prometheus's errorType; of a lost request the client's own words.
        cache: `X-Thanoxy-Cache`.
        is_right: the body is Thanos's own.
        is_warned: a 200 with warnings.
    """

    kind: str
    sent_s: float
    took_s: float
    status: int
    error: str = ""
    cache: str = ""
    is_right: bool = False
    is_warned: bool = False

    @property
    def is_failed(self) -> bool:
        return self.status != 200

    @property
    def is_wrong(self) -> bool:
        """Not what Thanos answers, and nothing says so."""
        return self.status == 200 and not self.is_right and not self.is_warned


class Load:
    """An open loop of requests."""

    def __init__(self, url: str, oracle: Oracle, timeout_s: float = CLIENT_TIMEOUT_S) -> None:
        self._url = url
        self._oracle = oracle
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def warm_up(self, questions: Sequence[Question]) -> None:
        """Ask in turn, twice; all must be answered right.

        Raises:
            ValueError: one is not.
        """
        async with self._session() as session:
            for question in (*questions, *questions):
                seen = await self._ask(session, question, 0.0, 0.0)
                if not seen.is_right:
                    raise ValueError(f"{question} before the load: {seen}")

    async def run(self, questions: Sequence[Question], per_s: float) -> list[Seen]:
        """Send them all, `per_s` a second; what came back, in the order of sending."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        async with self._session() as session, asyncio.TaskGroup() as group:
            tasks = []
            for number, question in enumerate(questions):
                sent_s = number / per_s
                await asyncio.sleep(max(began_s + sent_s - loop.time(), 0))
                tasks.append(group.create_task(self._ask(session, question, began_s, sent_s)))
        return [task.result() for task in tasks]

    async def again(self, questions: Sequence[Question]) -> list[Seen]:
        """Ask each once more, a few at a time."""
        gate = asyncio.Semaphore(AGAIN_AT_ONCE)

        async def one(question: Question) -> Seen:
            async with gate:
                return await self._ask(session, question, asyncio.get_running_loop().time(), 0.0)

        async with self._session() as session, asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(question)) for question in dict.fromkeys(questions)]
        return [task.result() for task in tasks]

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=self._timeout, headers=FORM
        )

    async def _ask(
        self, session: aiohttp.ClientSession, question: Question, began_s: float, sent_s: float
    ) -> Seen:
        loop = asyncio.get_running_loop()
        try:
            async with session.post(question.url(self._url), data=question.form) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            took_s = loop.time() - began_s - sent_s
            return Seen(question.kind, sent_s, took_s, NO_ANSWER, type(error).__name__)
        took_s = loop.time() - began_s - sent_s
        found = ERROR_TYPE.search(body) if answer.status != 200 else None
        return Seen(
            kind=question.kind,
            sent_s=sent_s,
            took_s=took_s,
            status=answer.status,
            error=found.group(1).decode() if found else "",
            cache=answer.headers.get("X-Thanoxy-Cache", ""),
            is_right=answer.status == 200 and self._oracle.is_right(question, body),
            is_warned=b'"warnings":' in body,
        )
