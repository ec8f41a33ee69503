"""What is known of a query as a text for a terminal. Pure; its exact wording is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.plan.limit_facts import NO_LIMIT
from proxy.plan.wording import about, aligned, count, lasting, moment, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.plan.explain import Explained, HeldRun, KeyFacts, Reading, Remembered, Traits
    from proxy.plan.limit_facts import LimitFact

WHY_NOT = {
    "expired": "its life is over",
    "pending": "no look at the stores has confirmed it in time",
    "in_doubt": "a store that may hold its data is away",
    "lost": "a store that may hold its data was away and is back",
    "notes": "its warnings may be those of another part of its fetch",
    "between_gaps": "the gaps around it are asked for as one",
    "refresh": "the request says no-cache",
}
_TRUST = {
    "pending": "not confirmed yet by a look at the stores",
    "in_doubt": "a store that may hold its data is away",
}
_MOST_LINES = 40
"""Of held runs and of requests, each; JSON has more of them."""
_KINDS = {"query_range": "range query", "query": "instant query"}


def text_of(explained: Explained) -> str:
    """Sections of aligned lines, what would happen in the first one."""
    sections = [[printable(f"{_KINDS[explained.reading.api]}: {explained.outcome}")]]
    for title, lines in _sections(explained):
        if lines:
            sections.append([title, *map(printable, lines)])
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _sections(explained: Explained) -> Iterator[tuple[str, list[str]]]:
    yield "request", aligned(list(_request(explained.reading)))
    yield "plan", aligned(list(_plan(explained)))
    yield "key", aligned(list(_key(explained.key)) if explained.key else [])
    yield "remembered", aligned([_remembered(one) for one in explained.remembered])
    yield "held", _held(explained)
    yield "would be asked", _asked(explained)
    yield "would be kept", _kept(explained)
    yield "limits", _limits(explained)
    yield "notes", [f"  {note}" for note in explained.notes]


def _request(reading: Reading) -> Iterator[tuple[str, ...]]:
    yield "query", reading.expr
    if reading.api == "query":
        yield "time", _moment(reading.start_ms)
    else:
        yield "start", _moment(reading.start_ms)
        yield "end", _moment(reading.end_ms)
        yield "step", "not read here" if reading.step_ms is None else lasting(reading.step_ms)
    yield from reading.parameters
    if reading.says:
        yield "says", reading.says
    yield "answer", "gzip" if reading.wants_gzip else "text"
    yield "tenant", reading.tenant
    yield "deadline", f"{lasting(reading.patience_ms)} ({reading.patience_from})"


def _plan(explained: Explained) -> Iterator[tuple[str, str]]:
    window, traits = explained.window, explained.traits
    if window:
        moved = ", moved onto multiples of the step" if window.is_moved else ""
        yield "window", f"{moment(window.first_ms)} to {moment(window.last_ms)}{moved}"
        phase = f", {lasting(window.phase_ms)} past multiples of it" if window.phase_ms else ""
        yield "steps", f"{window.steps} of {lasting(window.step_ms)}{phase}"
        interval = explained.interval_ms
        cut = f"at multiples of {lasting(interval)}" if interval else "nowhere"
        yield "cut", f"not: {explained.whole}" if explained.whole else cut
    elif explained.whole:
        yield "whole", explained.whole
    if traits:
        yield from _traits(traits)


def _traits(traits: Traits) -> Iterator[tuple[str, str]]:
    if traits.constant:
        yield "sent as", traits.constant
    yield "reads", _around(traits)
    for first_ms, last_ms in traits.at:
        yield "reads", f"{moment(first_ms)} to {moment(last_ms)}"
    yield "metrics", "any" if traits.metrics is None else ", ".join(traits.metrics) or "none"


def _around(traits: Traits) -> str:
    before, after = lasting(traits.before_ms), lasting(traits.after_ms)
    return f"{before} before to {after} after each step, lookback left out"


def _key(key: KeyFacts) -> Iterator[tuple[str, str]]:
    yield "expression", key.expression
    for name, mark in key.headers:
        yield name, f"hashed: {mark}" if mark else "not sent"


def _remembered(one: Remembered) -> tuple[str, ...]:
    kind = "gzip" if one.is_gzip else "text"
    sent = "is sent" if one.is_sent else "is not sent"
    times = f"age {about(one.age_ms)}", f"lives {about(one.lives_ms)}"
    return kind, f"{one.size_bytes} bytes", *times, sent


def _held(explained: Explained) -> list[str]:
    shown = explained.held[:_MOST_LINES]
    rows = [
        (
            f"{moment(run.from_ms)} to {moment(run.to_ms)}",
            count(run.steps, "step"),
            f"age {about(run.age_ms)}",
            _life(run.lives_ms),
            _serves(run),
        )
        for run in shown
    ]
    return [*aligned(rows), *_left_out(explained.held_runs - len(shown), "run")]


def _life(lives_ms: int) -> str:
    return f"lives {about(lives_ms)}" if lives_ms > 0 else f"over for {about(-lives_ms)}"


def _serves(run: HeldRun) -> str:
    if run.why_not:
        return f"does not serve: {WHY_NOT.get(run.why_not, run.why_not)}"
    if run.trust == "confirmed":
        return "serves"
    return f"serves for {about(run.serves_ms)}: {_TRUST.get(run.trust, run.trust)}"


def _asked(explained: Explained) -> list[str]:
    lines = []
    for number, ask in enumerate(explained.asks[:_MOST_LINES], 1):
        times = ""
        if ask.from_ms is not None and ask.to_ms is not None:
            times = f"  {moment(ask.from_ms)} to {moment(ask.to_ms)}  {count(ask.steps, 'step')}"
        lines += [f"  {number}{times}", f"    {ask.method} {ask.path}"]
        lines.append(f"    {ask.form or '(too long to be shown)'}")
    return [*lines, *_left_out(explained.requests - len(explained.asks[:_MOST_LINES]), "request")]


def _kept(explained: Explained) -> list[str]:
    if explained.not_kept:
        return [f"  nothing: {explained.not_kept}"]
    return aligned(
        [
            (
                fact.what,
                "" if fact.steps is None else count(fact.steps, "step"),
                lasting(fact.life_ms) if fact.life_ms else "not kept",
                fact.setting,
            )
            for fact in explained.keeping
        ]
    )


def _limits(explained: Explained) -> list[str]:
    rows = [
        (fact.flag, _amount(fact, fact.value), _state(fact))
        for fact in explained.limits
        if fact.state != NO_LIMIT
    ]
    without = len(explained.limits) - len(rows)
    if explained.blocked_rules:
        rows.append(("blocked in --limits.config-file", count(explained.blocked_rules, "rule"), ""))
    return [*aligned(rows), *([f"  {count(without, 'limit')} not set"] if without else [])]


def _state(fact: LimitFact) -> str:
    if fact.of_query is None:
        return fact.state
    return f"{fact.state}: the query has {_amount(fact, fact.of_query)}"


def _amount(fact: LimitFact, value: int) -> str:
    return lasting(value) if fact.is_time else str(value)


def _moment(time_ms: int | None) -> str:
    return "not read here" if time_ms is None else moment(time_ms)


def _left_out(number: int, what: str) -> list[str]:
    return [f"  … and {count(number, what)} more"] if number > 0 else []
