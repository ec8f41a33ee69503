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
