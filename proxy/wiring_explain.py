"""Builds what shows how queries are answered and what is held of them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.api.coverage import COVERAGE_PATH, CoverageEndpoint
from proxy.api.explain import EXPLAIN_PATH, ExplainEndpoint
from proxy.api.routes import Route, route
from proxy.engine.coverage import CoverageView
from proxy.engine.explain import Explainer
from proxy.engine.held import HeldView

if TYPE_CHECKING:
    from proxy.api.callers import Callers
    from proxy.api.respond import ResponsePolicy
    from proxy.engine.ports import ExtentStore
    from proxy.engine.range_answers import RangeAnswers
    from proxy.engine.whole_answers import WholeAnswers
    from proxy.plan.freshness import KeepPolicy
    from proxy.plan.range_plan import SplitPolicy
    from proxy.settings import Settings
    from proxy.wiring_reads import Ground

_SECRET_BYTES = 16


@dataclass(frozen=True, slots=True)
class Shown:
    """The parts of the engine that are looked at."""

    ground: Ground
    store: ExtentStore
    answers: RangeAnswers
    whole: WholeAnswers
    keep: KeepPolicy
    split: SplitPolicy


def explain_routes(
    settings: Settings, shown: Shown, callers: Callers, respond: ResponsePolicy
) -> dict[str, Route]:
    """Paths and what answers them."""
    ground, secret = shown.ground, secrets.token_bytes(_SECRET_BYTES)
    clock, watch, names = ground.clock, ground.watch, callers.vary_names
    explainer = Explainer(
        held=HeldView(shown.store, watch, clock, shown.keep.extent_steps),
        clock=clock,
        keep=shown.keep,
        split=shown.split,
        limits=ground.limits,
        answers=shown.answers,
        whole=shown.whole,
        vary_names=names,
        secret=secret,
        instant_life_ms=settings.instant_life_ms,
        has_tier=ground.sharing is not None,
    )
    view = CoverageView(shown.store, watch, clock, names, secret, settings.admin_api)
    explain = ExplainEndpoint(explainer, callers, respond, settings.max_body_bytes)
    return {
        EXPLAIN_PATH: route("explain", "GET POST", explain),
        COVERAGE_PATH: route("coverage", "GET", CoverageEndpoint(view, callers, respond)),
    }
