"""`/api/v1/query_range`: the client's side of `engine.range_query`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.api.forms import CacheControl, cache_control, read_form
from proxy.api.respond import LargeText, send
from proxy.codec.params import parse_range_query
from proxy.errors import NotSplittableError
from proxy.plan.blocked import Question
from proxy.plan.limits import check_question, check_unread_times
from proxy.telemetry.metrics import CACHE_ANSWERS, WHOLE
from proxy.telemetry.record import ANALYSE, LOOKUP, PLAN, WAIT, current
from proxy.telemetry.tallies import Count

if TYPE_CHECKING:
    from aiohttp import web

    from proxy.api.callers import Callers
    from proxy.api.forms import RequestForm
    from proxy.api.passthrough import Passthrough
    from proxy.api.respond import ResponsePolicy
    from proxy.engine.group_texts import GroupTexts
    from proxy.engine.ports import LimitsSource
    from proxy.engine.range_answers import RangeAnswers, RangeBody
    from proxy.engine.range_query import RangeAnswer, RangeQueries
    from proxy.model.query import Caller, RangeQuery
    from proxy.plan.range_plan import RangePlan
    from proxy.telemetry.record import Record

CACHE_HEADER = "X-Thanoxy-Cache"
_answers = Count(CACHE_ANSWERS)
_HIT = ("hit",)


@dataclass(frozen=True, slots=True)
class QueryRangeEndpoint:
    """Answers from splits and kept pieces where that is exact, else passes the request on."""

    queries: RangeQueries
    answers: RangeAnswers
    passthrough: Passthrough
    policy: ResponsePolicy
    max_body_bytes: int
    callers: Callers
    limits: LimitsSource

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        read = await read_form(request, self.max_body_bytes)
        control = cache_control(request)
        query = None if read.form is None else parse_range_query(read.form)
        caller = self.callers.asking(request, read.form)
        self._check(request, read, query, caller)
        record = current()
        record.mark(ANALYSE)
        if query is None or control is CacheControl.NO_STORE:
            return await self._whole(request, read, why_not_looked_into(control))
        plan = self.queries.plan(query, caller.vary)
        if plan.whole:
            record.mark(PLAN)
            return await self._whole(request, read, plan.whole)
        try:
            return await self._answer(request, plan, caller, control is CacheControl.REFRESH)
        except NotSplittableError as error:
            return await self._whole(request, read, str(error))

    def _check(
        self, request: web.BaseRequest, read: RequestForm, query: RangeQuery | None, caller: Caller
    ) -> None:
        table = self.limits.current
        if not table.judges_questions:
            return
        check_question(Question("query_range", caller.tenant, read.form, request.headers), table)
        limits = table.of(caller.tenant)
        if query is None:
            check_unread_times(limits)
        else:
            self.queries.check(query, limits)

    async def _whole(
        self, request: web.BaseRequest, read: RequestForm, reason: str
    ) -> web.StreamResponse:
        WHOLE.inc()
        current().reason = reason
        return await self.passthrough(request, read.body, must_be_json=True, extra=bypass(reason))

    async def _answer(
        self, request: web.BaseRequest, plan: RangePlan, caller: Caller, refresh: bool
    ) -> web.StreamResponse:
        wants_gzip = self.policy.may_gzip(request)
        headers = self.policy.headers()
        record = current()
        record.steps = plan.grid.steps
        if not refresh and (known := self.answers.remembered(plan, wants_gzip)):
            _answers.add(_HIT)
            record.mark(LOOKUP)
            record.result, record.held = "hit", plan.grid.steps
            headers[CACHE_HEADER] = "hit"
            return await send(request, known, headers)
        record.mark(PLAN)
        async with self.answers.make(plan, caller, wants_gzip, refresh) as made:
            record.mark(WAIT)
            headers[CACHE_HEADER] = _held(made.answer, plan, record)
            if made.answer.no_store:
                headers["Cache-Control"] = "no-store"
            if made.texts is not None:
                return await self._send_text(request, made, made.texts, headers)
            return await send(request, made.body, headers)

    async def _send_text(
        self,
        request: web.BaseRequest,
        made: RangeBody,
        texts: GroupTexts,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        """A large text in groups; they are held only while they are sent."""
        await texts.reserve()
        large = LargeText(texts, self.answers.collects(made, texts.length))
        response = await large.send(request, headers)
        if large.sent is not None:
            self.answers.remember(made, large.sent)
        return response


def bypass(reason: str) -> dict[str, str]:
    """The header that says why nothing that is kept was asked; counts it."""
    CACHE_ANSWERS.labels("bypass").inc()
    current().result = "bypass"
    return {CACHE_HEADER: f'bypass; reason="{_header_text(reason)}"'}


def why_not_looked_into(control: CacheControl) -> str:
    """Why a request is passed on unread."""
    if control is CacheControl.NO_STORE:
        return "the request says no-store"
    return "Thanos reads the parameters"


def _held(answer: RangeAnswer, plan: RangePlan, record: Record) -> str:
    """What the cache held of an answer, in one word and in steps."""
    result = "miss" if not answer.steps_hit else "partial"
    if answer.is_stale:
        result = "stale"
    elif answer.steps_hit == plan.grid.steps:
        result = "hit"
    CACHE_ANSWERS.labels(result).inc()
    record.result, record.held = result, answer.steps_hit
    return f"{result}; steps={plan.grid.steps}; held={answer.steps_hit}"


def _header_text(text: str) -> str:
    """Nothing that could end a header or its quotes; a reason may repeat the client's own text."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else " " for c in text)[:200]
