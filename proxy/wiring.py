"""Builds the engine and the routes out of settings; `app` starts and stops them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.api.admin import PurgeEndpoint
from proxy.api.callers import Callers
from proxy.api.health import healthy, metrics
from proxy.api.kept_whole import INSTANT_PATH, KeptWholeEndpoint, WholePolicy
from proxy.api.passthrough import Passthrough
from proxy.api.query_range import QueryRangeEndpoint
from proxy.api.remote_read import PATH as READ_PATH
from proxy.api.respond import ResponsePolicy
from proxy.api.routes import LABEL_VALUES_ROUTE, Router, route
from proxy.cache_config import read_cache_config
from proxy.engine.answer_memo import AnswerMemo
from proxy.engine.range_answers import RangeAnswers
from proxy.engine.range_query import FetchPolicy, RangeQueries
from proxy.engine.readers import THANOS_TENANT
from proxy.engine.results_cache import ResultsCache
from proxy.engine.whole_answers import WholeAnswers
from proxy.plan.freshness import KeepPolicy
from proxy.plan.range_plan import SplitPolicy
from proxy.store.memory import MemoryStore
from proxy.store.tiered import TieredStore
from proxy.wiring_explain import Shown, explain_routes
from proxy.wiring_reads import build_reads, reads_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.api.health import Ready
    from proxy.api.routes import Route
    from proxy.engine.admission import GateAndMemory
    from proxy.engine.answer_memo import Assembled
    from proxy.engine.background import Background
    from proxy.engine.ports import Clock, LimitsSource, UpstreamAnswer
    from proxy.engine.remote_read import RemoteReads
    from proxy.engine.samples_cache import SamplesCache
    from proxy.engine.threads import WorkerThreads
    from proxy.plan.holes import StoreWatch
    from proxy.plan.purge import Purge
    from proxy.settings import Settings
    from proxy.telemetry.book import Book
    from proxy.upstream.client import ThanosClient
    from proxy.wiring_access import Access
    from proxy.wiring_reads import Ground
    from proxy.wiring_tier import Sharing


@dataclass(frozen=True, slots=True)
class Engine:
    """What answers queries, and what remembers answers."""

    client: ThanosClient
    admission: GateAndMemory
    threads: WorkerThreads
    clock: Clock
    watch: StoreWatch
    store: MemoryStore | TieredStore
    cache: ResultsCache
    memo: AnswerMemo[Assembled]
    queries: RangeQueries
    answers: RangeAnswers
    whole: WholeAnswers
    reads: RemoteReads
    samples: SamplesCache
    background: Background
    ground: Ground
    shown: Shown

    @property
    def sharing(self) -> Sharing | None:
        """What is kept beyond this process."""
        return self.ground.sharing

    def share(self) -> None:
        """Begin to write what is kept, and to hear of purges."""
        if self.sharing is not None:
            self.background.spawn(self.sharing.extents.run(self.store))
            self.background.spawn(self.sharing.purges.run(self.purge_here))

    def purge(self, wanted: Purge) -> int:
        """Remove kept pieces that match, here and wherever they are shared."""
        if self.sharing is not None:
            self.background.spawn(self.sharing.purges.write(wanted))
        return self.purge_here(wanted)

    def purge_here(self, wanted: Purge) -> int:
        """Remove what this process keeps, and all remembered answers."""
        self.memo.clear()
        self.whole.clear()
        self.queries.forget_flights()
        self.answers.forget_flights()
        self.reads.forget_flights()
        return self.samples.purge(wanted) + self.cache.purge(wanted)


def build_engine(settings: Settings, ground: Ground) -> Engine:
    """All parts between the routes and the upstream.

    Raises:
        SettingError: the cache's configuration cannot be used.
    """
    client, threads, clock, watch = ground.client, ground.threads, ground.clock, ground.watch
    memory = ground.memory
    in_memory = MemoryStore(memory.cache_bytes, settings.max_extent_share)
    shared = ground.sharing.extents if ground.sharing else None
    store = TieredStore(in_memory, shared) if shared else in_memory
    keep = _keep_policy(settings, read_cache_config(settings).life_ms)
    cache = ResultsCache(store, watch, clock, threads, keep, ground.background)
    split = _split_policy(settings, memory.cache_bytes > 0)
    whole_memo: AnswerMemo[UpstreamAnswer] = AnswerMemo(
        memory.memo_bytes,
        max(settings.metadata_life_ms, settings.instant_life_ms),
        settings.stale_ms,
    )
    reads, samples = build_reads(settings, ground, in_memory, keep, vary_names(settings))
    queries = RangeQueries(client, threads, clock, cache, split, _fetch_policy(settings, ground))
    memo: AnswerMemo[Assembled] = AnswerMemo(memory.memo_bytes, settings.memo_age_ms)
    answers = RangeAnswers(queries, ground.admission, threads, clock, memo, watch)
    whole = WholeAnswers(whole_memo, watch, clock, settings.short_life_ms)
    return Engine(
        client=client,
        admission=ground.admission,
        threads=threads,
        clock=clock,
        watch=watch,
        store=store,
        cache=cache,
        memo=memo,
        queries=queries,
        answers=answers,
        whole=whole,
        reads=reads,
        samples=samples,
        background=ground.background,
        ground=ground,
        shown=Shown(ground, store, answers, whole, keep, split),
    )


def _split_policy(settings: Settings, keeps: bool) -> SplitPolicy:
    return SplitPolicy(
        settings.split_interval_ms, settings.max_splits, settings.align_range_with_step, keep=keeps
    )


def _fetch_policy(settings: Settings, ground: Ground) -> FetchPolicy:
    return FetchPolicy(
        settings.max_query_parallelism, settings.stale_ms, ground.limits, ground.siblings
    )


def _keep_policy(settings: Settings, life_ms: int | None) -> KeepPolicy:
    """`life_ms`, the cache's own, bounds all lives."""
    long_life_ms = life_ms or settings.long_life_ms
    return KeepPolicy(
        freshness_ms=settings.freshness_ms,
        recent_ms=settings.recent_ms,
        recent_life_ms=min(settings.recent_life_ms, long_life_ms),
        long_life_ms=long_life_ms,
        empty_life_ms=settings.empty_life_ms,
        short_life_ms=settings.short_life_ms,
        extent_steps=settings.extent_steps,
    )


def vary_names(settings: Settings) -> tuple[str, ...]:
    """The headers that answers vary by, the tenant's first; in lower case.

    Thanos falls back to its default header where its own is missing (`pkg/tenancy`), so that counts.
    """
    names = [settings.tenant_header, *settings.vary_headers.split(","), THANOS_TENANT]
    return tuple(dict.fromkeys(name.strip().lower() for name in names if name.strip()))


def build_router(
    settings: Settings,
    engine: Engine,
    ready: Ready,
    access: Access,
    book: Book,
    more: Mapping[str, Route],
) -> Router:
    """The table of routes. more: those of the status page."""
    respond = ResponsePolicy(gzip=settings.compress_responses, cors=not settings.disable_cors)
    callers = Callers(access.tenants, vary_names(settings), settings.query_timeout_ms / 1000)
    passthrough = Passthrough(engine.client, callers, access.limits, engine.threads)
    query_range = QueryRangeEndpoint(
        engine.queries,
        engine.answers,
        passthrough,
        respond,
        settings.max_body_bytes,
        callers,
        access.limits,
    )
    kept_whole = _kept_whole(settings, engine, passthrough, respond, callers, access.limits)
    reads = reads_endpoint(settings, engine.reads, respond, callers, engine.ground)
    routes = {
        "/api/v1/query_range": route("query_range", "GET POST", query_range),
        INSTANT_PATH: route("query", "GET POST", kept_whole),
        "/api/v1/labels": route("labels", "GET POST", kept_whole),
        LABEL_VALUES_ROUTE: route("label_values", "GET", kept_whole),
        "/api/v1/series": route("series", "GET POST", kept_whole),
        READ_PATH: route("remote_read", "GET HEAD POST PUT", reads),
        "/api/v1/admin/thanoxy/purge": route("purge", "POST", _purge(settings, engine, respond)),
        **explain_routes(settings, engine.shown, callers, respond),
        "/-/healthy": route("healthy", "GET HEAD", healthy),
        "/-/ready": route("ready", "GET HEAD", ready),
        "/metrics": route("metrics", "GET HEAD", metrics),
        **more,
    }
    slower_than_s = settings.log_queries_longer_than_ms / 1000
    fallback = route("passthrough", "", passthrough)
    return Router(routes, fallback, respond, slower_than_s, access.auth, book)


def _purge(settings: Settings, engine: Engine, respond: ResponsePolicy) -> PurgeEndpoint:
    return PurgeEndpoint(
        settings.admin_api,
        engine.purge,
        vary_names(settings),
        settings.tenant_header.lower(),
        respond,
    )


def _kept_whole(
    settings: Settings,
    engine: Engine,
    passthrough: Passthrough,
    respond: ResponsePolicy,
    callers: Callers,
    limits: LimitsSource,
) -> KeptWholeEndpoint:
    policy = WholePolicy(
        settings.metadata_life_ms,
        settings.instant_life_ms,
        settings.freshness_ms,
        settings.max_body_bytes,
    )
    return KeptWholeEndpoint(
        engine.client,
        engine.whole,
        passthrough,
        engine.threads,
        engine.clock,
        respond,
        policy,
        callers,
        limits,
    )
