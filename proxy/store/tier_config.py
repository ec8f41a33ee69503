"""How a tier is reached and used, as the cache's YAML says (`cache_config` reads it)."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class TierTls:
    """How a tier's servers are known, and how thanoxy makes itself known to them.

    ca_file: "" trusts the system's CAs. server_name: the name that its certificate
    bears; "": the address's.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2


Contexts = Callable[[TierTls], Callable[[], ssl.SSLContext]]
"""Makes, of what a tier's YAML says, what gives the context for the next connection."""


@dataclass(frozen=True, slots=True)
class WriteBreakerConfig:
    """`set_async_circuit_breaker_config` where it is enabled. failure_share: from 0 to 1."""

    half_open_max_requests: int = 10
    open_duration_ms: int = 5_000
    min_requests: int = 50
    consecutive_failures: int = 5
    failure_share: float = 0.05


@dataclass(frozen=True, slots=True)
class WritingConfig:
    """How what is put is written.

    concurrency: writes at once. buffer: values that wait. breaker: None has the usual one.
    """

    concurrency: int = 20
    buffer: int = 10_000
    breaker: WriteBreakerConfig | None = None


@dataclass(frozen=True, slots=True)
class LmdbConfig:
    """max_bytes: how much all files in the folder may take."""

    directory: str
    max_bytes: int


@dataclass(frozen=True, slots=True)
class MemcachedConfig:
    """tls: None speaks in the clear. 0 for max_get_multi_… and max_item_bytes: no bound."""

    addresses: tuple[str, ...]
    timeout_ms: int = 500
    max_idle_connections: int = 100
    max_item_bytes: int = MEBIBYTE
    max_get_multi_concurrency: int = 100
    max_get_multi_batch_size: int = 0
    dns_provider_update_interval_ms: int = 10_000
    writing: WritingConfig = WritingConfig()
    tls: TierTls | None = None


@dataclass(frozen=True, slots=True)
class RedisConfig:
    """addresses: more than one are of a cluster, or with `master_name` of sentinels.

    tls: None speaks in the clear. 0 for a concurrency or a batch's size: no bound.
    """

    addresses: tuple[str, ...]
    prefix: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    db: int = 0
    master_name: str = ""
    dial_timeout_ms: int = 5_000
    read_timeout_ms: int = 3_000
    write_timeout_ms: int = 3_000
    max_get_multi_concurrency: int = 100
    get_multi_batch_size: int = 100
    max_set_multi_concurrency: int = 100
    set_multi_batch_size: int = 100
    writing: WritingConfig = WritingConfig()
    tls: TierTls | None = None


TierConfig = LmdbConfig | MemcachedConfig | RedisConfig
