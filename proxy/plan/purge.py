"""Which extents a purge removes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.plan.cache_key import vary_fields, vary_values

if TYPE_CHECKING:
    from proxy.model.extent import AnyPiece, Extent


@dataclass(frozen=True, slots=True)
class Purge:
    """What to remove: all that every given member matches; nothing given matches everything.

    tenant: (header name, value); without effect where keys do not vary by that header.
    reads: earliest and latest time (ms) of data that has changed.
    metric: a metric that has changed.
    """

    vary_names: tuple[str, ...] = ()
    tenant: tuple[str, str] | None = None
    reads: tuple[int, int] | None = None
    metric: str | None = None


def matches(extent: Extent[AnyPiece], purge: Purge) -> bool:
    """Whether an extent may hold what the purge is about."""
    return _is_of_tenant(extent, purge) and _reads(extent, purge) and _names(extent, purge)


def _is_of_tenant(extent: Extent[AnyPiece], purge: Purge) -> bool:
    if purge.tenant is None or purge.tenant[0] not in purge.vary_names:
        return True
    name, _ = purge.tenant
    wanted = vary_fields([purge.tenant], (name,))[0]
    at = purge.vary_names.index(name)
    return vary_values(extent.full_key, len(purge.vary_names))[at] == wanted


def _reads(extent: Extent[AnyPiece], purge: Purge) -> bool:
    if purge.reads is None:
        return True
    first, last = purge.reads
    return any(kept.reads[0] <= last and first <= kept.reads[1] for kept in extent.kept)


def _names(extent: Extent[AnyPiece], purge: Purge) -> bool:
    names = extent.metric_names
    return purge.metric is None or names is None or purge.metric in names
