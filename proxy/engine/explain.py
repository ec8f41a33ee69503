"""How a query would be answered, found out without asking it and without leaving a trace."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.codec.durations import parse_time_ms
from proxy.codec.params import parse_range_query
from proxy.engine.explainable import INSTANT_PATH, Explainable, asked_grids, asks_of
from proxy.errors import QueryError
from proxy.model.query import first_value
from proxy.plan.cache_key import answer_key, mark_of
from proxy.plan.explain import Explained, KeyFacts, Refusal, Remembered, Traits, Window
from proxy.plan.instant import why_not_kept
from proxy.plan.keep_facts import instant_fact, keep_facts
from proxy.plan.limit_facts import limit_facts, sizes_of, text_bytes, window_sizes
from proxy.plan.limits import check_query, check_question, check_unread_times, check_window
from proxy.plan.range_plan import RangePlan, SplitPolicy, plan_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxy.engine.held import HeldView
    from proxy.engine.ports import Clock, LimitsSource
    from proxy.engine.range_answers import RangeAnswers
    from proxy.engine.whole_answers import WholeAnswers
    from proxy.model.query import RangeQuery
    from proxy.plan.explain import Reading
    from proxy.plan.freshness import KeepPolicy
    from proxy.plan.limits import Limits

_MOST_RUNS = 1_000
_BEHIND = "before it is asked for, the tier behind memory is looked into; explain does not do that"


@dataclass(frozen=True, slots=True)
class Explainer:
    """Collects the facts.

    vary_names: the headers that answers vary by. secret: of this process, so that marks of headers
    say nothing of their values. instant_life_ms: of instant queries at a settled time.
    """

    held: HeldView
    clock: Clock
    keep: KeepPolicy
    split: SplitPolicy
    limits: LimitsSource
    answers: RangeAnswers
    whole: WholeAnswers
    vary_names: tuple[str, ...]
    secret: bytes
    instant_life_ms: int
    has_tier: bool = False

    def range_query(self, asked: Explainable) -> Explained:
        """How `/api/v1/query_range` would answer."""
        form = asked.question.form
        query = None if form is None else parse_range_query(form)
        now_ms = self.clock.wall_ms()
        sizes = {} if query is None else sizes_of(query, self.split, now_ms)
        facts = self._facts(asked, asked.reading(query), sizes)

        def check(limits: Limits) -> None:
            if query is None:
                check_unread_times(limits)
            else:
                check_query(query, self.split, limits, now_ms)

        if refusal := self._refusal(asked, check):
            return dataclasses.replace(facts, refusal=refusal)
        if query is None or asked.unread:
            whole = asked.unread or "Thanos reads the parameters"
            return _whole(asked, facts, whole)
        plan = plan_range(query, self.split, asked.caller.vary)
        facts = dataclasses.replace(facts, window=_window(plan, query), interval_ms=plan.interval_ms)
        if plan.whole:
            return _whole(asked, facts, plan.whole)
        return self._split(asked, plan, facts)

    def instant_query(self, asked: Explainable) -> Explained:
        """How `/api/v1/query` would answer."""
        form, now_ms = asked.form, self.clock.wall_ms()
        text = first_value(form, "time")
        time_ms = parse_time_ms(text)
        sizes = {} if time_ms is None else window_sizes(time_ms, time_ms, now_ms)
        facts = self._facts(asked, asked.reading(), sizes)

        def check(limits: Limits) -> None:
            if asked.question.form is not None:
                if text and time_ms is None:
                    check_unread_times(limits)
                check_window(time_ms, time_ms, limits, now_ms)

        if refusal := self._refusal(asked, check):
            return dataclasses.replace(facts, refusal=refusal)
        if asked.unread:
            return _whole(asked, facts, asked.unread)
        key = answer_key(asked.caller.vary, INSTANT_PATH, form)
        peeked = self.whole.peek(key)
        is_sent = peeked is not None and not asked.is_refresh
        asks = () if is_sent else (asked.whole(),)
        why_not = why_not_kept(form, time_ms, now_ms - self.keep.freshness_ms)
        is_away = bool(self.held.watch.away)
        return dataclasses.replace(
            facts,
            key=self._key(asked, first_value(form, "query")),
            remembered=(Remembered(*peeked, is_gzip=False, is_sent=is_sent),) if peeked else (),
            asks=asks,
            requests=len(asks),
            not_kept=f"{why_not}, so it is only shared while it is fetched" if why_not else "",
            keeping=() if why_not else (instant_fact(self.instant_life_ms, self.keep, is_away),),
        )

    def _split(self, asked: Explainable, plan: RangePlan, facts: Explained) -> Explained:
        """Of a plan that is not whole: what is held, what would be asked, how that would be kept."""
        seen, gaps = self.held.of(plan, asked.is_refresh)
        runs = self.held.runs(plan, seen)
        remembered = tuple(self._remembered(asked, plan))
        is_sent = any(one.is_sent for one in remembered)
        grids = [] if is_sent else asked_grids(plan, gaps)
        traits, now_ms, is_watched = plan.known.traits, self.clock.wall_ms(), self.held.watch.is_watched
        keeping = keep_facts(grids, traits, self.keep, now_ms, is_watched)
        return dataclasses.replace(
            facts,
            traits=_traits(plan),
            key=self._key(asked, plan.known.normal) if plan.key else None,
            remembered=remembered,
            held=tuple(runs[:_MOST_RUNS]),
            held_runs=len(runs),
            held_steps=sum(one.run.steps for one in seen if not one.why_not),
            asks=tuple(asks_of(plan, grids, asked.patience[0])),
            requests=len(grids),
            asked_steps=sum(grid.steps for grid in grids),
            keeping=keeping if plan.key else (),
            not_kept="" if plan.key else self._why_no_key(),
            notes=(_BEHIND,) if self.has_tier and plan.key and grids else (),
        )

    def _facts(self, asked: Explainable, reading: Reading, sizes: dict[str, int]) -> Explained:
        table = self.limits.current
        is_range = asked.question.api == "query_range"
        known = {**sizes, "max_query_bytes": text_bytes(asked.question.form)}
        return Explained(
            reading=reading,
            limits=limit_facts(table.of(asked.caller.tenant), known, is_range),
            blocked_rules=len(table.blocked),
        )

    def _refusal(self, asked: Explainable, check: Callable[[Limits], None]) -> Refusal | None:
        table = self.limits.current
        if not table.judges_questions:
            return None
        try:
            check_question(asked.question, table)
            check(table.of(asked.caller.tenant))
        except QueryError as error:
            return Refusal(error.status, error.error_type, str(error))
        return None

    def _key(self, asked: Explainable, expression: str) -> KeyFacts:
        headers = zip(self.vary_names, asked.caller.vary, strict=True)
        marks = ((name, mark_of([value], self.secret) if value else "") for name, value in headers)
        return KeyFacts(expression, tuple(marks))

    def _remembered(self, asked: Explainable, plan: RangePlan) -> Iterator[Remembered]:
        for is_gzip in (True, False):
            if peeked := self.answers.peek(plan, is_gzip):
                is_sent = is_gzip == asked.wants_gzip and not asked.is_refresh
                yield Remembered(*peeked, is_gzip=is_gzip, is_sent=is_sent)

    def _why_no_key(self) -> str:
        return "answers with stats are not kept" if self.split.keep else "the cache is off"


def _whole(asked: Explainable, facts: Explained, reason: str) -> Explained:
    return dataclasses.replace(facts, whole=reason, asks=(asked.whole(),), requests=1)


def _window(plan: RangePlan, query: RangeQuery) -> Window:
    """A query that is passed on as it came is not moved."""
    grid = query.grid if plan.whole else plan.grid
    return Window(
        first_ms=grid.start_ms,
        last_ms=grid.last_ms,
        step_ms=grid.step_ms,
        phase_ms=grid.phase_ms,
        steps=grid.steps,
        is_moved=grid != query.grid,
    )


def _traits(plan: RangePlan) -> Traits:
    known = plan.known
    names = known.traits.metric_names
    return Traits(
        before_ms=known.traits.look_behind_ms,
        after_ms=known.traits.look_ahead_ms,
        at=known.traits.at_spans_ms,
        metrics=None if names is None else tuple(sorted(names)),
        constant=known.text if known.changed else "",
    )
