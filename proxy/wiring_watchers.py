"""Builds what watches requests: the tracer, and the log of what runs."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, cast

from proxy.api.about import about
from proxy.certificates import ClientCertificates
from proxy.codec.active_slot import ActiveQuery
from proxy.store.active_log import ActiveLog
from proxy.telemetry.log import LOG
from proxy.telemetry.registry import METRICS_VARIABLE
from proxy.tracing.exporter import Collector, Exporter
from proxy.tracing.tracer import Tracer
from proxy.tracing_config import read_tracing_config
from proxy.worker import is_worker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack

    from aiohttp import web

    from proxy.api.about import About
    from proxy.engine.background import Background
    from proxy.engine.ports import Clock
    from proxy.file_watch import FileWatch
    from proxy.settings import Settings
    from proxy.telemetry.book import Book
    from proxy.telemetry.record import Record
    from proxy.wiring_reads import Ground

_AUTO, _OFF = "auto", "off"
_OWN_FOLDER = "queries"


def watch_requests(
    settings: Settings, book: Book, ground: Ground, files: FileWatch, parts: AsyncExitStack
) -> tuple[ActiveQuery, ...]:
    """Open what is wanted; what ran in processes before this one when they died.

    Raises:
        SettingError: what is wanted is not possible.
    """
    open_tracing(settings, book, files, ground.background, parts)
    return open_active_log(settings, book, ground.clock, parts)


def open_tracing(
    settings: Settings, book: Book, files: FileWatch, background: Background, parts: AsyncExitStack
) -> None:
    """Have requests traced, if that is wanted; `parts` sends the last spans.

    Raises:
        SettingError: what is wanted is not possible.
    """
    config = read_tracing_config(settings)
    if config is None:
        return
    for option in config.idle:
        LOG.warning(option)
    certificates = ClientCertificates(config.tls) if config.tls else None
    if certificates and certificates.files():
        files.register("tracing-tls", certificates.files, certificates.reload)
    tracer = Tracer(config.share, _headers, _about, config.heeds_parents)
    exporter = Exporter(
        tracer,
        Collector(
            url=config.url,
            timeout_s=config.timeout_ms / 1000,
            headers=config.headers,
            resource=config.resource,
            gzip=config.gzip,
            tls=certificates.current if certificates else None,
            server_name=config.tls.server_name if config.tls else "",
        ),
    )
    parts.push_async_callback(exporter.close, settings.http_grace_period_ms / 1000)
    background.spawn(exporter.run())
    book.watch(tracer)


def open_active_log(
    settings: Settings, book: Book, clock: Clock, parts: AsyncExitStack
) -> tuple[ActiveQuery, ...]:
    """Have queries that run written down, where there is a place; what ran when a process died.

    A place that cannot be used costs no more than this log.
    """
    folder = _folder(settings)
    if folder is None:
        return ()

    def describe(record: Record) -> ActiveQuery:
        told = _about(record)
        began_ms = clock.wall_ms() - round((perf_counter() - record.began_s) * 1000)
        return ActiveQuery(told.expr, told.tenant, told.dashboard, told.panel, record.handler, began_ms)

    try:
        log = ActiveLog(folder, describe)
    except OSError as error:
        why = f"{folder}: {error.strerror or error}"
        LOG.warning("running queries are not written down (--query.active-log)", extra={"err": why})
        return ()
    log.tell()
    parts.callback(log.close)
    book.watch(log)
    return log.left


def _folder(settings: Settings) -> Path | None:
    if settings.active_log == _OFF:
        return None
    if settings.active_log != _AUTO:
        return Path(settings.active_log)
    if settings.cache_dir:
        return Path(settings.cache_dir, _OWN_FOLDER)
    return Path(os.environ[METRICS_VARIABLE], _OWN_FOLDER) if is_worker() else None


def _request(record: Record) -> web.BaseRequest:
    """The book's records are those of the router, whose sources are requests."""
    return cast("web.BaseRequest", record.source)


def _headers(record: Record) -> Mapping[str, str]:
    return _request(record).headers


def _about(record: Record) -> About:
    return about(_request(record))
