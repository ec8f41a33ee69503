"""Every metric, in one table. Label values are bounded: endpoints, code classes, reasons."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

REQUESTS = Counter(
    "thanoxy_http_requests_total",
    "Requests of clients.",
    ["handler", "code"],
    registry=REGISTRY,
)
REQUEST_DURATION = Histogram(
    "thanoxy_http_request_duration_seconds",
    "Time from a request's headers to the last byte of its answer.",
    ["handler"],
    buckets=(
        0.001,
        0.0025,
        0.005,
        0.01,
        0.025,
        0.05,
        0.1,
        0.25,
        0.5,
        1,
        2.5,
        5,
        10,
        30,
        60,
        120,
    ),
    registry=REGISTRY,
)
IN_FLIGHT = Gauge(
    "thanoxy_http_requests_in_flight", "Requests being answered.", registry=REGISTRY
)
SPLITS = Counter(
    "thanoxy_split_queries_total", "Splits of range queries sent upstream.", registry=REGISTRY
)
WHOLE = Counter(
    "thanoxy_whole_queries_total",
    "Range queries sent upstream as they came.",
    registry=REGISTRY,
)
UPSTREAM_ATTEMPTS = Counter(
    "thanoxy_upstream_attempts_total",
    "Attempts to ask the upstream.",
    ["result"],
    registry=REGISTRY,
)
UPSTREAM_BYTES = Counter(
    "thanoxy_upstream_received_bytes_total", "Bytes of answers, as received.", registry=REGISTRY
)
