"""On whose behalf a request is made, and until when its answer is waited for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from proxy.api.auth import key_pairs, upstream_pairs
from proxy.codec.durations import parse_duration_ms
from proxy.codec.headers import query_headers, request_headers
from proxy.model.query import Caller, first_value
from proxy.plan.cache_key import vary_fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.api.tenants import TenantPolicy
    from proxy.model.query import Form

TENANT = web.RequestKey("tenant", str)
"""Whose request it is."""
USER = web.RequestKey("user", str)
"""Who has been let in by the proxy itself."""


@dataclass(frozen=True, slots=True)
class Callers:
    """Reads callers from requests.

    vary_names: the headers, in lower case, that answers vary by. timeout_s: the longest that any
    answer is waited for. Where clients show their credentials to this proxy (`USER` is set), these
    do not travel on, and their name stands in keys instead.
    """

    tenants: TenantPolicy
    vary_names: tuple[str, ...]
    timeout_s: float

    def asking(self, request: web.BaseRequest, form: Form | None) -> Caller:
        """For questions that the proxy words itself.

        Raises:
            BadDataError: a header cannot be passed on, or no tenant may have this name.
        """
        return self._caller(request, query_headers(request.headers.items()), form or ())

    def passing(self, request: web.BaseRequest) -> Caller:
        """For a request that is passed on as it came; raises as `asking`."""
        return self._caller(request, request_headers(request.headers.items()), ())

    def _caller(self, request: web.BaseRequest, pairs: Iterable[tuple[str, str]], form: Form) -> Caller:
        pairs = tuple(pairs)
        tenant = self.tenants.tenant_of(pairs, self._certificate(request))
        if self.tenants.certificate_field:
            pairs = tuple(self.tenants.identity_headers(pairs, tenant))
        request[TENANT] = tenant
        asking = pairs
        if USER in request:
            asking, pairs = tuple(key_pairs(pairs, request[USER])), tuple(upstream_pairs(pairs))
        return Caller(pairs, tenant, self._deadline_s(form), vary_fields(asking, self.vary_names))

    def _certificate(self, request: web.BaseRequest) -> dict[str, object] | None:
        if not self.tenants.certificate_field or request.transport is None:
            return None
        found: dict[str, object] | None = request.transport.get_extra_info("peercert")
        return found

    def patience(self, form: Form) -> tuple[float, str]:
        """How long (seconds) an answer is waited for, and what says so.

        The client's `timeout` does, where it is a shorter one that Thanos would take.
        """
        asked_s = (parse_duration_ms(first_value(form, "timeout")) or 0) / 1000
        if 0 < asked_s < self.timeout_s:
            return asked_s, "the parameter timeout"
        return self.timeout_s, "--query.timeout"

    def _deadline_s(self, form: Form) -> float:
        return asyncio.get_running_loop().time() + self.patience(form)[0]
