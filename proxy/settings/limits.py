"""What may be asked at once, and what a query may cost."""

from __future__ import annotations

import dataclasses

from proxy.setting_values import duration_ms
from proxy.settings.row import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """See `proxy.settings`."""

    query_timeout_ms: int = setting(
        "query.timeout", "5m", duration_ms,
        "the longest that a query may take, retries and waiting included; sent upstream as `timeout`",
    )  # fmt: skip
