"""`/api/v1/query_range`: the client's side of `engine.range_query`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.api.forms import CacheControl, cache_control, read_form
from proxy.api.respond import LARGE_TEXT_BYTES, LargeText, assemble, send
from proxy.codec.headers import query_headers
from proxy.codec.matrix_text import text_bytes
from proxy.codec.params import parse_range_query
from proxy.errors import NotSplittableError
from proxy.model.query import Caller
from proxy.plan.cache_key import vary_fields
from proxy.telemetry.metrics import CACHE_ANSWERS, STEPS, WHOLE

if TYPE_CHECKING:
    from aiohttp import web

    from proxy.api.forms import RequestForm
    from proxy.api.passthrough import Passthrough
    from proxy.api.respond import ResponsePolicy
    from proxy.engine.answer_memo import AnswerMemo, Assembled, Version
    from proxy.engine.ports import Clock
    from proxy.engine.range_query import RangeAnswer, RangeQueries
    from proxy.engine.threads import WorkerThreads
    from proxy.plan.holes import StoreWatch
    from proxy.plan.range_plan import RangePlan

CACHE_HEADER = "X-Thanoxy-Cache"


_HITS = CACHE_ANSWERS.labels("hit")
_STEPS_REQUESTED, _STEPS_HIT = STEPS.labels("requested"), STEPS.labels("hit")


@dataclass(frozen=True, slots=True)
class QueryRangeEndpoint:
    """Answers from splits and kept pieces where that is exact, else passes the request on."""

    queries: RangeQueries
    passthrough: Passthrough
    threads: WorkerThreads
    clock: Clock
    memo: AnswerMemo[Assembled]
    watch: StoreWatch
    policy: ResponsePolicy
    max_body_bytes: int
    vary_names: tuple[str, ...]

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        read = await read_form(request, self.max_body_bytes)
        control = cache_control(request)
        plan = self._plan(request, read, control)
        if plan is None or plan.whole:
            reason = plan.whole if plan else why_not_looked_into(control)
            return await self._whole(request, read, reason)
        try:
            return await self._answer(request, plan, control)
        except NotSplittableError as error:
            return await self._whole(request, read, str(error))

    def _plan(
        self, request: web.BaseRequest, read: RequestForm, control: CacheControl
    ) -> RangePlan | None:
        if read.form is None or control is CacheControl.NO_STORE:
            return None
        query = parse_range_query(read.form)
        if query is None:
            return None
        return self.queries.plan(query, vary_fields(request.headers.items(), self.vary_names))

    async def _whole(
        self, request: web.BaseRequest, read: RequestForm, reason: str
    ) -> web.StreamResponse:
        WHOLE.inc()
        return await self.passthrough(request, read.body, must_be_json=True, extra=bypass(reason))

    async def _answer(
        self, request: web.BaseRequest, plan: RangePlan, control: CacheControl
    ) -> web.StreamResponse:
        wants_gzip = self.policy.may_gzip(request)
        refresh = control is CacheControl.REFRESH
        version = self.memo.version(self.watch.version)
        memo_key = _memo_key(plan, wants_gzip)
        headers = self.policy.headers()
        if refresh:
            self.memo.forget(memo_key)
            self.memo.forget(_memo_key(plan, not wants_gzip))
        elif known := self.memo.get(memo_key, version, self.clock.monotonic_ms()):
            _HITS.inc()
            _STEPS_REQUESTED.inc(plan.grid.steps)
            _STEPS_HIT.inc(plan.grid.steps)
            headers[CACHE_HEADER] = "hit"
            return await send(request, known, headers)
        caller = Caller(query_headers(request.headers.items()))
        answer = await self.queries.run(plan, caller, not wants_gzip, refresh)
        headers[CACHE_HEADER] = _held(answer, plan)
        if answer.no_store:
            headers["Cache-Control"] = "no-store"
        size_bytes = text_bytes(answer.matrix)
        if not wants_gzip and size_bytes > LARGE_TEXT_BYTES:
            keep = answer.expires_ms > 0 and self.memo.has_room_for(size_bytes)
            large = LargeText(answer.matrix, keep)
            response = await large.send(request, headers, self.threads)
            self._remember(memo_key, version, answer, large.sent)
            return response
        body = await self.threads.run(
            lambda joined: assemble(joined, wants_gzip), answer.matrix, size_bytes
        )
        self._remember(memo_key, version, answer, body)
        return await send(request, body, headers)

    def _remember(
        self,
        key: tuple[object, ...],
        version: Version,
        answer: RangeAnswer,
        body: Assembled | None,
    ) -> None:
        """What came wholly from kept pieces, as long as each of them may serve."""
        if answer.expires_ms and body is not None:
            now_ms = self.clock.monotonic_ms()
            self.memo.put(key, version, now_ms, answer.expires_ms, body, body.length)


def _memo_key(plan: RangePlan, is_gzip: bool) -> tuple[object, ...]:
    return plan.key, plan.grid, is_gzip


def bypass(reason: str) -> dict[str, str]:
    """The header that says why nothing that is kept was asked; counts it."""
    CACHE_ANSWERS.labels("bypass").inc()
    return {CACHE_HEADER: f'bypass; reason="{_header_text(reason)}"'}


def why_not_looked_into(control: CacheControl) -> str:
    """Why a request is passed on unread."""
    if control is CacheControl.NO_STORE:
        return "the request says no-store"
    return "Thanos reads the parameters"


def _held(answer: RangeAnswer, plan: RangePlan) -> str:
    """What the cache held of an answer, in one word and in steps."""
    result = "miss" if not answer.steps_hit else "partial"
    if answer.steps_hit == plan.grid.steps:
        result = "hit"
    CACHE_ANSWERS.labels(result).inc()
    return f"{result}; steps={plan.grid.steps}; held={answer.steps_hit}"


def _header_text(text: str) -> str:
    """Nothing that could end a header or its quotes; a reason may repeat the client's own text."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else " " for c in text)[:200]
