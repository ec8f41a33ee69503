"""The line about a slow query: what is needed to find the panel that asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.api.forms import SENT_FORM
from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from aiohttp import web

_MOST_PARAMETER_CHARACTERS = 2_000


def log_slow_query(request: web.BaseRequest, code: int, took_s: float) -> None:
    """The fields are named as in query-frontend's slow-query log."""
    LOG.info(
        "slow query",
        extra={
            "method": request.method,
            "path": request.path,
            "remote_addr": request.remote,
            "code": code,
            "time_taken_ms": round(took_s * 1000),
            "grafana_dashboard_uid": request.headers.get("X-Dashboard-Uid", ""),
            "grafana_panel_id": request.headers.get("X-Panel-Id", ""),
            "params": _parameters(request)[:_MOST_PARAMETER_CHARACTERS],
        },
    )


def _parameters(request: web.BaseRequest) -> str:
    """The form's parameters, then the URL's; Grafana sends the former."""
    sent = request.get(SENT_FORM, b"").decode("ascii", "replace")
    return "&".join(text for text in (sent, request.rel_url.raw_query_string) if text)
