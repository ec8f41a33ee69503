"""Every metric, in one table. Label values are bounded: endpoints, code classes, reasons."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from proxy.telemetry.registry import REGISTRY

DURATION_BOUNDS = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
)
STAGE_BOUNDS = (1e-5, 1e-4, 1e-3, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)

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
    buckets=DURATION_BOUNDS,
    registry=REGISTRY,
)
STAGE_DURATION = Histogram(
    "thanoxy_stage_duration_seconds",
    "Time that requests, and their questions to the upstream, spent in each stage.",
    ["stage"],
    buckets=STAGE_BOUNDS,
    registry=REGISTRY,
)
IN_FLIGHT = Gauge(
    "thanoxy_http_requests_in_flight",
    "Requests being answered.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
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
ENDPOINTS = Gauge(
    "thanoxy_upstream_addresses",
    "Addresses of the upstream: closed (working), half_open (on trial), open (given no work).",
    ["state"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
ENDPOINT_IN_FLIGHT = Gauge(
    "thanoxy_upstream_address_requests_in_flight",
    "Requests that an address is working on.",
    ["url"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
ENDPOINT_EJECTIONS = Counter(
    "thanoxy_upstream_ejections_total",
    "Times that an address was given no more work.",
    registry=REGISTRY,
)
DNS_LOOKUPS = Counter(
    "thanoxy_dns_lookups_total", "Lookups of upstream addresses.", ["result"], registry=REGISTRY
)
RETRIES = Counter(
    "thanoxy_upstream_retries_total",
    "Requests asked again after a failure: sent, or refused by the budget.",
    ["result"],
    registry=REGISTRY,
)
HEDGES = Counter(
    "thanoxy_upstream_hedges_total",
    "Late requests asked elsewhere too: sent, of them won, or refused by the budget.",
    ["result"],
    registry=REGISTRY,
)
UPSTREAM_BYTES = Counter(
    "thanoxy_upstream_received_bytes_total", "Bytes of answers, as received.", registry=REGISTRY
)
STEPS = Counter(
    "thanoxy_cache_steps_total",
    "Steps of range queries: requested, of them hit, fetched from the upstream, kept.",
    ["event"],
    registry=REGISTRY,
)
CACHE_ANSWERS = Counter(
    "thanoxy_cache_answers_total",
    "Answers by what the cache held of them.",
    ["result"],
    registry=REGISTRY,
)
NOT_KEPT = Counter(
    "thanoxy_cache_not_kept_total",
    "Fetched answers not kept, by reason.",
    ["reason"],
    registry=REGISTRY,
)
NOT_SERVED = Counter(
    "thanoxy_cache_not_served_total",
    "Kept pieces not served, by reason.",
    ["reason"],
    registry=REGISTRY,
)
CACHE_BYTES = Gauge(
    "thanoxy_cache_bytes",
    "Memory of kept extents.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
CACHE_EVICTED = Counter(
    "thanoxy_cache_evicted_extents_total", "Extents evicted to make room.", registry=REGISTRY
)
CACHE_REFUSED = Counter(
    "thanoxy_cache_refused_extents_total", "Extents not kept.", ["reason"], registry=REGISTRY
)
FLIGHTS = Counter(
    "thanoxy_flights_total",
    "Fetches of gaps: led, or joined while under way.",
    ["role"],
    registry=REGISTRY,
)
SIBLING_FLIGHTS = Counter(
    "thanoxy_sibling_flights_total",
    "Waits for what another worker was fetching: followed (taken over), in_vain.",
    ["result"],
    registry=REGISTRY,
)
STORES_AWAY = Gauge(
    "thanoxy_upstream_stores_away",
    "Kinds of store that Thanos Query has lost.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
READ_QUERIES = Counter(
    "thanoxy_remote_read_queries_total",
    "Queries of remote reads, by the type of their answer.",
    ["type"],
    registry=REGISTRY,
)
READ_SERIES = Counter(
    "thanoxy_remote_read_series_total",
    "Series in answers to remote reads.",
    ["type"],
    registry=REGISTRY,
)
READ_CHUNKS = Counter(
    "thanoxy_remote_read_chunks_total", "Chunks that answers were made of.", ["type"], registry=REGISTRY
)
READ_SAMPLES = Counter(
    "thanoxy_remote_read_samples_total", "Samples in answers.", ["type"], registry=REGISTRY
)
READ_BYTES = Counter(
    "thanoxy_remote_read_sent_bytes_total", "Bytes of answers, as sent.", ["type"], registry=REGISTRY
)
QUEUE_WAITING = Gauge(
    "thanoxy_upstream_queue_length",
    "Requests that wait for their turn upstream.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
QUEUE_REFUSED = Counter(
    "thanoxy_upstream_queue_refused_total", "Requests that got no turn.", ["reason"], registry=REGISTRY
)
MEMORY_HELD = Gauge(
    "thanoxy_memory_in_flight_bytes",
    "Memory set aside for answers under way.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
MEMORY_WAITING = Gauge(
    "thanoxy_memory_waiting",
    "Requests that wait for memory.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
MEMORY_REFUSED = Counter(
    "thanoxy_memory_refused_total", "Requests that got no memory.", ["reason"], registry=REGISTRY
)
STALE_ANSWERS = Counter(
    "thanoxy_cache_stale_answers_total",
    "Answers from kept data past its life, because the upstream failed.",
    registry=REGISTRY,
)
RELOADS = Gauge(
    "thanoxy_config_last_reload_successful",
    "Whether the last reading of a file succeeded.",
    ["file"],
    registry=REGISTRY,
    multiprocess_mode="livemin",
)
TENANT_REQUESTS = Counter(
    "thanoxy_tenant_requests_total",
    "Requests by tenant; those beyond a number of names count as one.",
    ["tenant", "code"],
    registry=REGISTRY,
)
TIER_GETS = Counter(
    "thanoxy_tier_gets_total",
    "Values asked of a cache tier: hit, miss, failed, skipped while it is left alone.",
    ["tier", "result"],
    registry=REGISTRY,
)
TIER_WRITES = Counter(
    "thanoxy_tier_writes_total",
    "Values for a cache tier: written, failed, dropped (queue full), skipped.",
    ["tier", "result"],
    registry=REGISTRY,
)
TIER_BYTES = Counter(
    "thanoxy_tier_bytes_total",
    "Bytes read from and written to a cache tier.",
    ["tier", "what"],
    registry=REGISTRY,
)
TIER_QUEUE_BYTES = Gauge(
    "thanoxy_tier_queue_bytes",
    "Bytes that wait to be written to a tier.",
    ["tier"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
TIER_EXTENTS = Counter(
    "thanoxy_tier_extents_total",
    "Extents loaded from a tier, and offered to it.",
    ["what"],
    registry=REGISTRY,
)
TIER_DAMAGED = Counter(
    "thanoxy_tier_damaged_total",
    "Values of a tier that are no extents of this version.",
    registry=REGISTRY,
)
READS_WAITING = Gauge(
    "thanoxy_remote_reads_waiting",
    "Remote reads that wait for their turn.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
TRACES_SENT = Counter(
    "thanoxy_traces_sent_total", "Spans that the collector of traces has taken.", registry=REGISTRY
)
TRACES_DROPPED = Counter(
    "thanoxy_traces_dropped_total",
    "Spans lost: the queue was full, sending failed, they were rejected, or the process ended.",
    ["reason"],
    registry=REGISTRY,
)
