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
_SIGHT = "a look at the stores"
_LEAST_GAP_MS = 15_000
"""Two looks in a row that time out leave as much by default, and are no reason to ask all again."""


class Trust(Enum):
    """What is known of an answer's completeness."""

    CONFIRMED = "all stores took part"
    PENDING = "no look at the stores since it was fetched"
    IN_DOUBT = "a store that may hold its data is away"
    LOST = "a store that was away is back: ask again"


@dataclass(frozen=True, slots=True)
class Store:
    """One store as Thanos Query lists it; times in ms. `kind`: component and label sets.

    last_error: what Thanos Query says of a store that is not healthy, for people to read.
    """

    kind: str
    address: str
    min_ms: int
    max_ms: int
    is_healthy: bool
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Outage:
    """Answers fetched between `from_ms` and `until_ms` that read `min_ms` to `max_ms` may lack data."""

    kind: str
    from_ms: int
    until_ms: int
    min_ms: int
    max_ms: int


@dataclass(frozen=True, slots=True)
class Expected:
    """How many stores of a kind there ought to be, where, and for which times."""

    count: int
    addresses: frozenset[str]
    min_ms: int
    max_ms: int


@dataclass(slots=True)
class StoreWatch:
    """Folds looks at the stores into outages.

    forget_ms: a store away for longer than this is no longer expected.
    most_gap_ms: looks further apart may have missed a store that went and came back in between.
    since_ms: when this watch began; what was kept before was somebody else's to watch.
    version: changes whenever verdicts given before may have become worse.
    """

    forget_ms: int
    most_gap_ms: int = _LEAST_GAP_MS
    since_ms: int = _ALWAYS_MS
    most_outages: int = 200
    is_watched: bool = True
    version: int = 0
    last_look_ms: int = _ALWAYS_MS
    listed: list[Store] = field(default_factory=list)
    """As the last look found them, for people to see."""
    _expected: dict[str, Expected] = field(default_factory=dict)
    _outages: list[Outage] = field(default_factory=list)

    def no_such_endpoint(self) -> None:
        """An upstream that has no stores (a plain Prometheus) is always whole.

        One that has listed stores before has them still: then it only confirms nothing.
        """
        if self.last_look_ms == _ALWAYS_MS:
            self.is_watched = False

    def look(
        self, began_ms: int, ended_ms: int, stores: list[Store], has_lost_sight: bool = False
    ) -> None:
        """Take in an answer of `/api/v1/stores`, asked for at `began_ms`, here at `ended_ms`.

        has_lost_sight: some answers came from an address that could not be asked for its stores any
        more; whatever was answered since the last look is in doubt. So it is when that is long ago.

        What it says was so at some moment between the two. So a store that is back may have come
        back as late as `ended_ms`, and one that is away may have gone since the last look began.
        """
        is_first = self.last_look_ms == _ALWAYS_MS
        sight_ms = max(self.last_look_ms, self.since_ms)
        is_late = sight_ms != _ALWAYS_MS and began_ms - sight_ms > self.most_gap_ms
        if has_lost_sight or is_late:
            self._doubt_all(sight_ms, ended_ms)
        present: dict[str, list[Store]] = {}
        for store in stores:
            if store.is_healthy:
                present.setdefault(store.kind, []).append(store)
        self._adopt_relabelled(stores, ended_ms)
        for kind, expected in list(self._expected.items()):
            self._compare(kind, expected, present.get(kind, []), ended_ms)
        for kind, found in present.items():
            self._expect(kind, found, ended_ms, is_first)
        self.is_watched = True
        self.last_look_ms = began_ms
        self.listed = stores

    def trust(self, began_ms: int, ended_ms: int, reads: tuple[int, int]) -> Trust:
        """The verdict on an answer fetched from `began_ms` to `ended_ms` that read these times."""
        if not self.is_watched:
            return Trust.CONFIRMED
        verdict = Trust.CONFIRMED if self.last_look_ms > ended_ms else Trust.PENDING
        for outage in self._outages:
            overlaps = outage.min_ms <= reads[1] and reads[0] <= outage.max_ms
            if overlaps and outage.from_ms <= ended_ms and began_ms <= outage.until_ms:
                if outage.until_ms != _FOREVER_MS:
                    return Trust.LOST
                verdict = Trust.IN_DOUBT
        return verdict

    @property
    def expected(self) -> dict[str, Expected]:
        """Which stores there ought to be, by kind."""
        return self._expected

    def expect_as_before(self, expected: dict[str, Expected], at_ms: int) -> None:
        """Take over what another watch has expected at `at_ms`, before the first look of this one."""
        if self.last_look_ms == _ALWAYS_MS:
            self._expected = dict(expected)
            self.last_look_ms = at_ms

    @property
    def away(self) -> list[str]:
        """The kinds of store that are missed at present."""
        return [outage.kind for outage in self.open_outages]

    @property
    def open_outages(self) -> list[Outage]:
        """What is missed at present: since when, and which times."""
        return [o for o in self._outages if o.until_ms == _FOREVER_MS]

    def _compare(self, kind: str, expected: Expected, found: list[Store], ended_ms: int) -> None:
        """Open or close an outage. A store that moved since the last look was away in between."""
        if len(found) < expected.count:
            self._open(kind, expected, len(found), ended_ms)
        elif not self._close(kind, ended_ms) and expected.addresses - _addresses(found):
            times = expected.min_ms, expected.max_ms
            self._add(Outage(kind, self.last_look_ms, ended_ms, *times))

    def _expect(self, kind: str, found: list[Store], ended_ms: int, is_first: bool) -> None:
        """Learn what is there. A new kind, one more of it, or an earlier begin may hold anything."""
        now = Expected(
            len(found),
            _addresses(found),
            min(store.min_ms for store in found),
            max(store.max_ms for store in found),
        )
        known = self._expected.get(kind)
        is_new = known is None or now.count > known.count or now.min_ms < known.min_ms
        if is_new and not is_first:
            self._add(Outage(kind, _ALWAYS_MS, ended_ms, now.min_ms, now.max_ms))
        if known is not None and now.count < known.count:
            now = Expected(
                known.count,
                known.addresses | now.addresses,
                min(known.min_ms, now.min_ms),
                max(known.max_ms, now.max_ms),
            )
        self._expected[kind] = now

    def _adopt_relabelled(self, stores: list[Store], ended_ms: int) -> None:
        """A store at a known address that has other labels now is not lost; it is learned anew."""
        listed = {store.kind for store in stores}
        healthy = _addresses([store for store in stores if store.is_healthy])
        for kind, expected in list(self._expected.items()):
            if kind not in listed and expected.addresses <= healthy:
                del self._expected[kind]
                self._close(kind, ended_ms)

    def _open(self, kind: str, expected: Expected, found: int, ended_ms: int) -> None:
        for outage in self._outages:
            if outage.kind == kind and outage.until_ms == _FOREVER_MS:
                if ended_ms - outage.from_ms > self.forget_ms:
                    self._forget(kind, expected, found, ended_ms)
                return
        self._add(Outage(kind, self.last_look_ms, _FOREVER_MS, expected.min_ms, expected.max_ms))

    def _forget(self, kind: str, expected: Expected, found: int, ended_ms: int) -> None:
        """Expect no more than what is there."""
        self._close(kind, ended_ms)
        del self._expected[kind]
        if found:
            self._expected[kind] = dataclasses.replace(expected, count=found)

    def _close(self, kind: str, ended_ms: int) -> bool:
        """End the kind's outage; False when there is none."""
        for at, outage in enumerate(self._outages):
            if outage.kind == kind and outage.until_ms == _FOREVER_MS:
                self._outages[at] = dataclasses.replace(outage, until_ms=ended_ms)
                self.version += 1
                return True
        return False

    def _doubt_all(self, from_ms: int, until_ms: int) -> None:
        """Nobody has seen the stores for a time; times that follow one another are kept as one."""
        for outage in self._outages:
            if outage.kind == _SIGHT and outage.from_ms <= from_ms <= outage.until_ms:
                self._outages.remove(outage)
                from_ms = outage.from_ms
                break
        self._add(Outage(_SIGHT, from_ms, until_ms, _ALWAYS_MS, _FOREVER_MS))

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


def most_gap_ms(interval_ms: int) -> int:
    """How far apart looks may be that are taken at an interval: one of them may time out."""
    return max(_LEAST_GAP_MS, 4 * interval_ms)


def _addresses(stores: list[Store]) -> frozenset[str]:
    return frozenset(store.address for store in stores)
