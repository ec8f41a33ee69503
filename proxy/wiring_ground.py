"""Opens what the engine stands on: the upstream and its addresses, threads, turns and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.cache_config import read_cache_config
from proxy.engine.admission import GateAndMemory
from proxy.engine.background import Background
from proxy.engine.gate import Gate, GatePolicy
from proxy.engine.memory import MemoryBudget, MemoryPolicy
from proxy.engine.stores_poll import poll_stores
from proxy.engine.threads import WorkerThreads
from proxy.machine import MemoryShares, memory_bytes, share_memory
from proxy.plan.breaker import BreakerPolicy
from proxy.plan.holes import StoreWatch, most_gap_ms
from proxy.telemetry.metrics import DNS_LOOKUPS, QUEUE_REFUSED, QUEUE_WAITING
from proxy.upstream.addresses import parse_upstream
from proxy.upstream.attempts import AttemptPolicy
from proxy.upstream.budget import BudgetPolicy
from proxy.upstream.client import ClientPolicy, ThanosClient
from proxy.upstream.discovery import Discovery
from proxy.upstream.lookup import Lookup
from proxy.upstream.origin import PoolOrigin
from proxy.upstream.probes import probe_addresses
from proxy.wiring_reads import Ground, open_store_api
from proxy.wiring_tier import On, open_sharing, open_siblings
from proxy.worker import part_of, worker_count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack

    from proxy.engine.ports import Clock
    from proxy.settings import Settings
    from proxy.tripper_config import TripperConfig
    from proxy.wiring_access import Access
    from proxy.wiring_tier import Sharing

_MOST_BACKGROUND_TASKS = 64
_MOST_BEGUN = 32


async def open_ground(
    settings: Settings, urls: Sequence[str], clock: Clock, access: Access, parts: AsyncExitStack
) -> Ground:
    """What the engine stands on; `parts` closes it again, the last made first."""
    shares = _memory_shares(settings)
    admission = _admission(settings, access, shares)
    client = _client(settings, access, admission, clock)
    parts.push_async_callback(client.close)
    threads = WorkerThreads(settings.worker_threads, settings.inline_bytes)
    parts.callback(threads.close)
    store_api = open_store_api(settings, threads)
    if store_api:
        parts.push_async_callback(store_api.close)
    background = Background(_MOST_BACKGROUND_TASKS)
    parts.push_async_callback(background.close)
    discovery = await _find_addresses(settings, urls, client, background)
    watch = _new_watch(settings, clock)
    on = On(watch, clock, threads, access.watch)
    sharing = await open_sharing(settings, urls, parts, on)
    _watch_stores(settings, client, watch, clock, background, sharing)
    return Ground(
        client=client,
        store_api=store_api,
        admission=admission,
        memory=shares,
        threads=threads,
        watch=watch,
        background=background,
        clock=clock,
        limits=access.limits,
        sharing=sharing,
        discovery=discovery,
        siblings=open_siblings(settings, PoolOrigin(client.pool, admission), parts, on),
    )


def _new_watch(settings: Settings, clock: Clock) -> StoreWatch:
    gap_ms = most_gap_ms(settings.stores_interval_ms)
    return StoreWatch(settings.stores_forget_ms, gap_ms, clock.monotonic_ms())


def _admission(settings: Settings, access: Access, shares: MemoryShares) -> GateAndMemory:
    gate = Gate(
        _gate_policy(settings),
        QUEUE_WAITING,
        lambda tenant: part_of(access.limits.current.of(tenant).max_tenant_concurrent),
        QUEUE_REFUSED,
    )
    return GateAndMemory(gate, MemoryBudget(_memory_policy(settings, shares)))


def _client(settings: Settings, access: Access, admission: GateAndMemory, clock: Clock) -> ThanosClient:
    policy = _client_policy(settings, access.tripper)
    return ThanosClient(policy, admission, access.client_tls, clock)


def _watch_stores(
    settings: Settings,
    client: ThanosClient,
    watch: StoreWatch,
    clock: Clock,
    background: Background,
    sharing: Sharing | None,
) -> None:
    if interval_s := settings.stores_interval_ms / 1000:
        memory = sharing.stores if sharing else None
        background.spawn(poll_stores(client, watch, clock, interval_s, memory))
    else:
        watch.no_such_endpoint()


async def _find_addresses(
    settings: Settings, urls: Sequence[str], client: ThanosClient, background: Background
) -> Discovery:
    addresses = [parse_upstream(url) for url in urls]
    discovery = Discovery(
        addresses,
        Lookup(),
        client.pool.set_endpoints,
        interval_s=settings.dns_interval_ms / 1000,
        observe=lambda result: DNS_LOOKUPS.labels(result).inc(),
    )
    await discovery.first()
    background.spawn(discovery.run())
    if settings.probe_interval_ms:
        background.spawn(probe_addresses(client, settings.probe_interval_ms / 1000))
    return discovery


def _memory_shares(settings: Settings) -> MemoryShares:
    """This process's part of what all workers have together."""
    workers = worker_count()
    cache_bytes = read_cache_config(settings).max_bytes
    return share_memory(
        memory_bytes() // workers,
        cache_bytes // workers if cache_bytes is not None else None,
        settings.memo_bytes // workers,
        settings.memory_in_flight_bytes // workers,
    )


def _gate_policy(settings: Settings) -> GatePolicy:
    return GatePolicy(
        part_of(settings.max_concurrent),
        part_of(settings.max_tenant_concurrent),
        part_of(settings.max_waiting),
        settings.max_wait_ms,
        what="requests to the upstream",
        flags="--limits",
    )


def _memory_policy(settings: Settings, shares: MemoryShares) -> MemoryPolicy:
    """Parts of answers that wait for memory never hold more than a fourth of a tenant's turns."""
    most_begun = max(1, min(_MOST_BEGUN, part_of(settings.max_tenant_concurrent) // 4))
    return MemoryPolicy(shares.in_flight_bytes, settings.max_wait_ms, most_begun=most_begun)


def _client_policy(settings: Settings, tripper: TripperConfig) -> ClientPolicy:
    return ClientPolicy(
        max_connections=part_of(settings.max_connections),
        connect_timeout_s=settings.connect_timeout_ms / 1000,
        request_timeout_s=settings.request_timeout_ms / 1000,
        max_response_bytes=settings.max_response_bytes,
        ask_for_gzip=settings.upstream_gzip,
        attempts=AttemptPolicy(
            settings.max_retries_per_request, settings.retry_backoff_ms / 1000, settings.hedge
        ),
        budget=BudgetPolicy(settings.retry_share),
        breaker=BreakerPolicy(
            settings.failures_in_a_row,
            slow_return_ms=settings.slow_return_ms,
            is_probed=settings.probe_interval_ms > 0,
        ),
        idle_timeout_s=tripper.idle_conn_timeout_ms / 1000 or 60.0,
        max_address_connections=part_of(tripper.max_conns_per_host),
        headers_timeout_s=tripper.response_header_timeout_ms / 1000 or None,
        server_name=tripper.tls.server_name if tripper.tls else "",
    )
