"""Which stores each replica of Thanos Query sees, and when: they go and come back, seen with a lag.

Between the loss of a store and the moment at which a replica drops it from its list, answers carry a
warning; afterwards they are silently without its series, until the replica has found it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.soak.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, START_MS
from tests.soak.world import GATEWAY_UNTIL_MS, NEWCOMER, STORES

if TYPE_CHECKING:
    import random

ALWAYS_MS = START_MS - 1_000 * DAY_MS
ALL = frozenset(STORES)
_MOST_KNOWN = 1_000
_TIMES_MS = {
    "gateway": (ALWAYS_MS, GATEWAY_UNTIL_MS),
    "sidecar": (GATEWAY_UNTIL_MS - MINUTE_MS, 1 << 60),
}


@dataclass(frozen=True, slots=True)
class Absence:
    """A store that a replica cannot reach from `fails_ms`, does not list from `gone_ms` to `back_ms`.

    is_listed: it stands in the list as unhealthy. moves: it comes back at another address.
    """

    store: str
    replica: int
    fails_ms: int
    gone_ms: int
    back_ms: int
    is_listed: bool = False
    moves: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What a replica sees. failing: listed, and not reached: a warning says so."""

    seen: frozenset[str]
    failing: frozenset[str] = frozenset()

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(
            f"receive series from {store}: connection refused" for store in sorted(self.failing)
        )

    @property
    def missed(self) -> frozenset[str]:
        return ALL - self.seen


@dataclass(frozen=True, slots=True)
class Views:
    """What all replicas see at all times."""

    replicas: int
    absences: tuple[Absence, ...]
    _by_store: dict[str, list[Absence]] = field(default_factory=dict)
    _known: dict[int, frozenset[View]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for absence in self.absences:
            self._by_store.setdefault(absence.store, []).append(absence)

    def of(self, replica: int, now_ms: int) -> View:
        missed: set[str] = set()
        failing: set[str] = set()
        for absence in self.absences:
            if absence.replica != replica or not absence.fails_ms <= now_ms < absence.back_ms:
                continue
            (missed if now_ms >= absence.gone_ms else failing).add(absence.store)
        return View(ALL - missed - failing, frozenset(failing - missed))

    def at(self, now_ms: int) -> frozenset[View]:
        """The views of all replicas."""
        known = self._known.get(now_ms)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = frozenset(self.of(replica, now_ms) for replica in range(self.replicas))
            self._known[now_ms] = known
        return known

    def away(self, store: str, now_ms: int) -> list[Absence]:
        """The absences of a store that some replica has at a time, listed no more."""
        return [a for a in self._by_store.get(store, ()) if a.gone_ms <= now_ms < a.back_ms]

    def changes(self, since_ms: int, until_ms: int) -> set[int]:
        """When any view has become another."""
        times_ms = {t for a in self.absences for t in (a.fails_ms, a.gone_ms, a.back_ms)}
        return {time_ms for time_ms in times_ms if since_ms < time_ms <= until_ms}

    def stores_json(self, replica: int, now_ms: int) -> dict[str, list[dict[str, object]]]:
        """The `data` of `/api/v1/stores`."""
        listed: dict[str, list[dict[str, object]]] = {}
        for number, store in enumerate(STORES):
            absences = [a for a in self._by_store.get(store, ()) if a.replica == replica]
            gone = [a for a in absences if a.gone_ms <= now_ms < a.back_ms]
            if gone and not gone[0].is_listed:
                continue
            moves = sum(absence.moves and absence.back_ms <= now_ms for absence in absences)
            first_ms, last_ms = _TIMES_MS.get(store, (ALWAYS_MS, 1 << 60))
            listed.setdefault("store" if store == "gateway" else store, []).append(
                {
                    "name": f"10.0.{number}.{moves + 1}:10901",
                    "lastCheck": "2026-01-01T00:00:00Z",
                    "lastError": "connection refused" if gone else None,
                    "labelSets": [{"store": store}],
                    "minTime": first_ms,
                    "maxTime": last_ms,
                }
            )
        return listed


def draw_views(chance: random.Random, hours: int, replicas: int) -> Views:
    """Each store goes about once an hour: for all replicas or some, shortly or for an hour and more."""
    absences: list[Absence] = []
    for store in STORES:
        now_ms = START_MS
        if store == NEWCOMER:
            now_ms += int(min(hours, 10) * 0.4 * HOUR_MS)
            absences += [
                Absence(store, one, ALWAYS_MS, ALWAYS_MS, now_ms + chance.randint(0, 20) * SECOND_MS)
                for one in range(replicas)
            ]
        while now_ms < START_MS + hours * HOUR_MS:
            now_ms += int(chance.expovariate(1 / 50) * MINUTE_MS) + MINUTE_MS
            away_ms = draw_length_ms(chance)
            absences += _absence(chance, store, now_ms, away_ms, replicas)
            now_ms += away_ms + MINUTE_MS
    return Views(replicas, tuple(absences))


def draw_length_ms(chance: random.Random) -> int:
    """Seconds, minutes, or longer than a store is expected back; nothing near to that hour."""
    kind = chance.random()
    if kind < 0.45:
        return chance.randint(5, 60) * SECOND_MS
    return chance.randint(1, 25) * MINUTE_MS if kind < 0.95 else chance.randint(80, 120) * MINUTE_MS


def _absence(
    chance: random.Random, store: str, now_ms: int, away_ms: int, replicas: int
) -> list[Absence]:
    """Of one or of all replicas, each with its own lag in losing and in finding the store."""
    hit = range(replicas) if chance.random() < 0.6 else [chance.randrange(replicas)]
    is_listed, moves = chance.random() < 0.5, chance.random() < 0.3
    return [
        Absence(
            store,
            replica,
            now_ms,
            now_ms + chance.choice([0, 2, 5, 10]) * SECOND_MS,
            now_ms + away_ms + chance.choice([0, 3, 5, 10]) * SECOND_MS,
            is_listed,
            moves,
        )
        for replica in hit
    ]
