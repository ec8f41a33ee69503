"""How long what is fetched would be kept, and which settings say so. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.plan.explain import KeepFact
from proxy.plan.freshness import KeepPolicy, settled_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.model.grid import Grid
    from proxy.promql.traits import Traits

_FRESHNESS = "--query-range.response-cache-max-freshness"
_RECENT, _LONG = "--cache.recent-life", "--cache.life"
_EMPTY, _SHORT = "--cache.empty-life", "--cache.unconfirmed-life"
_INSTANT = "--cache.instant-life"


def keep_facts(
    grids: Sequence[Grid], traits: Traits, policy: KeepPolicy, now_ms: int, is_watched: bool
) -> tuple[KeepFact, ...]:
    """Of what is asked for by age, and then what may make a life shorter.

    is_watched: stores have to confirm what is kept.
    """
    steps = sum(grid.steps for grid in grids)
    settled = sum(settled_steps(grid, traits, now_ms - policy.freshness_ms) for grid in grids)
    old = sum(settled_steps(grid, traits, now_ms - policy.recent_ms) for grid in grids)
    old = min(old, settled)
    facts = [
        KeepFact("settled", old, policy.long_life_ms, _LONG),
        KeepFact("may get late samples", settled - old, policy.recent_life_ms, _RECENT),
        KeepFact("too young", steps - settled, 0, _FRESHNESS),
    ]
    facts = [fact for fact in facts if fact.steps]
    if settled:
        facts.append(KeepFact("at most, without series", None, policy.empty_life_ms, _EMPTY))
    if settled and is_watched:
        facts.append(KeepFact("until it is confirmed", None, policy.short_life_ms, _SHORT))
    return tuple(facts)


def instant_fact(life_ms: int, policy: KeepPolicy, is_store_away: bool) -> KeepFact:
    """The same of an instant query's answer."""
    if is_store_away and policy.short_life_ms < life_ms:
        return KeepFact("the answer", None, policy.short_life_ms, _SHORT)
    return KeepFact("the answer", None, life_ms, _INSTANT)
