"""`/api/v1/labels`, `/label/<name>/values`, `/series` and `/query`: answers kept whole.

The question goes upstream with the client's own method and parameters. A metadata query without
times and an instant query without `time` mean the server's now: the former is kept shortly like
any other, the latter only shared while it is under way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.api.forms import CacheControl, cache_control, raw_path, raw_query, read_form
from proxy.api.query_range import CACHE_HEADER, bypass, why_not_looked_into
from proxy.api.respond import send
from proxy.codec.durations import parse_time_ms
from proxy.codec.go_json import with_warning
from proxy.codec.json_end import is_whole_json
from proxy.codec.params import encode_form
from proxy.engine.bodies import compressed, plain
from proxy.engine.flights import Flights, Share
from proxy.engine.whole_answers import Wanted
from proxy.errors import BadUpstreamAnswerError
from proxy.model.query import first_value
from proxy.plan.blocked import Question
from proxy.plan.cache_key import answer_key
from proxy.plan.instant import why_not_kept
from proxy.plan.limits import (
    check_question,
    check_response_bytes,
    check_unread_times,
    check_window,
)
from proxy.plan.partition import Run
from proxy.telemetry.metrics import CACHE_ANSWERS
from proxy.telemetry.record import ANALYSE, FETCH, LOOKUP, current

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from proxy.api.callers import Callers
    from proxy.api.passthrough import Passthrough
    from proxy.api.respond import ResponsePolicy
    from proxy.engine.answer_memo import Assembled
    from proxy.engine.ports import Clock, LimitsSource, Upstream, UpstreamAnswer
    from proxy.engine.threads import WorkerThreads
    from proxy.engine.whole_answers import WholeAnswer, WholeAnswers
    from proxy.model.query import Caller, Form

INSTANT_PATH = "/api/v1/query"
_SUCCESS = re.compile(rb'\s*\{\s*"status"\s*:\s*"success"')
_SHARED_BYTES = 1 << 17
"""Larger answers are compressed once for all who ask for them at the same time."""
_ALL = Run(0, 1)


@dataclass(frozen=True, slots=True)
class WholePolicy:
    """How long answers are kept."""

    metadata_life_ms: int
    instant_life_ms: int
    freshness_ms: int
    max_body_bytes: int


@dataclass(frozen=True, slots=True)
class KeptWholeEndpoint:
    """Serves all four; what cannot be read for certain is passed on."""

    upstream: Upstream
    answers: WholeAnswers
    passthrough: Passthrough
    threads: WorkerThreads
    clock: Clock
    respond: ResponsePolicy
    policy: WholePolicy
    callers: Callers
    limits: LimitsSource
    encoding: Flights[Assembled] = field(default_factory=Flights)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        read = await read_form(request, self.policy.max_body_bytes)
        control = cache_control(request)
        caller = self.callers.asking(request, read.form)
        if self.limits.current.judges_questions:
            self._check(request, read.form, caller)
        if read.form is None or control is CacheControl.NO_STORE:
            extra = bypass(why_not_looked_into(control))
            return await self.passthrough(request, read.body, must_be_json=True, extra=extra)
        wanted = Wanted(
            answer_key(caller.vary, raw_path(request), read.form),
            self._question(request, read.form, caller),
            self._life_ms(raw_path(request), read.form),
            control is CacheControl.REFRESH,
        )
        record = current()
        record.mark(ANALYSE)
        async with self.answers.get(wanted, caller) as found:
            record.mark(FETCH if record.asks else LOOKUP)
            return await self._send(request, found, caller)

    def _check(self, request: web.BaseRequest, form: Form | None, caller: Caller) -> None:
        table, path = self.limits.current, raw_path(request)
        api = "label_values" if path.endswith("/values") else path.rpartition("/")[2]
        check_question(Question(api, caller.tenant, form, request.headers), table)
        if form is None:
            return
        limits = table.of(caller.tenant)
        names = ("time", "time") if path == INSTANT_PATH else ("start", "end")
        texts = [first_value(form, name) for name in names]
        start_ms, end_ms = map(parse_time_ms, texts)
        if (texts[0] and start_ms is None) or (texts[1] and end_ms is None):
            check_unread_times(limits)
        check_window(start_ms, end_ms, limits, self.clock.wall_ms())

    async def _send(
        self, request: web.BaseRequest, found: WholeAnswer, caller: Caller
    ) -> web.StreamResponse:
        check_response_bytes(len(found.body), self.limits.current.of(caller.tenant))
        CACHE_ANSWERS.labels(found.result).inc()
        current().result = found.result.partition(";")[0]
        headers = {**self.respond.headers(), CACHE_HEADER: found.result}
        if found.no_store:
            headers["Cache-Control"] = "no-store"
        wants_gzip = self.respond.may_gzip(request)
        if len(found.body) <= _SHARED_BYTES:
            return await send(request, _encoded(found, wants_gzip), headers)
        share = self._encode(found, wants_gzip)
        try:
            return await send(request, await share.result(), headers)
        finally:
            share.leave()

    def _encode(self, found: WholeAnswer, wants_gzip: bool) -> Share[Assembled]:
        """A seat in a flight that brings the body as it is sent: one for all who ask for it now."""
        size_bytes = len(found.body)

        async def fly(_run: Run) -> Assembled:
            if wants_gzip:
                await found.memory.grow(size_bytes // 2)
            return await self.threads.run(lambda one: _encoded(one, wants_gzip), found, size_bytes)

        key = (id(found.body), wants_gzip, found.note)  # the flight keeps the body where it is
        (share,) = self.encoding.cover(key, [_ALL], lambda run: [run], fly)
        return share

    def _question(
        self, request: web.BaseRequest, form: Form, caller: Caller
    ) -> Callable[[], Awaitable[UpstreamAnswer]]:
        """Asks the upstream with the client's method, path, parameters and headers."""
        path, query = raw_path(request), raw_query(request)
        is_post = request.method == "POST"
        kind = (path, first_value(form, "query"), first_value(form, "match[]"))

        async def fetch() -> UpstreamAnswer:
            if is_post:
                return await self.upstream.ask(path, encode_form(form), caller, self._read, kind)
            asked = f"{path}?{query}" if query else path
            return await self.upstream.get(asked, caller, self._read, kind)

        return fetch

    async def _read(self, answer: UpstreamAnswer) -> UpstreamAnswer:
        """A login page or half an answer must not be remembered, nor reach the client as an answer."""
        body = answer.body
        is_success = answer.content_type.startswith("application/json") and _SUCCESS.match(body)
        if not is_success or not await self.threads.run(is_whole_json, body, len(body)):
            raise BadUpstreamAnswerError("the upstream answered 200 with something that is no success")
        return answer

    def _life_ms(self, path: str, form: Form) -> int:
        """Metadata shortly; an instant query only at a given time, when that is settled."""
        if path != INSTANT_PATH:
            return self.policy.metadata_life_ms
        time_ms = parse_time_ms(first_value(form, "time"))
        younger_than_ms = self.clock.wall_ms() - self.policy.freshness_ms
        return 0 if why_not_kept(form, time_ms, younger_than_ms) else self.policy.instant_life_ms


def _encoded(found: WholeAnswer, wants_gzip: bool) -> Assembled:
    text = with_warning(found.body, found.note) if found.note else found.body
    return compressed(text) if wants_gzip else plain(text)
