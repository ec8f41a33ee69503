"""What a request is about, in the words of who asked: for logs and the status page only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from proxy.api.callers import TENANT, USER
from proxy.api.forms import SENT_FORM, raw_query
from proxy.codec.durations import parse_duration_ms, parse_time_ms
from proxy.codec.params import parse_form
from proxy.codec.valid_text import valid_text
from proxy.model.query import first_value

if TYPE_CHECKING:
    from proxy.model.query import Form

_MOST_CHARACTERS = 2_000
_MOST_NAME_CHARACTERS = 200
_MOST_READ_CHARACTERS = 1 << 16
_SECRET = frozenset(("token", "password", "access_token", "api_key", "apikey", "secret"))


class About(NamedTuple):
    """expr: or its matchers. Times are 0 where none, or none that is understood, was given.

    params: the form's parameters, then the URL's, as they were sent; secrets are left out.
    """

    expr: str = ""
    start_ms: int = 0
    end_ms: int = 0
    step_ms: int = 0
    tenant: str = ""
    user: str = ""
    dashboard: str = ""
    panel: str = ""
    params: str = ""


_ASKED = web.RequestKey("asked", tuple[bytes, About])
"""What was read of a request's parameters, and the form that it had then: it is told many times."""


def about(request: web.BaseRequest) -> About:
    """Read it from a request; every text is bounded in length."""
    sent, headers = request.get(SENT_FORM, b""), request.headers
    known = request.get(_ASKED)
    if known is None or known[0] is not sent:
        known = request[_ASKED] = sent, _asked(sent, raw_query(request))
    return known[1]._replace(
        tenant=_name(request.get(TENANT, "")),
        user=_name(request.get(USER, "") or headers.get("X-Grafana-User", "")),
        dashboard=_name(headers.get("X-Dashboard-Uid", "")),
        panel=_name(headers.get("X-Panel-Id", "")),
    )


def _name(text: str) -> str:
    """Bytes that are no text are replaced: what is told every second is encoded as it is."""
    return valid_text(text[:_MOST_NAME_CHARACTERS])


def _asked(sent: bytes, query: str) -> About:
    """Without who asks."""
    texts = map(_shown, (sent.decode("ascii", "replace"), query))
    params = "&".join(text for text in texts if text)
    form = parse_form(params) or ()
    time_ms = parse_time_ms(first_value(form, "time")) or 0
    return About(
        expr=_expression(form)[:_MOST_CHARACTERS],
        start_ms=parse_time_ms(first_value(form, "start")) or time_ms,
        end_ms=parse_time_ms(first_value(form, "end")) or time_ms,
        step_ms=parse_duration_ms(first_value(form, "step")) or 0,
        params=params[:_MOST_CHARACTERS],
    )


def _expression(form: Form) -> str:
    return first_value(form, "query") or " ".join(value for name, value in form if name == "match[]")


def _shown(text: str) -> str:
    """Parameters, as far as they are no secrets; of a long text those that stand first."""
    if len(text) > _MOST_READ_CHARACTERS:
        text = text[:_MOST_READ_CHARACTERS].rpartition("&")[0]
    return "&".join(part for part in text.split("&") if part.partition("=")[0].lower() not in _SECRET)
