"""Builds what serves remote reads, out of settings; `wiring` puts it beside the rest."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.api.read_limits import ReadLimits
from proxy.api.remote_read import RemoteReadEndpoint
from proxy.engine.gate import Gate, GatePolicy
from proxy.engine.query_flags import LearnedFlags, QueryFlags
from proxy.engine.readers import Readers
from proxy.engine.remote_read import RemoteReads
from proxy.engine.samples_cache import SamplesCache
from proxy.engine.samples_over_http import SamplesOverHttp
from proxy.plan.read_plan import ReadPolicy
from proxy.setting_values import SettingError
from proxy.telemetry.metrics import READS_WAITING
from proxy.worker import part_of

if TYPE_CHECKING:
    from proxy.api.callers import Callers
    from proxy.api.respond import ResponsePolicy
    from proxy.engine.admission import GateAndMemory
    from proxy.engine.background import Background
    from proxy.engine.ports import Clock, LimitsSource
    from proxy.engine.siblings import Siblings
    from proxy.engine.threads import WorkerThreads
    from proxy.machine import MemoryShares
    from proxy.plan.freshness import KeepPolicy
    from proxy.plan.holes import StoreWatch
    from proxy.settings import Settings
    from proxy.store.memory import MemoryStore
    from proxy.upstream.client import ThanosClient
    from proxy.upstream.discovery import Discovery
    from proxy.upstream.store_api import StoreApi
    from proxy.wiring_tier import Sharing


@dataclass(frozen=True, slots=True)
class Ground:
    """What all parts of the engine stand on.

    store_api: None without gRPC addresses. sharing: without a tier. siblings: without other workers.
    """

    client: ThanosClient
    store_api: StoreApi | None
    admission: GateAndMemory
    memory: MemoryShares
    threads: WorkerThreads
    watch: StoreWatch
    background: Background
    clock: Clock
    limits: LimitsSource
    sharing: Sharing | None = None
    siblings: Siblings | None = None
    discovery: Discovery | None = None


def open_store_api(settings: Settings, threads: WorkerThreads) -> StoreApi | None:
    """Channels to the gRPC addresses; None when there are none.

    Raises:
        SettingError: a file of the TLS settings cannot be read.
    """
    if not settings.grpc_addresses:
        return None
    # gRPC's library is large; who does not use it shall not pay for it.
    from proxy.upstream.store_api import StoreApi, StoreApiPolicy  # noqa: PLC0415
    from proxy.upstream.store_channel import ChannelPolicy, StoreTls  # noqa: PLC0415

    tls = StoreTls(
        settings.grpc_tls_ca,
        settings.grpc_tls_cert,
        settings.grpc_tls_key,
        settings.grpc_server_name,
    )
    channel = ChannelPolicy(
        settings.grpc_max_message_bytes,
        settings.connect_timeout_ms,
        tls if settings.grpc_tls else None,
    )
    policy = StoreApiPolicy(
        channel=channel,
        request_timeout_ms=settings.request_timeout_ms,
        tenant_header=settings.tenant_header,
    )
    try:
        return StoreApi(settings.grpc_addresses, policy, threads)
    except OSError as error:
        raise SettingError(f"--grpc-client-tls-…: {error}") from error


def build_reads(
    settings: Settings,
    ground: Ground,
    store: MemoryStore,
    keep: KeepPolicy,
    vary: tuple[str, ...],
) -> tuple[RemoteReads, SamplesCache]:
    """The engine of remote reads, and what it keeps."""
    windows = dataclasses.replace(keep, extent_steps=settings.read_window_ms)
    cache = SamplesCache(store, ground.watch, ground.clock, ground.threads, windows, ground.background)
    policy = ReadPolicy(
        source="grpc" if ground.store_api else "http",
        window_ms=settings.read_window_ms,
        most_windows=settings.read_most_windows,
        max_resolution_ms=settings.read_max_resolution_ms,
        partial_response=settings.read_partial_response,
        parallelism=settings.max_query_parallelism,
        memory_bytes=settings.read_memory_bytes,
    )
    flags = None
    source: StoreApi | SamplesOverHttp = SamplesOverHttp(ground.client, ground.threads)
    if ground.store_api:
        source = ground.store_api
        known = QueryFlags(settings.replica_labels, tenant_label=settings.tenant_label)
        flags = LearnedFlags(ground.client, ground.clock, known)
    readers = Readers(vary, settings.tenant_header.lower(), flags)
    reads = RemoteReads(source, cache, ground.threads, ground.clock, policy, readers)
    return reads, cache


def reads_endpoint(
    settings: Settings,
    reads: RemoteReads,
    respond: ResponsePolicy,
    callers: Callers,
    ground: Ground,
) -> RemoteReadEndpoint:
    """`/api/v1/read` with its limits."""
    gate = GatePolicy(
        part_of(settings.read_concurrency),
        part_of(settings.read_tenant_concurrency),
        part_of(settings.read_max_waiting),
        settings.read_max_wait_ms,
    )
    limits = ReadLimits(
        max_body_bytes=settings.read_max_body_bytes,
        max_queries=settings.read_max_queries,
        max_series=settings.read_max_series,
        max_samples=settings.read_max_samples,
        max_plain_samples=settings.read_max_plain_samples,
        max_bytes=settings.read_max_bytes,
        frame_bytes=settings.read_frame_bytes,
        max_stall_ms=settings.read_max_stall_ms,
        memory_bytes=settings.read_memory_bytes,
    )
    return RemoteReadEndpoint(
        reads=reads,
        gate=Gate(gate, READS_WAITING),
        threads=ground.threads,
        policy=respond,
        limits=limits,
        callers=callers,
        admission=ground.admission,
        rules=ground.limits,
    )
