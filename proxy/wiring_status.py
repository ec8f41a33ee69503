"""Builds what asks the parts how they are, and tells others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from proxy.api.respond import ResponsePolicy
from proxy.status.board import Board
from proxy.status.collect import Collector, Sources
from proxy.status.forms import TenantHeader
from proxy.status.page import PageOptions
from proxy.status.pulse import Pulse
from proxy.status.status_routes import StatusSource, status_routes
from proxy.store.tiered import TieredStore
from proxy.telemetry.registry import METRICS_VARIABLE
from proxy.worker import worker_count

if TYPE_CHECKING:
    import asyncio

    from proxy.api.routes import Route
    from proxy.file_watch import FileWatch
    from proxy.settings import Settings
    from proxy.telemetry.book import Book
    from proxy.wiring import Engine


def build_collector(engine: Engine, files: FileWatch, scale: float = 1.0) -> Collector:
    """Of all parts of a running proxy. scale: see `Collector`."""
    store = engine.store
    return Collector(
        Sources(
            pool=engine.client.pool,
            admission=engine.admission,
            memory=store.memory if isinstance(store, TieredStore) else store,
            watch=engine.watch,
            files=files,
            clock=engine.clock,
            tier=engine.sharing.tier if engine.sharing else None,
            discovery=engine.ground.discovery,
        ),
        scale,
    )


def build_pulse(engine: Engine, files: FileWatch, book: Book, every_s: float) -> Pulse:
    """Of this process; workers leave word of themselves where their metrics are."""
    folder = os.environ.get(METRICS_VARIABLE, "")
    return Pulse(
        build_collector(engine, files, every_s),
        book,
        engine.clock,
        Board(folder) if folder else None,
        worker_count(),
        every_s,
    )


def build_status(settings: Settings, pulse: Pulse, leaving: asyncio.Event) -> dict[str, Route]:
    """The routes of the status page; none where it is switched off."""
    if not settings.status_page:
        return {}
    header = "" if settings.tenant_certificate_field else settings.tenant_header
    return status_routes(
        StatusSource(pulse.snapshot, pulse.cancel, leaving),
        ResponsePolicy(gzip=settings.compress_responses, cors=False),
        PageOptions(settings.admin_api, TenantHeader(header, settings.default_tenant)),
        settings.status_max_listeners,
    )
