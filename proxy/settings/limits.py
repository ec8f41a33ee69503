"""What may be asked at once, and what a query may cost."""

from __future__ import annotations

import dataclasses

from proxy.setting_values import count, duration_ms, positive, size_bytes
from proxy.settings.row import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """See `proxy.settings`."""

    query_timeout_ms: int = setting(
        "query.timeout", "5m", duration_ms,
        "the longest that a query may take, retries and waiting included; sent upstream as `timeout`",
    )  # fmt: skip
    max_concurrent: int = setting(
        "limits.max-concurrent", "150", positive,
        "requests to the upstream at once; others wait for their turn",
    )  # fmt: skip
    max_tenant_concurrent: int = setting(
        "limits.max-concurrent-per-tenant", "100", positive, "of them, for one tenant"
    )
    max_waiting: int = setting(
        "limits.max-waiting", "2000", count, "requests to the upstream that wait for their turn"
    )
    max_wait_ms: int = setting(
        "limits.max-wait", "30s", duration_ms,
        "how long a request waits for its turn, or for memory, before it gets a 429",
    )  # fmt: skip
    memory_in_flight_bytes: int = setting(
        "limits.memory-in-flight", "0", size_bytes,
        "memory of all answers under way; 0: a part of what the machine or cgroup allows",
    )  # fmt: skip
    limits_config_file: str = setting(
        "limits.config-file", "", str,
        "YAML file of limits for single tenants and of blocked queries, read again when it changes",
    )  # fmt: skip
    max_query_bytes: int = setting(
        "limits.max-query-bytes", "0", size_bytes,
        "refuse longer texts of queries and selectors; 0 has no limit",
    )  # fmt: skip
    max_query_lookback_ms: int = setting(
        "limits.max-query-lookback", "0", duration_ms,
        "refuse queries that begin longer before now; 0 has no limit",
    )  # fmt: skip
    max_query_steps: int = setting(
        "limits.max-query-steps", "0", count, "refuse range queries of more steps; 0 has no limit"
    )
    max_query_splits: int = setting(
        "limits.max-query-splits", "0", count,
        "refuse range queries that would be cut into more splits; 0 has no limit",
    )  # fmt: skip
    max_query_upstream_bytes: int = setting(
        "limits.max-query-upstream-bytes", "0", size_bytes,
        "refuse a query whose splits fetch more than this together; 0 has no limit",
    )  # fmt: skip
    max_query_samples: int = setting(
        "limits.max-query-samples", "0", count,
        "refuse answers of more samples; 0 has no limit",
    )  # fmt: skip
    max_query_response_bytes: int = setting(
        "limits.max-query-response-bytes", "0", size_bytes,
        "refuse answers that are longer before compression; 0 has no limit",
    )  # fmt: skip
