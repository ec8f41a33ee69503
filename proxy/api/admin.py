"""`POST /api/v1/admin/thanoxy/purge`: removes kept answers. Off unless enabled.

tenant=…        only this tenant's
start=… end=…   only what has read data of this time (backfilled samples)
metric=…        only what has read this metric
all=true        everything (nothing else may be given)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from proxy.api.forms import read_form
from proxy.api.own_site import check_is_own
from proxy.codec.durations import parse_time_ms
from proxy.errors import AdminDisabledError, BadDataError
from proxy.model.query import first_value
from proxy.plan.purge import Purge
from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.api.respond import ResponsePolicy
    from proxy.model.query import Form

_MOST_FORM_BYTES = 1 << 16
_PARAMETERS = {"tenant", "start", "end", "metric", "all"}


@dataclass(frozen=True, slots=True)
class PurgeEndpoint:
    """Answers how many extents went; `purge` removes and counts them."""

    is_enabled: bool
    purge: Callable[[Purge], int]
    vary_names: tuple[str, ...]
    tenant_header: str
    policy: ResponsePolicy

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if not self.is_enabled:
            raise AdminDisabledError("admin APIs are disabled; see --web.enable-admin-api")
        check_is_own(request)
        read = await read_form(request, _MOST_FORM_BYTES)
        if read.form is None:
            raise BadDataError("the parameters cannot be read: send them as a urlencoded form")
        wanted = self._read(read.form)
        removed = self.purge(wanted)
        LOG.info("purged", extra={"extents": removed, "wanted": str(wanted)})
        body = f'{{"status":"success","data":{{"extents":{removed}}}}}'.encode()
        return web.Response(body=body, headers=self.policy.headers())

    def _read(self, form: Form) -> Purge:
        given = {name for name, value in form if value}
        if unknown := {name for name, _ in form} - _PARAMETERS:
            raise BadDataError(f"unknown parameters: {', '.join(sorted(unknown))}")
        if not given or ("all" in given) != (given == {"all"}):
            raise BadDataError("give tenant, start and end, metric, or all=true alone")
        if "all" in given and first_value(form, "all") != "true":
            raise BadDataError("all=true is the only value of all")
        tenant = first_value(form, "tenant")
        return Purge(
            vary_names=self.vary_names,
            tenant=(self.tenant_header, tenant) if tenant else None,
            reads=_times(form) if given & {"start", "end"} else None,
            metric=first_value(form, "metric") or None,
        )


def _times(form: Form) -> tuple[int, int]:
    start_ms = parse_time_ms(first_value(form, "start"))
    end_ms = parse_time_ms(first_value(form, "end"))
    if start_ms is None or end_ms is None or end_ms < start_ms:
        raise BadDataError("start and end are both needed, as Unix seconds or RFC 3339, in order")
    return start_ms, end_ms
