"""What an answer may be: the world's at this moment, or an older one where `docs/cache.md` allows it.

Allowed for each step by itself, since each may come from another fetch:

* what any replica answers at the moments of the request, warnings and missing stores included;
* what all stores together said at an earlier moment, if the step was settled then (older than the
  freshness) and the life of its data is not over: `recent_life` or `life`, by the age of the data at
  that moment; `empty_life` for a step without series; and no purge of it came since;
* what was said with stores missing, if that is no longer ago than `unconfirmed_life`; or if the store
  had been away for longer than `stores_forget`, until a look at the stores has seen it again.

Instant queries, labels and series: the same for the whole answer, with lives of their own.
With `stale-if-error` an answer that says so in a warning may be older by that, and lack steps.
Age is counted from the end of the request that may have fetched it. Where the proxy's clock may be
ahead or behind, the age of data has that much play, its life has none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tests.soak.bodies import matrix_text, read_matrix
from tests.soak.clock import MAX_SKEW_MS, MINUTE_MS
from tests.soak.found import Found, Mask
from tests.soak.promises import Asking, Lives, Verdict
from tests.soak.questions import InstantQuestion, MetadataQuestion, RangeQuestion
from tests.soak.views import ALL, ALWAYS_MS, View
from tests.soak.world import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.soak.clock import SoakClock
    from tests.soak.questions import Question
    from tests.soak.replicas import Sky

WHOLE = View(ALL)
_STALE = re.compile(rb',"warnings":\["(thanoxy: (?:[^"\\]|\\.)*)"\]')
_LONG_HOLE_MS = 20 * MINUTE_MS
_FORGET_PLAY_MS = 10 * MINUTE_MS
"""The watch may have lost a store before it was lost: when looks failed until then."""


@dataclass(slots=True)
class Judge:
    """Compares answers with the world.

    purges: when, and of which metric (None: all).
    """

    sky: Sky
    lives: Lives
    purges: list[tuple[int, str | None]] = field(default_factory=list)

    @property
    def clock(self) -> SoakClock:
        return self.sky.clock

    def judge(self, question: Question, body: bytes, no_store: bool, asking: Asking) -> Verdict:
        """Whether a 200 answer is one of those that are allowed."""
        told = _STALE.search(body) if self.lives.stale_ms else None
        if told:
            if asking.is_fresh or not no_store:
                return Verdict(f"stale, and not marked or not wanted: {told[1].decode()}")
            body = body[: told.start()] + body[told.end() :]
            asking = replace(asking, stale=told[1].decode())
        for moment_ms in self._moments(asking):
            for view in self.sky.views.at(moment_ms):
                if question.answer(self.sky.world, moment_ms, view) == body:
                    is_marked = no_store or not view.notes
                    return Verdict("" if is_marked else "warnings without Cache-Control: no-store")
        if isinstance(question, RangeQuestion):
            return self._judge_range(question, body, no_store, asking)
        return self._judge_whole(question, body, asking)

    def _moments(self, asking: Asking) -> list[int]:
        return [one for one in self.clock.since(asking.from_ms) if one <= asking.until_ms]

    def _judge_whole(
        self, question: InstantQuestion | MetadataQuestion, body: bytes, asking: Asking
    ) -> Verdict:
        life_ms = self._whole_life_ms(question, self._lives(asking))
        if asking.is_fresh or not life_ms:
            return Verdict("not the answer of this moment")
        for moment_ms in self.clock.since(asking.from_ms - life_ms - MINUTE_MS):
            age_ms = asking.from_ms - self.clock.ended_ms(moment_ms)
            if age_ms >= life_ms or self._is_purged(None, moment_ms, asking):
                continue
            if not self._is_settled(question, moment_ms):
                continue
            for view in {WHOLE, *self.sky.views.at(moment_ms)}:
                is_over = age_ms >= self.lives.unconfirmed_life_ms
                if view.notes or (is_over and self._is_back(view, moment_ms, asking)):
                    continue
                if question.answer(self.sky.world, moment_ms, view) == body:
                    return Verdict(is_old=True)
        return Verdict(f"not an answer of the last {life_ms} ms")

    def _lives(self, asking: Asking) -> Lives:
        return self.lives.longer_by(self.lives.stale_ms if asking.stale else 0)

    def _whole_life_ms(self, question: InstantQuestion | MetadataQuestion, lives: Lives) -> int:
        if isinstance(question, MetadataQuestion):
            return lives.metadata_life_ms
        return 0 if question.time_ms is None else lives.instant_life_ms

    def _is_settled(self, question: InstantQuestion | MetadataQuestion, moment_ms: int) -> bool:
        """Whether an answer of this moment may be kept: metadata always, values when settled."""
        if isinstance(question, MetadataQuestion) or question.time_ms is None:
            return True
        reads_ms = question.time_ms + question.expr.look_ahead_ms
        return reads_ms < moment_ms + MAX_SKEW_MS - self.lives.freshness_ms

    def _is_back(self, view: View, moment_ms: int, asking: Asking) -> bool:
        """Whether a store that was missed is back, and a look has seen that."""
        absences = [one for store in view.missed for one in self.sky.views.away(store, moment_ms)]
        return any(one.back_ms <= asking.last_look_ms for one in absences)

    def _judge_range(
        self, question: RangeQuestion, body: bytes, no_store: bool, asking: Asking
    ) -> Verdict:
        try:
            rows, notes = read_matrix(body, question.times_ms)
        except (ValueError, KeyError, TypeError) as error:
            return Verdict(f"no matrix: {error!r}")
        if matrix_text(rows, question.heads, notes) != body:
            return Verdict("not written as Thanos writes it")
        if fault := self._notes_fault(notes, no_store, asking):
            return Verdict(fault)
        found = Found(question, rows, notes, asking)
        wrong = self._wrong_steps(found, self._lives(asking))
        if not wrong.any() or (int(wrong.sum()) <= asking.missing and found.is_empty(wrong)):
            return Verdict(is_old=not asking.is_fresh)
        return Verdict(self._difference(found, wrong), promise=self._promise(found))

    def _notes_fault(self, notes: tuple[str, ...], no_store: bool, asking: Asking) -> str:
        """Warnings are of this moment, and forbid that the answer is kept."""
        current = {view for one in self._moments(asking) for view in self.sky.views.at(one)}
        if not set(notes) <= {note for view in current for note in view.notes}:
            return f"warnings of another time: {notes}"
        return "warnings without Cache-Control: no-store" if notes and not no_store else ""

    def _wrong_steps(self, found: Found, lives: Lives) -> Mask:
        wrong = np.ones(found.question.times_ms.shape, np.bool_)
        for moment_ms, view, allowed in self._candidates(found, lives):
            wrong &= ~(allowed & found.equals(self.sky.world, moment_ms, view))
            if not wrong.any():
                break
        return wrong

    def _promise(self, found: Found) -> str:
        """Which single promise would have to be weaker for the answer to be allowed."""
        given = self._lives(found.asking)
        weaker = {
            "empty life": replace(given, empty_life_ms=given.life_ms),
            "hole": replace(given, unconfirmed_life_ms=_LONG_HOLE_MS),
            "recent life": replace(given, recent_life_ms=given.life_ms),
        }
        for name, lives in weaker.items():
            if not self._wrong_steps(found, lives).any():
                return name
        return "equal"

    def _candidates(self, found: Found, lives: Lives) -> Iterator[tuple[int, View, Mask]]:
        """Moments and views of which answers may be given, and for which steps."""
        everywhere = np.ones(found.question.times_ms.shape, np.bool_)
        for moment_ms in self._moments(found.asking):
            for view in self.sky.views.at(moment_ms):
                if set(view.notes) <= set(found.notes):
                    yield moment_ms, view, everywhere
        if found.asking.is_fresh:
            return
        for moment_ms, is_of_samples in self._turns(found, lives):
            for view in self._kept_views(moment_ms, is_of_samples):
                allowed = self._may_be_kept(found, lives, moment_ms, view)
                if allowed.any():
                    yield moment_ms, view, allowed

    def _kept_views(self, moment_ms: int, is_of_samples: bool) -> set[View]:
        """Of which views answers may have been kept.

        is_of_samples: also those of whom nothing is missed; a store that is away may have no part
        in what is asked.
        """
        views = {view for view in self.sky.views.at(moment_ms) if not view.notes}
        return views | {WHOLE, self._expected(moment_ms)} if is_of_samples else views

    def _turns(self, found: Found, lives: Lives) -> list[tuple[int, bool]]:
        """The newest moments of each state that kept answers may show, the newest first.

        Settled steps change when late samples arrive (the second value says so) or a store comes
        or goes; of all moments between two changes the last one allows most.
        """
        newest_ms = found.asking.from_ms
        oldest_ms = newest_ms - lives.life_ms - MINUTE_MS
        unconfirmed_ms = newest_ms - lives.unconfirmed_life_ms - MINUTE_MS
        if found.asking.stale:
            unconfirmed_ms = min(unconfirmed_ms, found.asking.last_look_ms)
        turns = dict.fromkeys(
            map(self.clock.last_before, self.sky.views.changes(oldest_ms, newest_ms)), False
        )
        arrivals = self.sky.world.arrivals(found.question.expr.metric.name, oldest_ms, newest_ms)
        turns |= dict.fromkeys(map(self.clock.last_before, arrivals), True)
        turns |= {one: True for one in self.clock.since(unconfirmed_ms) if one <= newest_ms}
        return sorted(((one, of) for one, of in turns.items() if one is not None), reverse=True)

    def _may_be_kept(self, found: Found, lives: Lives, moment_ms: int, view: View) -> Mask:
        """The steps of which a view's answer at a moment may be given at the time of asking."""
        question, times_ms = found.question, found.question.times_ms
        age_ms = found.asking.from_ms - self.clock.ended_ms(moment_ms)
        is_purged = self._is_purged(question.expr.metric.name, moment_ms, found.asking)
        is_pending = found.asking.last_look_ms <= self.clock.ended_ms(moment_ms)
        is_short = age_ms < lives.unconfirmed_life_ms or (bool(found.asking.stale) and is_pending)
        if is_purged or not (is_short or self._is_trusted(view, moment_ms, found.asking)):
            return np.zeros(times_ms.shape, np.bool_)
        reads_ms = times_ms + question.expr.look_ahead_ms
        proxy_ms = moment_ms + MAX_SKEW_MS
        is_settled = reads_ms < proxy_ms - lives.freshness_ms
        is_old = reads_ms < proxy_ms - lives.recent_window_ms
        life_ms = np.where(is_old, lives.life_ms, lives.recent_life_ms)
        if age_ms >= lives.empty_life_ms:
            there = question.rows(self.sky.world, moment_ms, view.seen)
            is_empty = np.ones(times_ms.shape, np.bool_)
            for row in there.values():
                is_empty &= row == ABSENT
            life_ms[is_empty] = np.minimum(life_ms[is_empty], lives.empty_life_ms)
        return np.asarray(is_settled & (age_ms < life_ms))

    def _is_trusted(self, view: View, moment_ms: int, asking: Asking) -> bool:
        """Whether all stores took part, or those that did not were no longer expected."""
        for store in view.missed:
            _, back_ms = self._absence(store, moment_ms)
            if not self._is_forgotten(store, moment_ms) or asking.last_look_ms >= back_ms:
                return False
        return True

    def _expected(self, moment_ms: int) -> View:
        """All stores but those that had been away for so long that nobody expected them."""
        return View(frozenset(one for one in ALL if not self._is_forgotten(one, moment_ms)))

    def _is_forgotten(self, store: str, moment_ms: int) -> bool:
        gone_ms, _ = self._absence(store, moment_ms)
        return moment_ms - gone_ms >= self.lives.stores_forget_ms - _FORGET_PLAY_MS

    def _absence(self, store: str, moment_ms: int) -> tuple[int, int]:
        """From when until when a store is away from some replica; empty if it is not."""
        absences = self.sky.views.away(store, moment_ms)
        gone_ms = min((one.gone_ms for one in absences), default=moment_ms)
        return gone_ms, max((one.back_ms for one in absences), default=ALWAYS_MS)

    def _is_purged(self, metric: str | None, moment_ms: int, asking: Asking) -> bool:
        """Whether a purge came since; whole answers (None) are removed by each."""
        return any(
            moment_ms < purged_ms <= asking.from_ms and (metric is None or of in {None, metric})
            for purged_ms, of in self.purges
        )

    def _difference(self, found: Found, wrong: Mask) -> str:
        """The first wrong step: what was answered, what is right, and when that answer was right."""
        asking, at = found.asking, int(np.flatnonzero(wrong)[0])
        time_ms = int(found.question.times_ms[at])
        told = "; ".join(found.differences(self.sky.world, at)[:6])
        return (
            f"{int(wrong.sum())} of {wrong.size} steps, the first at {time_ms} "
            f"({asking.from_ms - time_ms} ms old), {self._when(found.column(at))}: {told}"
        )

    def _when(self, column: Found) -> str:
        """At which moment of the last day a step was as answered."""
        asking = column.asking
        for moment_ms in self.clock.since(ALWAYS_MS):
            for view in {WHOLE, *self.sky.views.at(moment_ms)} if moment_ms <= asking.until_ms else ():
                if column.equals(self.sky.world, moment_ms, view).all():
                    missed = ", ".join(sorted(view.missed)) or "all stores there"
                    return f"right {asking.from_ms - moment_ms} ms ago ({missed})"
        return "never right"
