"""Which times a lost or new store leaves in doubt. Pure: a state machine fed with `/api/v1/stores`.

A store that Thanos Query has lost answers nothing, and the query answers 200 without a warning.
So an answer can be trusted only when a look at the stores that *began after it was fetched* found
all of them in their places. Stores are told apart by component and label sets, not by address: a
pod that comes back elsewhere is the same store. Of several alike, one less counts as a loss.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import Enum

_ALWAYS_MS = -(1 << 62)
_FOREVER_MS = 1 << 62


class Trust(Enum):
    """What is known of an answer's completeness."""

    CONFIRMED = "all stores took part"
    PENDING = "no look at the stores since it was fetched"
    IN_DOUBT = "a store that may hold its data is away"
    LOST = "a store that was away is back: ask again"


@dataclass(frozen=True, slots=True)
class Store:
    """One store as Thanos Query lists it; times in ms. `kind`: component and label sets."""

    kind: str
    address: str
    min_ms: int
    max_ms: int
    is_healthy: bool


@dataclass(frozen=True, slots=True)
class Outage:
    """Answers fetched between `from_ms` and `until_ms` that read `min_ms` to `max_ms` may lack data."""

    kind: str
    from_ms: int
    until_ms: int
    min_ms: int
    max_ms: int


@dataclass(frozen=True, slots=True)
class _Expected:
    """How many stores of a kind there ought to be, where, and for which times."""

    count: int
    addresses: frozenset[str]
    min_ms: int
    max_ms: int


@dataclass(slots=True)
class StoreWatch:
    """Folds looks at the stores into outages.

    forget_ms: a store away for longer than this is no longer expected.
    version: changes whenever verdicts given before may have become worse.
    """

    forget_ms: int
    most_outages: int = 200
    is_watched: bool = True
    version: int = 0
    last_look_ms: int = _ALWAYS_MS
    _expected: dict[str, _Expected] = field(default_factory=dict)
    _outages: list[Outage] = field(default_factory=list)

    def no_such_endpoint(self) -> None:
        """An upstream that has no stores (a plain Prometheus) is always whole."""
        self.is_watched = False

    def look(self, began_ms: int, stores: list[Store]) -> None:
        """Take in one answer of `/api/v1/stores` to a request sent at `began_ms`."""
        is_first = self.last_look_ms == _ALWAYS_MS
        present: dict[str, list[Store]] = {}
        for store in stores:
            if store.is_healthy:
                present.setdefault(store.kind, []).append(store)
        self._adopt_relabelled(stores, began_ms)
        for kind, expected in list(self._expected.items()):
            if len(present.get(kind, ())) < expected.count:
                self._open(kind, expected, began_ms)
            else:
                self._close(kind, began_ms)
        for kind, found in present.items():
            self._expect(kind, found, began_ms, is_first)
        self.is_watched = True
        self.last_look_ms = began_ms

    def trust(self, began_ms: int, ended_ms: int, reads: tuple[int, int]) -> Trust:
        """The verdict on an answer fetched from `began_ms` to `ended_ms` that read these times."""
        if not self.is_watched:
            return Trust.CONFIRMED
        for outage in self._outages:
            overlaps = outage.min_ms <= reads[1] and reads[0] <= outage.max_ms
            if overlaps and outage.from_ms <= ended_ms and began_ms <= outage.until_ms:
                return Trust.IN_DOUBT if outage.until_ms == _FOREVER_MS else Trust.LOST
        return Trust.CONFIRMED if self.last_look_ms > ended_ms else Trust.PENDING

    @property
    def away(self) -> list[str]:
        """The kinds of store that are missed at present."""
        return [o.kind for o in self._outages if o.until_ms == _FOREVER_MS]

    def _expect(self, kind: str, found: list[Store], began_ms: int, is_first: bool) -> None:
        """Learn what is there. A new kind, one more of it, or an earlier begin may hold anything."""
        now = _Expected(
            len(found),
            frozenset(store.address for store in found),
            min(store.min_ms for store in found),
            max(store.max_ms for store in found),
        )
        known = self._expected.get(kind)
        is_new = known is None or now.count > known.count or now.min_ms < known.min_ms
        if is_new and not is_first:
            self._add(Outage(kind, _ALWAYS_MS, began_ms, now.min_ms, now.max_ms))
        if known is not None and now.count < known.count:
            now = _Expected(
                known.count,
                known.addresses | now.addresses,
                min(known.min_ms, now.min_ms),
                max(known.max_ms, now.max_ms),
            )
        self._expected[kind] = now

    def _adopt_relabelled(self, stores: list[Store], began_ms: int) -> None:
        """A store at a known address that has other labels now is not lost; it is learned anew."""
        listed = {store.kind for store in stores}
        healthy = {store.address for store in stores if store.is_healthy}
        for kind, expected in list(self._expected.items()):
            if kind not in listed and expected.addresses <= healthy:
                del self._expected[kind]
                self._close(kind, began_ms)

    def _open(self, kind: str, expected: _Expected, began_ms: int) -> None:
        for outage in self._outages:
            if outage.kind == kind and outage.until_ms == _FOREVER_MS:
                if began_ms - outage.from_ms > self.forget_ms:
                    self._close(kind, began_ms)
                    del self._expected[kind]
                return
        self._add(Outage(kind, self.last_look_ms, _FOREVER_MS, expected.min_ms, expected.max_ms))

    def _close(self, kind: str, began_ms: int) -> None:
        for at, outage in enumerate(self._outages):
            if outage.kind == kind and outage.until_ms == _FOREVER_MS:
                self._outages[at] = dataclasses.replace(outage, until_ms=began_ms)
                self.version += 1

    def _add(self, outage: Outage) -> None:
        self._outages.append(outage)
        self.version += 1
        if len(self._outages) > self.most_outages:
            self._merge_oldest()

    def _merge_oldest(self) -> None:
        """Two closed outages become one that covers both: more is asked again, nothing is missed."""
        closed = [o for o in self._outages if o.until_ms != _FOREVER_MS]
        if closed[1:]:
            self._merge(*closed[:2])

    def _merge(self, one: Outage, two: Outage) -> None:
        merged = Outage(
            one.kind,
            min(one.from_ms, two.from_ms),
            max(one.until_ms, two.until_ms),
            min(one.min_ms, two.min_ms),
            max(one.max_ms, two.max_ms),
        )
        self._outages = [o for o in self._outages if o not in {one, two}]
        self._outages.insert(0, merged)
