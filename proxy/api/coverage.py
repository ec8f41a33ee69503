"""`GET /api/v1/thanoxy/coverage`: which times of an expression are held in this process's memory.

query=…           the expression; white space and comments do not matter
start=… end=…     between these times
step=…            of this step only
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from proxy.api.forms import read_form
from proxy.codec.durations import parse_duration_ms, parse_time_ms
from proxy.codec.explain_json import coverage_json
from proxy.engine.coverage import Wanted
from proxy.errors import BadDataError
from proxy.model.query import RangeQuery, first_value

if TYPE_CHECKING:
    from proxy.api.callers import Callers
    from proxy.api.respond import ResponsePolicy
    from proxy.engine.coverage import CoverageView
    from proxy.model.query import Form

COVERAGE_PATH = "/api/v1/thanoxy/coverage"
_MOST_FORM_BYTES = 1 << 16
_USUAL_STEP_MS = 60_000
"""What `step()` in an expression means where no step is given."""


@dataclass(frozen=True, slots=True)
class CoverageEndpoint:
    """Answers the rows of whoever asks; those of others too where `view` says so.

    turn: one look at a time. Each goes through all that is kept, which may take seconds of a core.
    """

    view: CoverageView
    callers: Callers
    policy: ResponsePolicy
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        read = await read_form(request, _MOST_FORM_BYTES)
        if read.form is None:
            raise BadDataError("the parameters cannot be read: send them in the URL")
        caller = self.callers.asking(request, read.form)
        wanted = _wanted(read.form, caller.vary)
        async with self.turn:
            found = await self.view.of(wanted)
        headers = {**self.policy.headers(), "Cache-Control": "no-store"}
        return web.Response(body=coverage_json(found), headers=headers)


def _wanted(form: Form, caller: tuple[str, ...]) -> Wanted:
    expr, step = first_value(form, "query"), first_value(form, "step")
    start_ms = parse_time_ms(first_value(form, "start"))
    end_ms = parse_time_ms(first_value(form, "end"))
    if not expr:
        raise BadDataError("query is needed: the expression whose kept times are wanted")
    if start_ms is None or end_ms is None or end_ms < start_ms:
        raise BadDataError("start and end are both needed, as Unix seconds or RFC 3339, in order")
    step_ms = parse_duration_ms(step) if step else None
    if step and (step_ms is None or step_ms <= 0):
        raise BadDataError("step must be a positive duration of whole milliseconds, or left out")
    query = RangeQuery(expr, start_ms, end_ms, step_ms or _USUAL_STEP_MS, "", ())
    return Wanted(query, step_ms, caller)
