"""Who asks what, when: dashboards that are refreshed every minute, and people who look around."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.soak.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from tests.soak.questions import (
    LABELS_PATH,
    PODS_PATH,
    SERIES_PATH,
    InstantQuestion,
    MetadataQuestion,
    Question,
    RangeQuestion,
)
from tests.soak.world import EXPRS, METRICS, TENANTS, Expr

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

WINDOWS = {HOUR_MS: 15 * SECOND_MS, 6 * HOUR_MS: 30 * SECOND_MS, DAY_MS: 2 * MINUTE_MS}
WEEK_MS = 7 * DAY_MS
ANY, REFRESH, UNTOUCHED = "", "no-cache", "no-store"


@dataclass(frozen=True, slots=True)
class Request:
    """A question as one client puts it. leaves_s: when it gives up waiting."""

    question: Question
    is_post: bool
    wants_gzip: bool
    control: str = ANY
    leaves_s: float | None = None

    def __str__(self) -> str:
        method = "POST" if self.is_post else "GET"
        notes = f" ({self.control})" if self.control else ""
        question = self.question
        return f"{method}{notes} {question.path}?{question.parameters} as {question.tenant}"


@dataclass(frozen=True, slots=True)
class Panel:
    """A range query that ends now. is_aligned: as Grafana rounds it, to multiples of the step."""

    expr: Expr
    window_ms: int
    step_ms: int
    is_aligned: bool
    tenants: tuple[str, ...]

    def question(self, tenant: str, now_ms: int) -> RangeQuestion:
        end_ms = now_ms // self.step_ms * self.step_ms if self.is_aligned else now_ms
        start_ms = end_ms - self.window_ms
        return RangeQuestion(self.expr, tenant, start_ms, end_ms, self.step_ms)


def draw_panels(chance: random.Random, count: int = 20) -> list[Panel]:
    """All expressions, all windows; most are looked at by one tenant, some by all."""
    steps = {**WINDOWS, WEEK_MS: 15 * MINUTE_MS}
    panels = []
    for number in range(count):
        expr = EXPRS[number % len(EXPRS)]
        window_ms = chance.choice([HOUR_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS, WEEK_MS])
        if expr.metric.churn_ms and expr.metric.churn_ms < HOUR_MS:
            window_ms = min(window_ms, 6 * HOUR_MS)
        tenants = chance.sample(TENANTS, chance.choice([1, 1, 2, 3]))
        is_aligned = window_ms == WEEK_MS or chance.random() < 0.85
        panels.append(Panel(expr, window_ms, steps[window_ms], is_aligned, tuple(tenants)))
    return panels


def refresh(chance: random.Random, panels: list[Panel], now_ms: int, share: float) -> Iterator[Request]:
    """What this share of all viewers asks now, and what a few people ask beside that."""
    for panel in panels:
        for tenant in panel.tenants:
            if chance.random() < share:
                yield written(chance, panel.question(tenant, now_ms))
                if chance.random() < 0.06:
                    yield written(chance, zoom(chance, panel, tenant, now_ms))
    for _ in range(6):
        if chance.random() < share:
            yield written(chance, _look_around(chance, now_ms))


def zoom(chance: random.Random, panel: Panel, tenant: str, now_ms: int) -> RangeQuestion:
    """A part of a panel's window, at its step or a finer one, or the same window some time ago."""
    whole = panel.question(tenant, now_ms)
    if chance.random() < 0.3:
        back_ms = chance.choice([HOUR_MS, DAY_MS, WEEK_MS])
        return replace(whole, start_ms=whole.start_ms - back_ms, end_ms=whole.end_ms - back_ms)
    step_ms = chance.choice([whole.step_ms, whole.step_ms, whole.step_ms // 3])
    steps = (whole.end_ms - whole.start_ms) // step_ms
    first = chance.randrange(steps)
    last = chance.randint(first, min(first + 400, steps))
    start_ms = whole.start_ms + first * step_ms
    return replace(whole, start_ms=start_ms, end_ms=whole.start_ms + last * step_ms, step_ms=step_ms)


def _look_around(chance: random.Random, now_ms: int) -> Question:
    """Instant queries, labels, pods, series."""
    tenant = chance.choice(TENANTS)
    if chance.random() < 0.6:
        minute_ms = now_ms // MINUTE_MS * MINUTE_MS
        times_ms = (None, now_ms, minute_ms, minute_ms - 2 * MINUTE_MS, minute_ms - 3 * HOUR_MS)
        return InstantQuestion(chance.choice(EXPRS), tenant, chance.choice(times_ms))
    metric = chance.choice(list(METRICS.values()))
    end_ms = now_ms // MINUTE_MS * MINUTE_MS
    path = chance.choice([LABELS_PATH, PODS_PATH, SERIES_PATH])
    return MetadataQuestion(metric, tenant, end_ms - chance.choice([1, 6]) * HOUR_MS, end_ms, path)


def written(chance: random.Random, question: Question) -> Request:
    """One way of asking."""
    return Request(
        question,
        is_post=chance.random() < 0.5 and question.path != PODS_PATH,
        wants_gzip=chance.random() < 0.7,
        control=chance.choices([ANY, REFRESH, UNTOUCHED], weights=[94, 3, 3])[0],
        leaves_s=chance.random() * 0.01 if chance.random() < 0.04 else None,
    )
