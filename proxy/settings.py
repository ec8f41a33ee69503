"""Every setting, in one table: it feeds flags, environment, config file and the README.

Names are those of `thanos query-frontend` wherever it has one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from proxy.setting_values import (
    boolean,
    count,
    duration_ms,
    level_name,
    log_format,
    positive,
    share,
    signed_duration_ms,
    size_bytes,
    url,
)

Parse = Callable[[str], Any]


def setting(flag: str, default: str, parse: Parse, meaning: str) -> Any:
    """A row of the table. The field's value has the unit that its name ends in."""
    return dataclasses.field(
        default=parse(default),
        metadata={"flag": flag, "default": default, "parse": parse, "meaning": meaning},
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, parsed."""

    http_address: str = setting(
        "http-address", "0.0.0.0:10902", str,
        "where to listen (host:port; port 0 takes a free one)",
    )  # fmt: skip
    http_grace_period_ms: int = setting(
        "http-grace-period", "2m", duration_ms,
        "how long running requests may finish after SIGTERM",
    )  # fmt: skip
    downstream_url: str = setting(
        "query-frontend.downstream-url", "http://localhost:9090", url, "the Thanos Query to ask"
    )
    demo: bool = setting(
        "demo", "false", boolean, "ask a small embedded upstream with synthetic series instead"
    )
    split_interval_ms: int = setting(
        "query-range.split-interval", "24h", duration_ms,
        "where range queries are cut; 0 never cuts",
    )  # fmt: skip
    max_query_parallelism: int = setting(
        "query-range.max-query-parallelism", "14", positive, "splits of one query asked at once"
    )
    max_splits: int = setting(
        "query-range.max-splits", "1000", count, "a query of more splits is asked as a whole"
    )
    max_retries_per_request: int = setting(
        "query-range.max-retries-per-request", "5", count,
        "attempts for each request (connection errors, 502, 503 without error JSON, 504)",
    )  # fmt: skip
    max_query_length_ms: int = setting(
        "query-range.max-query-length", "0", duration_ms,
        "refuse range queries over a longer time; 0 has no limit",
    )  # fmt: skip
    align_range_with_step: bool = setting(
        "query-range.align-range-with-step", "false", boolean,
        "move start and end onto multiples of the step; changes answers (query-frontend: true)",
    )  # fmt: skip
    compress_responses: bool = setting(
        "query-frontend.compress-responses", "true", boolean, "gzip for clients that accept it"
    )
    log_queries_longer_than_ms: int = setting(
        "query-frontend.log-queries-longer-than", "0", signed_duration_ms,
        "log slower queries; 0 logs none, a negative duration all",
    )  # fmt: skip
    request_timeout_ms: int = setting(
        "upstream.request-timeout", "5m", duration_ms,
        "the longest that one upstream request may take",
    )  # fmt: skip
    connect_timeout_ms: int = setting(
        "upstream.connect-timeout", "5s", duration_ms, "the longest that connecting may take"
    )
    retry_backoff_ms: int = setting(
        "upstream.retry-backoff", "50ms", duration_ms,
        "wait before a retry; doubles, with jitter",
    )  # fmt: skip
    max_connections: int = setting(
        "upstream.max-connections", "200", count, "connections to the upstream"
    )
    max_response_bytes: int = setting(
        "upstream.max-response-bytes", "512MB", size_bytes,
        "the largest answer to one upstream request",
    )  # fmt: skip
    upstream_gzip: bool = setting(
        "upstream.gzip", "false", boolean,
        "ask the upstream for gzip; costs Thanos time, saves network",
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
    worker_threads: int = setting(
        "engine.worker-threads", "2", positive,
        "threads for scanning and compressing large answers",
    )  # fmt: skip
    inline_bytes: int = setting(
        "engine.inline-bytes", "256KB", size_bytes,
        "answers up to this size are scanned at once",
    )  # fmt: skip
    cache_config: str = setting(
        "query-range.response-cache-config", "", str,
        "the results cache as YAML, as query-frontend takes it; default: IN-MEMORY",
    )  # fmt: skip
    cache_config_file: str = setting(
        "query-range.response-cache-config-file", "", str, "a file with that YAML"
    )
    freshness_ms: int = setting(
        "query-range.response-cache-max-freshness", "1m", duration_ms,
        "data younger than this is answered and never kept",
    )  # fmt: skip
    recent_ms: int = setting(
        "cache.recent-window", "2h", duration_ms,
        "how old late samples may be (out-of-order window): younger data is kept shortly",
    )  # fmt: skip
    recent_life_ms: int = setting(
        "cache.recent-life", "10m", duration_ms, "how long data in the recent window is kept"
    )
    long_life_ms: int = setting(
        "cache.life", "24h", duration_ms, "how long data older than the recent window is kept"
    )
    empty_life_ms: int = setting(
        "cache.empty-life", "2m", duration_ms, "how long answers without any series are kept"
    )
    short_life_ms: int = setting(
        "cache.unconfirmed-life", "10s", duration_ms,
        "how long answers serve before all stores are known to have taken part",
    )  # fmt: skip
    stores_interval_ms: int = setting(
        "cache.stores-interval", "2s", duration_ms,
        "how often /api/v1/stores is looked at; 0 trusts every answer",
    )  # fmt: skip
    stores_forget_ms: int = setting(
        "cache.stores-forget", "1h", duration_ms,
        "a store away for longer than this is no longer expected",
    )  # fmt: skip
    extent_steps: int = setting(
        "cache.extent-steps", "256", positive, "steps in an extent, the unit of keeping"
    )
    max_extent_share: float = setting(
        "cache.max-extent-share", "0.1", share,
        "an extent larger than this share of the cache is not kept",
    )  # fmt: skip
    memo_bytes: int = setting(
        "cache.memo-bytes", "128MB", size_bytes, "memory for whole answers assembled lately"
    )
    memo_age_ms: int = setting(
        "cache.memo-life", "30s", duration_ms, "how long an assembled answer is remembered"
    )
    metadata_life_ms: int = setting(
        "cache.metadata-life", "30s", duration_ms,
        "how long labels, label values and series are kept; 0 only shares them while fetched",
    )  # fmt: skip
    instant_life_ms: int = setting(
        "cache.instant-life", "1m", duration_ms,
        "how long instant queries at a settled `time` are kept",
    )  # fmt: skip
    tenant_header: str = setting(
        "query-frontend.tenant-header", "THANOS-TENANT", str, "the header that names the tenant"
    )
    vary_headers: str = setting(
        "cache.vary-headers", "X-Scope-OrgID,Authorization,Cookie", str,
        "request headers, beside the tenant's, that change answers; part of every key, hashed",
    )  # fmt: skip
    admin_api: bool = setting(
        "web.enable-admin-api", "false", boolean, "allow purging the cache over HTTP"
    )
    disable_cors: bool = setting(
        "web.disable-cors", "false", boolean, "leave out the Access-Control-Allow headers"
    )
    log_format: str = setting("log.format", "logfmt", log_format, "logfmt or json")
    log_level: str = setting("log.level", "info", level_name, "debug, info, warn or error")


WITHOUT_EFFECT = {
    "query-range.request-downsampled": "Thanos Query is asked exactly what the client asks",
    "query-range.partial-response": "the client's parameter and Thanos Query's default decide",
    "labels.partial-response": "the client's parameter and Thanos Query's default decide",
    "labels.default-time-range": "Thanos Query's default is kept",
    "query-range.min-split-interval": "queries are cut at one interval",
    "query-range.max-split-interval": "queries are cut at one interval",
    "query-range.horizontal-shards": "queries are cut at one interval",
    "labels.response-cache-config": "see cache.metadata-life",
    "labels.response-cache-config-file": "see cache.metadata-life",
    "labels.response-cache-max-freshness": "see cache.metadata-life",
    "query-frontend.org-id-header": "name the header in cache.vary-headers",
    "query-frontend.force-query-stats": "clients ask for stats themselves",
    "query-frontend.slow-query-logs-user-header": "slow queries are logged without a user",
    "request.logging-config": "see query-frontend.log-queries-longer-than",
    "request.logging-config-file": "see query-frontend.log-queries-longer-than",
    "tracing.config": "tracing headers travel on; thanoxy itself sends no spans",
    "tracing.config-file": "tracing headers travel on; thanoxy itself sends no spans",
    "query-frontend.downstream-tripper-config-file": "see the upstream.* settings",
    "labels.split-interval": "label queries are not split",
    "labels.max-query-parallelism": "label queries are not split",
    "labels.max-retries-per-request": "query-range.max-retries-per-request serves all",
    "query.max-retries-per-request": "query-range.max-retries-per-request serves all",
    "query-frontend.forward-header": "all headers travel on",
    "query-frontend.vertical-shards": "queries are cut in time only",
    "query-frontend.enable-x-functions": "what is not known here is passed on",
    "enable-feature": "what is not known here is passed on",
    "cache-compression-type": "answers are kept deflated",
    "query-frontend.downstream-tripper-config": "see the upstream.* settings",
}
"""Flags of query-frontend that are understood and change nothing, with the reason."""


def rows() -> list[dict[str, Any]]:
    """The table: flag, default, parse, meaning, and the field's name."""
    return [{**field.metadata, "name": field.name} for field in dataclasses.fields(Settings)]
