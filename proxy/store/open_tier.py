"""The tier that a configuration asks for. Its client's library is loaded only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.store.guarded import GuardPolicy
from proxy.store.large_files import LARGE_BYTES
from proxy.store.tier_config import LmdbConfig, MemcachedConfig, RedisConfig

if TYPE_CHECKING:
    from proxy.engine.ports import Clock
    from proxy.store.raw_tier import RawTier
    from proxy.store.servers import Resolver
    from proxy.store.tier_config import Contexts, TierConfig


def open_tier(config: TierConfig, clock: Clock, resolver: Resolver, contexts: Contexts) -> RawTier:
    """A tier that is not started yet. contexts: makes TLS contexts where there is TLS.

    Raises:
        ValueError: an address that is none.
    """
    match config:
        case LmdbConfig():
            from proxy.store.lmdb_tier import LmdbTier  # noqa: PLC0415

            return LmdbTier(config, clock)
        case MemcachedConfig():
            from proxy.store.memcached import MemcachedTier  # noqa: PLC0415

            context = contexts(config.tls) if config.tls else None
            return MemcachedTier(config, clock, resolver, context)
        case RedisConfig():
            from proxy.store.redis import RedisTier  # noqa: PLC0415

            return RedisTier(config, contexts(config.tls) if config.tls else None)


def guard_policy(config: TierConfig) -> GuardPolicy:
    """How `GuardedTier` uses the tier.

    A file does not hang as a server may: what makes it late are busy cores. One process writes to it at
    a time anyway. Large values stay whole, for a file of their own.
    """
    if isinstance(config, LmdbConfig):
        return GuardPolicy(timeout_s=0.05, writers=1, readers=2, part_bytes=64 << 20)
    writing = config.writing
    return GuardPolicy(
        writers=writing.concurrency,
        queue_values=writing.buffer,
        write_breaker=writing.breaker,
    )


def shared_bytes(config: TierConfig) -> int | None:
    """From which size on values are given out as memory that all processes share; None: never."""
    return LARGE_BYTES if isinstance(config, LmdbConfig) else None
