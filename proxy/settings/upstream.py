"""How Thanos Query is asked."""

from __future__ import annotations

import dataclasses

from proxy.setting_values import (
    addresses,
    boolean,
    count,
    duration_ms,
    names,
    part,
    positive,
    positive_duration_ms,
    size_bytes,
    urls,
)
from proxy.settings.row import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpstreamSettings:
    """See `proxy.settings`."""

    downstream_urls: tuple[str, ...] = setting(
        "query-frontend.downstream-url", "http://localhost:9090", urls,
        "the Thanos Query to ask (repeatable); dns+, dnssrv+ and dnssrvnoa+ look for its addresses",
    )  # fmt: skip
    dns_interval_ms: int = setting(
        "upstream.dns-interval", "5s", positive_duration_ms,
        "how often addresses are looked up again",
    )  # fmt: skip
    probe_interval_ms: int = setting(
        "upstream.probe-interval", "1s", duration_ms,
        "how often /-/ready of each address is asked; 0 never asks",
    )  # fmt: skip
    failures_in_a_row: int = setting(
        "upstream.max-failures", "5", positive,
        "failures in a row after which an address gets no work for a while",
    )  # fmt: skip
    slow_return_ms: int = setting(
        "upstream.slow-return", "10s", duration_ms,
        "how long it takes until an address that is back has its full share again",
    )  # fmt: skip
    retry_share: float = setting(
        "upstream.retry-budget", "0.2", part,
        "the share of requests that may be sent twice, by retries and hedges together; 0 for none",
    )  # fmt: skip
    hedge: bool = setting(
        "upstream.hedge", "true", boolean,
        "ask another address too when one is later than 95 % of such questions were",
    )  # fmt: skip
    demo: bool = setting(
        "demo", "false", boolean, "ask a small embedded upstream with synthetic series instead"
    )
    max_retries_per_request: int = setting(
        "query-range.max-retries-per-request", "5", count,
        "attempts for each request (connection errors, 502, 503 without error JSON, 504)",
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
