"""Asks Thanos Query over HTTP.

Connections are kept and bounded; bodies are bounded. Nothing of a client's input ever chooses the
host: only path, query text, headers and body travel on.
"""

from __future__ import annotations

import asyncio
import io
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import aiohttp
from yarl import URL

from proxy.engine.clock import SystemClock
from proxy.engine.deadline import GRACE_S, seconds_left, until_deadline
from proxy.engine.memory import UNCOUNTED
from proxy.engine.ports import BEGIN_BYTES, Body, UpstreamAnswer
from proxy.errors import BadUpstreamAnswerError, UpstreamUnreachableError
from proxy.model.query import Caller
from proxy.plan.breaker import BreakerPolicy
from proxy.telemetry.metrics import UPSTREAM_ATTEMPTS
from proxy.telemetry.record import Ask, asked, current
from proxy.upstream.answers import (
    READ_BUFFER_BYTES,
    OpenAnswer,
    ReadAnswer,
    answer_error,
    foreign_errors_mapped,
    read_whole,
)
from proxy.upstream.attempts import AttemptPolicy, Attempts
from proxy.upstream.budget import BudgetPolicy, RetryBudget
from proxy.upstream.lookup import Lookup
from proxy.upstream.names import Names
from proxy.upstream.pool import Pool
from proxy.upstream.reports import Reports

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Hashable

    from proxy.engine.ports import Admission, Begin, Clock, Read
    from proxy.plan.store_views import Look
    from proxy.upstream.addresses import Endpoint
    from proxy.upstream.balancer import Candidate

T = TypeVar("T")

_LARGE_BODY_BYTES = 1 << 20
_FORM = ("Content-Type", "application/x-www-form-urlencoded")
_BUFFERS_BYTES = 2 * READ_BUFFER_BYTES
"""What a request holds at least: its connection's buffer may fill to twice its size."""
_MOST_REPORT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ClientPolicy:
    """Bounds of talking to the upstream.

    max_address_connections: of max_connections, to one address; 0 for all. headers_timeout_s: until
    an answer's headers are there. server_name: to verify, instead of the address's own.
    """

    max_connections: int
    connect_timeout_s: float
    request_timeout_s: float
    max_response_bytes: int
    ask_for_gzip: bool
    attempts: AttemptPolicy
    budget: BudgetPolicy = field(default_factory=BudgetPolicy)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    idle_timeout_s: float = 60.0
    max_address_connections: int = 0
    headers_timeout_s: float | None = None
    server_name: str = ""


class Question(NamedTuple):
    """What is asked, of whichever address."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: Body


class ThanosClient:
    """Implements `engine.ports.Upstream`, and `engine.ports.Forwarder`.

    admission: who may ask when, and with how much memory. tls: the context for https, for each
    new connection. clock: what those of the addresses are compared with.
    """

    def __init__(
        self,
        policy: ClientPolicy,
        admission: Admission,
        tls: Callable[[], ssl.SSLContext] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._policy = policy
        self._admission = admission
        self._tls = tls
        self._clock = clock or SystemClock()
        self.pool = Pool(policy.breaker)
        self._reports = Reports(self.pool, self._ask_one)
        budget = RetryBudget(policy.budget)
        self._attempts = Attempts(self.pool, budget, policy.attempts, self._reports.check)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=policy.max_connections,
                limit_per_host=policy.max_address_connections,
                keepalive_timeout=policy.idle_timeout_s,
                resolver=Names(Lookup()),
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            read_bufsize=READ_BUFFER_BYTES,
            max_line_size=1 << 16,
            max_field_size=1 << 16,
        )

    async def close(self) -> None:
        await self._session.close()

    async def ask(
        self, path: str, form: bytes, caller: Caller, read: Read[T], kind: Hashable = None
    ) -> T:
        """See `engine.ports.Upstream.ask`."""
        headers = [*caller.pairs, _FORM, self._accept_encoding]
        return await self._answer(Question("POST", path, headers, form), caller, read, kind)

    async def get(self, path_and_query: str, caller: Caller, read: Read[T], kind: Hashable = None) -> T:
        """See `engine.ports.Upstream.get`."""
        headers = [*caller.pairs, self._accept_encoding]
        return await self._answer(Question("GET", path_and_query, headers, None), caller, read, kind)

    @property
    def _accept_encoding(self) -> tuple[str, str]:
        return ("Accept-Encoding", "gzip" if self._policy.ask_for_gzip else "identity")

    async def _answer(self, question: Question, caller: Caller, read: Read[T], kind: Hashable) -> T:
        """What is made of the whole answer to a question, wherever it comes from."""
        memory = self._admission.open()

        async def send(endpoint: Endpoint) -> ReadAnswer:
            answer = await self._open(endpoint, question, caller, ask)
            try:
                return await read_whole(answer, self._policy.max_response_bytes, memory)
            finally:
                answer.leave()

        async def judge(answer: ReadAnswer) -> T:
            ask.arrive(len(answer.body))
            if answer.status != HTTPStatus.OK:
                raise answer_error(answer)
            whole = UpstreamAnswer(
                answer.body, answer.no_store, answer.content_type, memory, answer.url
            )
            return await read(whole)

        try:
            with asked() as ask:
                async with until_deadline(caller), self._admission.enter(caller.tenant):
                    await memory.grow(_BUFFERS_BYTES)
                    ask.send()
                    return await self._attempts.run(send, kind, judge)
        except BaseException:
            memory.close()
            raise

    @asynccontextmanager
    async def forward(
        self, method: str, raw_path: str, caller: Caller, body: Body, begin: Begin[T]
    ) -> AsyncIterator[T]:
        """See `engine.ports.Forwarder.forward`; attempts are repeated where that may help."""
        question = Question(method, raw_path, list(caller.pairs), body)
        can_repeat = body is None or isinstance(body, bytes)
        memory = self._admission.open()
        answer: OpenAnswer | None = None
        ask = current().ask()

        async def judge(opened: OpenAnswer) -> tuple[OpenAnswer, T]:
            ask.arrive(0)
            return opened, await begin(opened)

        try:
            async with until_deadline(caller), self._admission.enter(caller.tenant):
                await memory.grow(_BUFFERS_BYTES + BEGIN_BYTES)
                ask.send()
                answer, begun = await self._attempts.run(
                    lambda endpoint: self._open(endpoint, question, caller, ask),
                    ("forward", method, raw_path.partition("?")[0]),
                    judge,
                    can_repeat,
                )
            yield begun
        except (BadUpstreamAnswerError, UpstreamUnreachableError) as error:
            if answer is not None:
                self.pool.blame(answer.origin, error)
            raise
        finally:
            ask.end(has_failed=answer is None)
            if answer is not None:
                ask.size_bytes = answer.read_bytes
                answer.leave()
            memory.close()

    async def _open(
        self, endpoint: Endpoint, question: Question, caller: Caller, ask: Ask
    ) -> OpenAnswer:
        """One attempt: send, and wait for the headers of the answer."""
        host = [("Host", endpoint.host_header)] if endpoint.host_header else []
        ask.attempt(endpoint.url)
        with foreign_errors_mapped():
            try:
                async with asyncio.timeout(self._policy.headers_timeout_s):
                    response = await self._session.request(
                        question.method,
                        URL(endpoint.url.rstrip("/") + question.path, encoded=True),
                        headers=[*host, *_with(ask.headers, question.headers)],
                        data=_payload(question.body),
                        allow_redirects=False,
                        timeout=self._timeout(caller),
                        ssl=self._tls() if self._tls else True,
                        server_hostname=self._policy.server_name or endpoint.server_name or None,
                    )
            except BaseException as error:
                is_given_up = isinstance(error, asyncio.CancelledError)
                UPSTREAM_ATTEMPTS.labels("given_up" if is_given_up else "connection").inc()
                raise
        UPSTREAM_ATTEMPTS.labels(f"{response.status // 100}xx").inc()
        answer = OpenAnswer(response, endpoint)
        try:
            await answer.judge()
        except BaseException:
            answer.leave()
            raise
        return answer

    def _timeout(self, caller: Caller) -> aiohttp.ClientTimeout:
        """Later than `until_deadline`: a client's own short timeout says nothing of the address."""
        most_s = self._policy.request_timeout_s
        left_s = seconds_left(caller)
        return aiohttp.ClientTimeout(
            total=most_s if left_s is None else min(most_s, left_s + 2 * GRACE_S),
            sock_connect=self._policy.connect_timeout_s,
        )

    async def stores(self) -> Look | None:
        """See `engine.ports.Upstream.stores`."""
        return await self._reports.stores()

    async def is_ready(self, timeout_s: float) -> bool:
        """See `engine.ports.Forwarder.is_ready`: one address that is, is enough."""
        return await self._reports.is_ready(timeout_s)

    async def probe(self, candidate: Candidate, timeout_s: float) -> int:
        """The status of an address's `/-/ready`; 0 when it did not answer in time."""
        return await self._reports.probe(candidate, timeout_s)

    async def _ask_one(self, candidate: Candidate, path: str) -> ReadAnswer:
        """Ask an address about itself: no queue, no second attempt, no opinion of it."""
        question = Question("GET", path, [self._accept_encoding], None)
        sent_ms = self._clock.wall_ms()
        answer = await self._open(candidate.endpoint, question, Caller(()), Ask())
        candidate.signs.skew.note(answer.header("Date"), sent_ms, self._clock.wall_ms())
        try:
            return await read_whole(answer, _MOST_REPORT_BYTES, UNCOUNTED)
        finally:
            answer.leave()


Pairs = list[tuple[str, str]]


def _with(more: tuple[tuple[str, str], ...], headers: Pairs) -> Pairs:
    """Headers, and some that take the place of those of the same name."""
    if not more:
        return headers
    names = {name.lower() for name, _ in more}
    return [*more, *(pair for pair in headers if pair[0].lower() not in names)]


def _payload(body: Body) -> Body | io.BytesIO:
    """A large body goes out piece by piece; as one piece it would hold the event loop."""
    if isinstance(body, bytes) and len(body) > _LARGE_BODY_BYTES:
        return io.BytesIO(body)
    return body
