"""What is kept, and for how long."""

from __future__ import annotations

import dataclasses

from proxy.setting_values import duration_ms, positive, share, size_bytes
from proxy.settings.row import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class CacheSettings:
    """See `proxy.settings`."""

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
    stale_ms: int = setting(
        "query-range.stale-if-error", "0", duration_ms,
        "how long past its life kept data may be given, with a warning, when the upstream fails",
    )  # fmt: skip
    sibling_wait_ms: int = setting(
        "cache.sibling-wait", "5s", duration_ms,
        "how long a worker waits for what another one is just fetching; 0 never waits",
    )  # fmt: skip
    cache_dir: str = setting(
        "cache.dir", "", str,
        "a folder for kept answers (LMDB): they outlive the process, and all workers share them",
    )  # fmt: skip
    cache_dir_bytes: int = setting(
        "cache.dir-size", "4GB", size_bytes, "how large that folder may become"
    )
