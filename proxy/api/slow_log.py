"""The line about a slow query: what is needed to find the panel that asked, and where time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.api.about import about
from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from aiohttp import web

    from proxy.telemetry.record import Record


def log_slow_query(request: web.BaseRequest, record: Record) -> None:
    """Fields that query-frontend's slow-query log has, too, are named as there."""
    told = about(request)
    fields = {
        "method": request.method,
        "path": request.path,
        "remote_addr": request.remote,
        "code": record.code,
        "time_taken_ms": round(record.took_s * 1000),
        "grafana_dashboard_uid": told.dashboard,
        "grafana_panel_id": told.panel,
        "tenant": told.tenant,
        "user": told.user,
        "result": record.result,
        "reason": record.reason,
        "start_ms": told.start_ms,
        "end_ms": told.end_ms,
        "step_ms": told.step_ms,
        "steps": record.steps,
        "steps_held": record.held,
        "splits": len(record.asks),
        "upstream_bytes": record.upstream_bytes,
        "sent_bytes": record.sent_bytes,
        "err": record.error,
        "trace_id": record.trace_id,
        "params": told.params,
    }
    stages = {f"{stage}_ms": round(s * 1000, 1) for stage, s in record.stages_s().items()}
    told_fields = {name: value for name, value in fields.items() if value != ""}
    LOG.info("slow query", extra={**told_fields, **stages})
