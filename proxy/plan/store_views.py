"""What several Thanos Queries say of their stores, as one look. Pure.

Each address of the upstream has its own view: one that has just started knows no stores yet. An
answer may have come from any of them, so a store counts as present only as often as the address that
lists it least often says.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.plan.holes import Store


@dataclass(frozen=True, slots=True)
class Look:
    """Stores as listed. has_lost_sight: an address that had answered could not be asked any more."""

    stores: list[Store]
    has_lost_sight: bool = False


def least_view(views: Sequence[list[Store]]) -> list[Store]:
    """Of each kind of store the list of the view that has fewest healthy ones."""
    if len(views) == 1:
        return views[0]
    by_kind = [_by_kind(view) for view in views]
    kinds = dict.fromkeys(kind for view in by_kind for kind in view)
    return [
        store
        for kind in kinds
        for store in min((view.get(kind, []) for view in by_kind), key=_count_healthy)
    ]


def _by_kind(view: list[Store]) -> dict[str, list[Store]]:
    found: defaultdict[str, list[Store]] = defaultdict(list)
    for store in view:
        found[store.kind].append(store)
    return found


def _count_healthy(stores: list[Store]) -> int:
    return sum(store.is_healthy for store in stores)
