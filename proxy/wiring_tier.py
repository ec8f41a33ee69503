"""Opens what stands behind the cache in memory, and what all processes that share it hear of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.cache_config import tier_config
from proxy.certificates import ClientCertificates
from proxy.engine.purge_log import PurgeLog
from proxy.engine.read_back import ReadBack
from proxy.engine.shared_extents import SharedExtents
from proxy.engine.siblings import Siblings
from proxy.engine.stores_memory import StoresMemory
from proxy.setting_values import SettingError
from proxy.store.board import FolderBoard
from proxy.store.guarded import GuardedTier
from proxy.store.open_tier import guard_policy, open_tier, shared_bytes
from proxy.tripper_config import TlsClient
from proxy.upstream.lookup import Lookup
from proxy.worker import shared_folder

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence
    from contextlib import AsyncExitStack

    from proxy.engine.ports import Clock, Threads
    from proxy.engine.siblings import Origin
    from proxy.file_watch import FileWatch
    from proxy.plan.holes import StoreWatch
    from proxy.settings import Settings
    from proxy.store.tier_config import TierTls


@dataclass(frozen=True, slots=True)
class Sharing:
    """What is kept beyond this process: extents, purges, which stores are expected; and where."""

    extents: SharedExtents
    purges: PurgeLog
    stores: StoresMemory
    tier: GuardedTier


async def open_sharing(
    settings: Settings, urls: Sequence[str], parts: AsyncExitStack, on: On
) -> Sharing | None:
    """Open the tier, if there is one; what fails later costs only hits.

    Raises:
        SettingError: it cannot be opened as it is configured.
    """
    config = tier_config(settings)
    if config is None:
        return None
    try:
        raw = open_tier(config, on.clock, Lookup(), on.contexts)
    except ValueError as error:
        raise SettingError(f"the cache's YAML: {error}") from error
    tier = GuardedTier(raw, guard_policy(config))
    await tier.start()
    parts.push_async_callback(tier.close)
    purges = PurgeLog(tier, on.clock)
    least_bytes = shared_bytes(config)
    read_back = None if least_bytes is None else ReadBack(tier, on.threads, least_bytes)
    name = hashlib.blake2b("\n".join(sorted(urls)).encode(), digest_size=8).hexdigest()
    return Sharing(
        SharedExtents(tier, on.watch, on.clock, on.threads, purges, read_back),
        purges,
        StoresMemory(tier, on.clock, f"stores.{name}", settings.stores_forget_ms // 1000 or 1),
        tier,
    )


def open_siblings(settings: Settings, origin: Origin, parts: AsyncExitStack, on: On) -> Siblings | None:
    """What is known of the other workers; None without any."""
    folder = shared_folder()
    if folder is None or not settings.sibling_wait_ms:
        return None
    board = FolderBoard(folder)
    parts.callback(board.close)
    return Siblings(board, origin, on.clock, on.threads, settings.sibling_wait_ms / 1000)


@dataclass(frozen=True, slots=True)
class On:
    """What sharing stands on."""

    watch: StoreWatch
    clock: Clock
    threads: Threads
    files: FileWatch

    def contexts(self, tls: TierTls) -> Callable[[], ssl.SSLContext]:
        """The TLS context of new connections to a tier, read again when its files change."""
        held = ClientCertificates(
            TlsClient(
                ca_file=tls.ca_file,
                cert_file=tls.cert_file,
                key_file=tls.key_file,
                server_name=tls.server_name,
                insecure_skip_verify=tls.insecure_skip_verify,
                min_version=tls.min_version,
            )
        )
        if held.files():
            self.files.register("cache-tls", held.files, held.reload)
        return held.current
