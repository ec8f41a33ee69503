"""Whether a kept piece may serve as things stand. Pure: `now_ms` is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.plan.holes import Trust

if TYPE_CHECKING:
    from proxy.model.extent import AnyPiece, Kept
    from proxy.plan.holes import StoreWatch


Serving = tuple[int, str]
"""Until when (monotonic) a piece may serve, 0 when it may not; and in one word why not, as metrics do.

A plain tuple: this is made for every piece of every lookup.
"""

_EXPIRED: Serving = (0, "expired")


def serving(kept: Kept[AnyPiece], watch: StoreWatch, now_ms: int) -> Serving:
    """What may be done with a piece at a moment of the monotonic clock."""
    if now_ms >= kept.expires_ms:
        return _EXPIRED
    trust = watch.trust(kept.began_ms, kept.ended_ms, kept.reads)
    if trust is Trust.CONFIRMED:
        return kept.expires_ms, ""
    if trust is Trust.LOST or now_ms >= kept.pending_until_ms:
        return 0, trust.name.lower()
    return min(kept.pending_until_ms, kept.expires_ms), ""
