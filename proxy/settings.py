"""Every setting, in one table: it feeds flags, environment, config file and the README.

Names are those of `thanos query-frontend` wherever it has one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from proxy.setting_values import (
    addresses,
    boolean,
    count,
    duration_ms,
    level_name,
    log_format,
    names,
    positive,
    positive_duration_ms,
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
    grpc_addresses: tuple[str, ...] = setting(
        "upstream.grpc-address", "", addresses,
        "Thanos Query's gRPC address (host:port, repeatable); remote reads then use its StoreAPI",
    )  # fmt: skip
    grpc_max_message_bytes: int = setting(
        "upstream.grpc-max-message-bytes", "128MB", size_bytes,
        "the largest message of the StoreAPI (gRPC allows 4 MB by itself)",
    )  # fmt: skip
    grpc_tls: bool = setting("grpc-client-tls-secure", "false", boolean, "TLS to the gRPC addresses")
    grpc_tls_ca: str = setting(
        "grpc-client-tls-ca", "", str, "a file with the CAs to trust; default: the system's"
    )
    grpc_tls_cert: str = setting("grpc-client-tls-cert", "", str, "a file with a client certificate")
    grpc_tls_key: str = setting("grpc-client-tls-key", "", str, "a file with its key")
    grpc_server_name: str = setting(
        "grpc-client-server-name", "", str, "the name that the server's certificate bears"
    )
    replica_labels: tuple[str, ...] = setting(
        "upstream.replica-label", "", names,
        "what tells replicas apart (repeatable); default: as Thanos Query's own flags say",
    )  # fmt: skip
    tenant_label: str = setting(
        "upstream.tenant-label", "", str,
        "the label that holds the tenant (reads over gRPC); default: as Thanos Query's flags say",
    )  # fmt: skip
    read_window_ms: int = setting(
        "remote-read.window", "24h", positive_duration_ms,
        "remote reads are cut and kept at multiples of it",
    )  # fmt: skip
    read_most_windows: int = setting(
        "remote-read.max-windows", "400", positive, "a read of more windows is streamed as a whole"
    )
    read_memory_bytes: int = setting(
        "remote-read.memory-bytes", "32MB", size_bytes,
        "what one read may collect in memory; a larger one is streamed, not kept",
    )  # fmt: skip
    read_max_resolution_ms: int = setting(
        "remote-read.max-source-resolution", "0s", duration_ms,
        "the coarsest downsampled data that may stand for samples; 0 gives raw samples only",
    )  # fmt: skip
    read_partial_response: bool = setting(
        "remote-read.partial-response", "false", boolean,
        "answer although a store is away (remote read has no warnings)",
    )  # fmt: skip
    read_max_body_bytes: int = setting(
        "remote-read.max-request-bytes",
        "1MB",
        size_bytes,
        "the largest request, uncompressed; decoding takes some 30 times as much memory",
    )
    read_max_queries: int = setting(
        "remote-read.max-queries", "100", positive, "queries in one request"
    )
    read_max_series: int = setting(
        "remote-read.max-series", "1000000", positive, "series in the answer to one request"
    )
    read_max_samples: int = setting(
        "remote-read.max-samples", "500000000", positive,
        "samples in a streamed answer to one request",
    )  # fmt: skip
    read_max_plain_samples: int = setting(
        "remote-read.max-plain-samples", "5000000", positive,
        "samples in an answer of the type SAMPLES, which is put together in memory",
    )  # fmt: skip
    read_max_bytes: int = setting(
        "remote-read.max-response-bytes", "16GB", size_bytes, "bytes of one answer"
    )
    read_frame_bytes: int = setting(
        "remote-read.max-frame-bytes",
        "8MB",
        size_bytes,
        "a frame of a streamed answer; Prometheus takes a series of two frames for two series",
    )
    read_max_stall_ms: int = setting(
        "remote-read.max-stall", "1m", positive_duration_ms, "how long a reader may read nothing"
    )
    read_concurrency: int = setting(
        "remote-read.max-concurrent", "20", positive, "remote reads answered at once"
    )
    read_tenant_concurrency: int = setting(
        "remote-read.max-concurrent-per-tenant", "10", positive, "of them, for one tenant"
    )
    read_max_waiting: int = setting(
        "remote-read.max-waiting", "200", count, "remote reads that wait for their turn"
    )
    read_max_wait_ms: int = setting(
        "remote-read.max-wait", "30s", duration_ms, "how long they wait before they get a 429"
    )
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


def rows() -> list[dict[str, Any]]:
    """The table: flag, default, parse, meaning, and the field's name."""
    return [{**field.metadata, "name": field.name} for field in dataclasses.fields(Settings)]
