"""An `Explainer` over a `Cached`, and short ways to ask it."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from proxy.codec.params import parse_form, parse_range_query
from proxy.engine.answer_memo import AnswerMemo
from proxy.engine.explain import Explainer
from proxy.engine.explainable import Explainable
from proxy.engine.held import HeldView
from proxy.engine.memory import UNCOUNTED
from proxy.engine.range_answers import RangeAnswers
from proxy.engine.range_query import Wish
from proxy.engine.whole_answers import WholeAnswers
from proxy.errors import NotSplittableError
from proxy.model.query import Caller
from proxy.plan.blocked import Question
from proxy.plan.limits import LimitsTable
from proxy.plan.range_plan import SplitPolicy
from tests.engine.cached import DAY_MS, KEEP, MINUTE_MS, Cached

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.engine.answer_memo import Assembled
    from proxy.engine.ports import MemoryTicket, UpstreamAnswer
    from proxy.model.grid import Grid
    from proxy.plan.explain import Explained

NAMES = ("thanos-tenant", "authorization")
VARY = ("f00d", "")
CALLER = Caller((), "team-a", vary=VARY)


@dataclass(slots=True)
class FixedLimits:
    """`engine.ports.LimitsSource`."""

    current: LimitsTable


class NoQueue:
    """`engine.ports.Admission` that lets everybody in."""

    def enter(self, tenant: str) -> Any:
        raise AssertionError("answers are made of what is held")

    def open(self) -> MemoryTicket:
        return UNCOUNTED


class Explaining:
    """The explainer, and what it looks at."""

    def __init__(self, limits: LimitsTable | None = None, **cached: Any) -> None:
        self.cached = Cached(**cached)
        one = self.cached
        self.memo: AnswerMemo[Assembled] = AnswerMemo(1 << 20, 30_000)
        self.whole_memo: AnswerMemo[UpstreamAnswer] = AnswerMemo(1 << 20, MINUTE_MS)
        self.answers = RangeAnswers(
            one.queries, NoQueue(), one.threads, one.clock, self.memo, one.watch
        )
        self.whole = WholeAnswers(self.whole_memo, one.watch, one.clock, 10_000)
        self.explainer = Explainer(
            held=HeldView(one.store, one.watch, one.clock, KEEP.extent_steps),
            clock=one.clock,
            keep=KEEP,
            split=SplitPolicy(cached.get("interval_ms", DAY_MS), 1000, keep=True),
            limits=FixedLimits(limits or LimitsTable()),
            answers=self.answers,
            whole=self.whole,
            vary_names=NAMES,
            secret=b"secret",
            instant_life_ms=MINUTE_MS,
        )

    def with_explainer(self, **changes: Any) -> None:
        self.explainer = dataclasses.replace(self.explainer, **changes)

    def explain(self, parameters: Mapping[str, str], **changes: Any) -> Explained:
        return self.explainer.range_query(asked(parameters, "query_range", **changes))

    def explain_instant(self, parameters: Mapping[str, str], **changes: Any) -> Explained:
        return self.explainer.instant_query(asked(parameters, "query", **changes))

    async def ask(self, parameters: Mapping[str, str], refresh: bool = False) -> list[dict[str, str]]:
        """Ask a range query as the same caller; the forms that the upstream was sent for it."""
        form = parse_form(urlencode(parameters))
        assert form is not None
        query = parse_range_query(form)
        assert query is not None
        plan = self.cached.queries.plan(query, VARY)
        before = len(self.cached.upstream.asked)
        wish = Wish(as_text=False, refresh=refresh)
        with contextlib.suppress(NotSplittableError):  # only what came back has shown that
            await self.cached.queries.run(plan, CALLER, wish, UNCOUNTED)
        return [dict(sent.form) for sent in self.cached.upstream.asked[before:]]


def asked(parameters: Mapping[str, str], api: str, **changes: Any) -> Explainable:
    form = parse_form(urlencode(parameters))
    question = Question(api, CALLER.tenant, form, {})
    one = Explainable(question, "GET", CALLER, (300.0, "--query.timeout"))
    return dataclasses.replace(one, **changes)


def range_of(grid: Grid, expr: str = "a", **more: str) -> dict[str, str]:
    """The parameters that ask for a grid."""
    times = {"start": grid.start_ms / 1000, "end": grid.last_ms / 1000, "step": grid.step_ms / 1000}
    return {"query": expr, **{name: f"{time:.3f}" for name, time in times.items()}, **more}


def forms(explained: Explained) -> list[dict[str, str]]:
    """What would be sent, without the timeout: that counts down."""
    found = [dict(parse_qsl(ask.form, keep_blank_values=True)) for ask in explained.asks]
    for form in found:
        assert form.pop("timeout") == "300.000"
    return found
