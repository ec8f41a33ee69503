"""What is known of an expression's text, remembered: dashboards ask the same texts for ever."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from proxy.promql.clashes import may_clash
from proxy.promql.freeze import Frozen, NotFrozen, freeze
from proxy.promql.lexer import LexError, normalise
from proxy.promql.traits import Traits, analyse

if TYPE_CHECKING:
    from proxy.model.query import RangeQuery

_NOT_UNDERSTOOD = "the expression is not understood here"

_MOST_REMEMBERED = 2_000
_LONGEST_REMEMBERED = 8_192
"""Together they bound the memory: some 2,000 texts of at most 8 KiB, and what is known of them."""


@dataclass(frozen=True, slots=True)
class Expression:
    """text: what is sent upstream for a part of the range; normal: for the cache key.

    changed: the text differs from the client's, because something became constant.
    """

    text: str
    normal: str
    changed: bool
    traits: Traits


def understand(query: RangeQuery) -> Expression | str:
    """The query's expression made constant and analysed, or why that cannot be done."""
    frozen: Frozen | NotFrozen = freeze(query.expr, query.start_ms, query.end_ms, query.step_ms)
    if isinstance(frozen, NotFrozen):
        return frozen.reason
    look = _analysed if len(frozen.text) <= _LONGEST_REMEMBERED else _analyse
    known = look(frozen.text)
    if isinstance(known, str):
        return known
    normal, traits = known
    return Expression(frozen.text, normal, frozen.changed, traits)


def _analyse(text: str) -> tuple[str, Traits] | str:
    traits = analyse(text)
    if traits is None or traits.has_range_dependent:
        return _NOT_UNDERSTOOD
    if may_clash(text):
        return "series of several metrics may clash, which only the whole range shows"
    try:
        return normalise(text), traits
    except LexError:
        return _NOT_UNDERSTOOD


_analysed = lru_cache(_MOST_REMEMBERED)(_analyse)
