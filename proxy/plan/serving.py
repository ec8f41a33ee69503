"""Whether a kept piece may serve as things stand. Pure: `now_ms` is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxy.plan.holes import Trust

if TYPE_CHECKING:
    from proxy.model.extent import AnyPiece, Kept
    from proxy.plan.holes import StoreWatch


class Serving(NamedTuple):
    """until_ms: on the monotonic clock; 0 when it may not. why_not: in one word, as metrics say it."""

    until_ms: int
    why_not: str = ""


_EXPIRED = Serving(0, "expired")


def serving(kept: Kept[AnyPiece], watch: StoreWatch, now_ms: int) -> Serving:
    """Until when (monotonic) a piece may serve, or why it may not."""
    if now_ms >= kept.expires_ms:
        return _EXPIRED
    trust = watch.trust(kept.began_ms, kept.ended_ms, kept.reads)
    if trust is Trust.CONFIRMED:
        return Serving(kept.expires_ms)
    if trust is Trust.LOST or now_ms >= kept.pending_until_ms:
        return Serving(0, trust.name.lower())
    return Serving(min(kept.pending_until_ms, kept.expires_ms))
