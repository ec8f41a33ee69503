"""How range queries are cut, and where the work is done."""

from __future__ import annotations

import dataclasses

from proxy.setting_values import boolean, count, duration_ms, positive, size_bytes
from proxy.settings.row import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuerySettings:
    """See `proxy.settings`."""

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
    max_query_length_ms: int = setting(
        "query-range.max-query-length", "0", duration_ms,
        "refuse range queries over a longer time; 0 has no limit",
    )  # fmt: skip
    align_range_with_step: bool = setting(
        "query-range.align-range-with-step", "false", boolean,
        "move start and end onto multiples of the step; changes answers (query-frontend: true)",
    )  # fmt: skip
    worker_threads: int = setting(
        "engine.worker-threads", "2", positive,
        "threads for scanning and compressing large answers",
    )  # fmt: skip
    inline_bytes: int = setting(
        "engine.inline-bytes", "256KB", size_bytes,
        "answers up to this size are scanned at once",
    )  # fmt: skip
