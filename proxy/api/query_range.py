"""`/api/v1/query_range`: the client's side of `engine.range_query`."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from proxy.api.forms import read_form
from proxy.api.passthrough import Passthrough
from proxy.api.respond import ResponsePolicy, send_matrix
from proxy.codec.params import parse_range_query
from proxy.engine.range_query import RangeQueries
from proxy.engine.threads import WorkerThreads
from proxy.errors import NotSplittableError
from proxy.model.query import CallerHeaders, Form
from proxy.plan.range_plan import RangePlan
from proxy.telemetry.metrics import SPLITS, WHOLE
from proxy.codec.headers import query_headers


@dataclass(frozen=True, slots=True)
class QueryRangeEndpoint:
    """Answers from splits where that is exact, else passes the request on as it came."""

    queries: RangeQueries
    passthrough: Passthrough
    threads: WorkerThreads
    policy: ResponsePolicy
    max_body_bytes: int

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        read = await read_form(request, self.max_body_bytes)
        plan = self._plan(read.form)
        if plan is not None and not plan.whole:
            caller = CallerHeaders(query_headers(request.headers.items()))
            try:
                answer = await self.queries.run(plan, caller)
            except NotSplittableError:
                pass
            else:
                SPLITS.inc(len(plan.splits))
                return await send_matrix(
                    request, answer.matrix, answer.no_store, self.policy, self.threads
                )
        WHOLE.inc()
        return await self.passthrough(request, read.body, must_be_json=True)

    def _plan(self, form: Form | None) -> RangePlan | None:
        query = parse_range_query(form) if form is not None else None
        if query is None:
            return None
        return self.queries.plan(query)
