"""Whose notes (warnings, infos) an answer's notes are. Pure.

A fetched answer says what was noted in all of its window. Of a part of that window they are the
notes too only in two cases: when the whole window lies in what is asked, so that the union is
right; and for notes that Prometheus adds at every step at which there is anything to evaluate
(`promql/functions.go`: rates of what is not named as a counter, quantiles outside of 0 and 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.model.matrix import Tail
    from proxy.promql.traits import Traits

_NON_COUNTER = "PromQL info: metric might not be a counter, name does not end in "
_BAD_QUANTILE = "PromQL warning: quantile value should be between 0 and 1, got "


def fit_window(tail: Tail, fetched: tuple[int, int], window: tuple[int, int], traits: Traits) -> bool:
    """Whether the notes of a fetch are right for a window; both as steps from the epoch."""
    is_whole_fetch = window[0] <= fetched[0] and fetched[1] <= window[1]
    return is_whole_fetch or hold_for_parts(tail, traits)


def hold_for_parts(tail: Tail, traits: Traits) -> bool:
    """Whether every part of the answer that has series has exactly these notes."""
    return all(_is_steady(text, traits) for texts in tail.notes.values() for text in texts)


def _is_steady(text: str, traits: Traits) -> bool:
    """With one metric only, a result means that just this metric was evaluated."""
    names = traits.metric_names
    if names is None or len(names) != 1:
        return False
    (name,) = names
    is_of_metric = text.startswith(_NON_COUNTER) and text.endswith(f': "{name}"')
    return is_of_metric or text.startswith(_BAD_QUANTILE)
