"""Remote read."""

from __future__ import annotations

import dataclasses

from proxy.setting_values import (
    boolean,
    count,
    duration_ms,
    positive,
    positive_duration_ms,
    size_bytes,
)
from proxy.settings.row import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """See `proxy.settings`."""

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
