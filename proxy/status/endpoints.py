"""`/`, `/status.json`, and the button that cancels a query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from proxy.api.forms import read_form
from proxy.api.own_site import check_is_own
from proxy.errors import AdminDisabledError, BadDataError
from proxy.model.query import first_value
from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from proxy.api.respond import ResponsePolicy
    from proxy.status.snapshot import Snapshot

TakeSnapshot = Callable[[], "Snapshot"]

_MOST_FORM_BYTES = 1 << 16
_BACK = "../../../../#queries"
"""From the path of the button to the page, below whatever prefix both are."""

GUARDED = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Other sites are told nothing. `no-referrer` would hide the button's origin from this server, too.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class PageEndpoint:
    """The page as it is at this moment, or was a moment ago."""

    body: Callable[[], bytes]

    async def __call__(self, _request: web.BaseRequest) -> web.StreamResponse:
        headers = {**GUARDED, "Content-Type": "text/html; charset=utf-8"}
        response = web.Response(body=self.body(), headers=headers)
        response.enable_compression()
        return response


@dataclass(frozen=True, slots=True)
class JsonEndpoint:
    """The same for programs."""

    body: Callable[[], bytes]

    async def __call__(self, _request: web.BaseRequest) -> web.StreamResponse:
        headers = {**GUARDED, "Content-Type": "application/json"}
        response = web.Response(body=self.body(), headers=headers)
        response.enable_compression()
        return response


@dataclass(frozen=True, slots=True)
class CancelEndpoint:
    """`POST /api/v1/admin/thanoxy/cancel` with `id`. Off unless enabled, and not for other sites."""

    cancel: Callable[[str], bool]
    is_admin: bool
    policy: ResponsePolicy

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if not self.is_admin:
            raise AdminDisabledError("admin APIs are disabled; see --web.enable-admin-api")
        check_is_own(request)
        read = await read_form(request, _MOST_FORM_BYTES)
        key = first_value(read.form or (), "id")
        if not key:
            raise BadDataError("give the id of a running query as id=… in a urlencoded form")
        was_running = self.cancel(key)
        LOG.info("query cancelled by hand", extra={"id": key, "was_running": was_running})
        if "text/html" in request.headers.get("Accept", ""):
            return web.Response(status=303, headers={"Location": _BACK, "Cache-Control": "no-store"})
        body = orjson.dumps({"status": "success", "data": {"cancelled": was_running}})
        return web.Response(body=body, headers=self.policy.headers())
