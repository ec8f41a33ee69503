"""What `docs/cache.md` promises, what is known of a request, and what is said of its answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.settings import Settings

_MISSING = re.compile(r"and (\d+) of \d+ steps are missing")


@dataclass(frozen=True, slots=True)
class Lives:
    """The promises, in ms; see `docs/cache.md`."""

    freshness_ms: int
    recent_window_ms: int
    recent_life_ms: int
    life_ms: int
    empty_life_ms: int
    unconfirmed_life_ms: int
    stores_forget_ms: int
    metadata_life_ms: int
    instant_life_ms: int
    stale_ms: int

    def longer_by(self, stale_ms: int) -> Lives:
        """Of answers that may be stale."""
        return replace(
            self,
            recent_life_ms=self.recent_life_ms + stale_ms,
            life_ms=self.life_ms + stale_ms,
            empty_life_ms=self.empty_life_ms + stale_ms,
            metadata_life_ms=self.metadata_life_ms + stale_ms,
            instant_life_ms=self.instant_life_ms + stale_ms,
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """When a request was asked and answered, and the last look at the stores before it.

    is_fresh: it asked for nothing that was kept. stale: the warning of an answer that is.
    """

    from_ms: int
    until_ms: int
    last_look_ms: int
    is_fresh: bool = False
    stale: str = ""

    @property
    def missing(self) -> int:
        """How many steps the warning says to be missing."""
        told = _MISSING.search(self.stale)
        return int(told[1]) if told else 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """fault: what is wrong, "" if nothing is. is_old: it was allowed only as something kept.

    promise: the one that is broken, as a word to count by.
    """

    fault: str = ""
    is_old: bool = False
    promise: str = "equal"


def lives_of(settings: Settings) -> Lives:
    return Lives(
        settings.freshness_ms,
        settings.recent_ms,
        settings.recent_life_ms,
        settings.long_life_ms,
        settings.empty_life_ms,
        settings.short_life_ms,
        settings.stores_forget_ms,
        settings.metadata_life_ms,
        settings.instant_life_ms,
        settings.stale_ms,
    )
