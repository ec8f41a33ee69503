"""What clients meet: where to listen, bounds of requests, logs."""

from __future__ import annotations

import dataclasses

from proxy.setting_values import (
    boolean,
    count_or_auto,
    duration_ms,
    level_name,
    log_format,
    positive,
    positive_duration_ms,
    signed_duration_ms,
    size_bytes,
)
from proxy.settings.row import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """See `proxy.settings`."""

    http_address: str = setting(
        "http-address", "0.0.0.0:10902", str,
        "where to listen (host:port; port 0 takes a free one)",
    )  # fmt: skip
    http_grace_period_ms: int = setting(
        "http-grace-period", "2m", duration_ms,
        "how long running requests may finish after SIGTERM",
    )  # fmt: skip
    max_body_bytes: int = setting(
        "http.max-form-bytes", "256KB", size_bytes, "larger request bodies are passed on unread"
    )
    max_header_bytes: int = setting(
        "http.max-header-bytes", "64KB", size_bytes, "the largest request line and header field"
    )
    ready_timeout_ms: int = setting(
        "http.ready-timeout", "2s", duration_ms, "how long /-/ready waits for the upstream's"
    )
    compress_responses: bool = setting(
        "query-frontend.compress-responses", "true", boolean, "gzip for clients that accept it"
    )
    admin_api: bool = setting(
        "web.enable-admin-api", "false", boolean,
        "purge the cache and cancel queries over HTTP, and show what is kept for others",
    )  # fmt: skip
    disable_cors: bool = setting(
        "web.disable-cors", "false", boolean, "leave out the Access-Control-Allow headers"
    )
    log_queries_longer_than_ms: int = setting(
        "query-frontend.log-queries-longer-than", "0", signed_duration_ms,
        "log slower queries; 0 logs none, a negative duration all",
    )  # fmt: skip
    log_format: str = setting("log.format", "logfmt", log_format, "logfmt or json")
    log_level: str = setting("log.level", "info", level_name, "debug, info, warn or error")
    workers: int | None = setting(
        "workers", "auto", count_or_auto,
        "processes that share the port; 0: one a core; auto: the same, at most 4, and 512 MB for each",
    )  # fmt: skip
    header_timeout_ms: int = setting(
        "http.header-timeout", "10s", positive_duration_ms,
        "how long a client may take to send the header of a request",
    )  # fmt: skip
    body_timeout_ms: int = setting(
        "http.body-timeout", "30s", positive_duration_ms,
        "how long a client may take for 64 KiB of a request's body",
    )  # fmt: skip
    max_stall_ms: int = setting(
        "http.max-stall", "1m", positive_duration_ms,
        "how long a client may take to read 64 KiB of an answer",
    )  # fmt: skip
    max_head_bytes: int = setting(
        "http.max-head-bytes", "256KB", size_bytes, "all header fields of a request together"
    )
    max_parameters: int = setting(
        "http.max-parameters", "1000", positive, "parameters of a request, in URL and form"
    )
    max_clients: int = setting(
        "http.max-connections", "10000", positive, "clients that are connected at once"
    )
    status_page: bool = setting(
        "status.page", "true", boolean, "the status page at /; without it / is passed on as well"
    )
    status_max_listeners: int = setting(
        "status.max-listeners", "32", positive,
        "browsers that watch the status page live at once, in each process",
    )  # fmt: skip
