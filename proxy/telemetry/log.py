"""Lines for the operator, in logfmt as Thanos writes them."""

from __future__ import annotations

import datetime
import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

LOG = logging.getLogger("thanoxy")

_OWN = frozenset(vars(logging.makeLogRecord({})))
_MOST_EXPR_CHARACTERS = 2000


class LogfmtFormatter(logging.Formatter):
    """`ts=… level=… msg=…` and whatever stands in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        fields = {
            "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": {"WARNING": "warn"}.get(record.levelname, record.levelname.lower()),
            "msg": record.getMessage(),
        }
        fields.update((k, str(v)) for k, v in vars(record).items() if k not in _OWN)
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())


def _quoted(value: str) -> str:
    if value and value.isascii() and not any(c in ' "=\\' or c < " " for c in value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " else f"\\u{ord(c):04x}" for c in escaped) + '"'


def configure(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogfmtFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


def slow_query(request: web.BaseRequest, code: int, took_s: float) -> None:
    """What is needed to find the panel that asked (query-frontend's slow-query log)."""
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
            "params": request.rel_url.raw_query_string[:_MOST_EXPR_CHARACTERS],
        },
    )
