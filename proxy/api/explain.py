"""`/api/v1/thanoxy/explain`: how a query would be answered, as a text or as JSON. Asks nothing.

It takes the parameters of `/api/v1/query_range`, or those of `/api/v1/query` where neither start nor
end nor step is given, and runs under the caller's own identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from proxy.api.forms import CacheControl, cache_control, read_form
from proxy.api.query_range import why_not_looked_into
from proxy.codec.explain_json import explained_json
from proxy.engine.explainable import Explainable
from proxy.errors import BadDataError
from proxy.model.query import first_value
from proxy.plan.blocked import Question
from proxy.plan.explain_text import text_of

if TYPE_CHECKING:
    from proxy.api.callers import Callers
    from proxy.api.respond import ResponsePolicy
    from proxy.engine.explain import Explainer
    from proxy.model.query import Form

EXPLAIN_PATH = "/api/v1/thanoxy/explain"
_RANGE_PARAMETERS = frozenset(("start", "end", "step"))
_SAYS = {
    CacheControl.ANY: "",
    CacheControl.REFRESH: "no-cache",
    CacheControl.NO_STORE: "no-store",
}


@dataclass(frozen=True, slots=True)
class ExplainEndpoint:
    """Answers a text, or with `format=json` the same facts as JSON."""

    explainer: Explainer
    callers: Callers
    policy: ResponsePolicy
    max_body_bytes: int

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        read = await read_form(request, self.max_body_bytes)
        is_json = _is_json(read.form or ())
        form = _without_format(read.form)
        asked = self._read(request, form)
        is_instant = asked.question.api == "query"
        explain = self.explainer.instant_query if is_instant else self.explainer.range_query
        explained = explain(asked)
        headers = {
            **self.policy.headers(),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        if is_json:
            return web.Response(body=explained_json(explained), headers=headers)
        headers["Content-Type"] = "text/plain; charset=utf-8"
        text = text_of(explained).encode("utf-8", "backslashreplace")
        return web.Response(body=text, headers=headers)

    def _read(self, request: web.BaseRequest, form: Form | None) -> Explainable:
        caller = self.callers.asking(request, form)
        control = cache_control(request)
        is_unread = control is CacheControl.NO_STORE
        return Explainable(
            question=Question(_api(form), caller.tenant, form, request.headers),
            method=request.method,
            caller=caller,
            patience=self.callers.patience(form or ()),
            unread=why_not_looked_into(control) if is_unread else "",
            says=_SAYS[control],
            wants_gzip=self.policy.may_gzip(request),
        )


def _api(form: Form | None) -> str:
    """A request that Thanos must read counts as a range query."""
    is_range = form is None or any(name in _RANGE_PARAMETERS for name, _ in form)
    return "query_range" if is_range else "query"


def _is_json(form: Form) -> bool:
    wanted = first_value(form, "format")
    if wanted not in {"", "text", "json"}:
        raise BadDataError("format must be text or json")
    return wanted == "json"


def _without_format(form: Form | None) -> Form | None:
    """What the explained request itself would have."""
    return None if form is None else tuple(field for field in form if field[0] != "format")
