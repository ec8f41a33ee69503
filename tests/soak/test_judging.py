"""The judge allows what `docs/cache.md` promises, and nothing a millisecond older."""

from __future__ import annotations

import dataclasses

import pytest

from proxy.settings import Settings
from tests.soak.clock import HOUR_MS, MINUTE_MS, SECOND_MS, START_MS, SoakClock
from tests.soak.judging import Judge
from tests.soak.promises import Asking, Verdict, lives_of
from tests.soak.questions import InstantQuestion, MetadataQuestion, Question, RangeQuestion
from tests.soak.replicas import Sky
from tests.soak.views import ALL, Absence, View, Views
from tests.soak.world import EXPR_OF, METRICS, SCRAPE_MS, Batch, World

LIVES = lives_of(Settings())
HOUR_AGO_MS = START_MS - HOUR_MS
QUESTION = RangeQuestion(
    EXPR_OF["cpu_load"], "team-a", HOUR_AGO_MS, HOUR_AGO_MS + 40 * MINUTE_MS, MINUTE_MS
)
SOME, EVERY = frozenset({0, 1}), frozenset(range(6))


class Past:
    """An answer that was given at `START_MS`, and what became of the world since."""

    def __init__(self, batch: Batch | None = None, absences: tuple[Absence, ...] = ()) -> None:
        self.clock = SoakClock()
        world = World((batch,) if batch else ())
        self.sky = Sky(world, Views(2, absences), self.clock)
        self.judge = Judge(self.sky, LIVES)

    def answer(self, question: Question = QUESTION, replica: int = 0) -> bytes:
        view = self.sky.views.of(replica, self.clock.now_ms)
        return question.answer(self.sky.world, self.clock.now_ms, view)

    def verdict(
        self,
        body: bytes,
        question: Question = QUESTION,
        last_look_ms: int = 0,
        is_fresh: bool = False,
    ) -> Verdict:
        now_ms = self.clock.now_ms
        asking = Asking(now_ms, now_ms, last_look_ms or now_ms, is_fresh)
        return self.judge.judge(question, body, no_store=False, asking=asking)

    def is_allowed(
        self,
        body: bytes,
        question: Question = QUESTION,
        last_look_ms: int = 0,
        is_fresh: bool = False,
    ) -> bool:
        return not self.verdict(body, question, last_look_ms, is_fresh).fault


def late(slots: frozenset[int], first_ms: int = HOUR_AGO_MS, minutes: int = 10) -> Batch:
    """Samples that come a second after `START_MS`."""
    first, last = first_ms // SCRAPE_MS, (first_ms + minutes * MINUTE_MS) // SCRAPE_MS
    return Batch("cpu_load", slots, first, last, START_MS + SECOND_MS)


def test_the_answer_of_this_moment_is_right() -> None:
    past = Past()
    verdict = past.verdict(past.answer(QUESTION))
    assert not verdict.fault
    assert not verdict.is_old


def test_another_way_of_writing_is_not_the_answer() -> None:
    past = Past()
    body = past.answer(QUESTION).replace(b'"metric":', b'"metric": ')
    assert past.verdict(body).fault == "not written as Thanos writes it"


def test_another_tenants_values_are_never_right() -> None:
    past = Past()
    other = dataclasses.replace(QUESTION, tenant="team-b")
    assert "never right" in past.verdict(past.answer(other)).fault


def test_late_samples_of_the_recent_window_show_after_the_recent_life() -> None:
    past = Past(late(SOME))
    old = past.answer(QUESTION)
    past.clock.advance(LIVES.recent_life_ms - 1)
    assert past.verdict(old) == Verdict(is_old=True)
    past.clock.advance(1)
    assert past.verdict(old).promise == "recent life"


def test_late_samples_of_older_data_show_after_the_life() -> None:
    past = Past(late(SOME, START_MS - 5 * HOUR_MS))
    question = dataclasses.replace(
        QUESTION, start_ms=START_MS - 6 * HOUR_MS, end_ms=START_MS - 4 * HOUR_MS
    )
    old = past.answer(question)
    past.clock.advance(LIVES.life_ms - 1)
    assert past.is_allowed(old, question=question)
    past.clock.advance(1)
    assert not past.is_allowed(old, question=question)


def test_a_request_under_way_while_time_passes_ends_later() -> None:
    past = Past(late(SOME))
    old = past.answer(QUESTION)
    past.clock.advance(5 * SECOND_MS, while_asked=True)
    past.clock.advance(LIVES.recent_life_ms - 1)
    assert past.is_allowed(old)
    past.clock.advance(1)
    assert not past.is_allowed(old)


def test_who_refuses_what_is_kept_gets_nothing_old() -> None:
    past = Past(late(SOME))
    old = past.answer(QUESTION)
    past.clock.advance(2 * SECOND_MS)
    assert past.is_allowed(old)
    assert not past.is_allowed(old, is_fresh=True)


def test_steps_without_series_live_shorter() -> None:
    past = Past(late(EVERY))
    old = past.answer(QUESTION)
    past.clock.advance(LIVES.empty_life_ms - 1)
    assert past.is_allowed(old)
    past.clock.advance(1)
    assert past.verdict(old).promise == "empty life"


def test_what_was_not_settled_is_never_given_again() -> None:
    past = Past()
    question = dataclasses.replace(QUESTION, start_ms=START_MS - 5 * MINUTE_MS, end_ms=START_MS)
    old = past.answer(question)
    past.clock.advance(MINUTE_MS)
    assert not past.is_allowed(old, question=question)


def test_nothing_from_before_a_purge_is_given_after_it() -> None:
    past = Past(late(SOME))
    old = past.answer(QUESTION)
    past.clock.advance(2 * SECOND_MS)
    past.judge.purges.append((past.clock.now_ms, "pods"))
    assert past.is_allowed(old)
    past.judge.purges.append((past.clock.now_ms, "cpu_load"))
    assert not past.is_allowed(old)


def absence(away_ms: int, gone_ms: int = START_MS) -> Absence:
    return Absence("ruler", 0, gone_ms, gone_ms, gone_ms + away_ms)


@pytest.mark.parametrize("away_ms", [3 * SECOND_MS, 30 * MINUTE_MS])
def test_a_hole_is_given_for_seconds(away_ms: int) -> None:
    past = Past(absences=(absence(away_ms),))
    hole = past.answer(QUESTION)
    assert past.is_allowed(hole)
    past.clock.advance(LIVES.unconfirmed_life_ms)
    assert past.is_allowed(hole) == (away_ms > LIVES.unconfirmed_life_ms)  # it is a new one
    past.clock.advance(away_ms)
    is_short = away_ms < LIVES.recent_life_ms
    assert past.verdict(hole).promise == ("hole" if is_short else "equal")


def test_a_hole_of_a_forgotten_store_is_given_until_it_is_seen_again() -> None:
    gone_ms = START_MS - LIVES.stores_forget_ms
    past = Past(absences=(absence(2 * HOUR_MS, gone_ms),))
    past.clock.advance(HOUR_MS - MINUTE_MS)
    question = dataclasses.replace(QUESTION, end_ms=START_MS)
    hole = past.answer(question)
    past.clock.advance(MINUTE_MS)
    assert past.is_allowed(hole, question=question, last_look_ms=past.clock.now_ms - 1)
    assert not past.is_allowed(hole, question=question)


def test_warnings_are_those_of_this_moment_and_forbid_to_keep() -> None:
    past = Past(absences=(Absence("ruler", 0, START_MS, START_MS + HOUR_MS, START_MS + HOUR_MS),))
    partial = past.answer(QUESTION)
    assert past.verdict(partial).fault == "warnings without Cache-Control: no-store"
    past.clock.advance(HOUR_MS)
    assert "another time" in past.verdict(partial).fault


def test_each_step_may_be_from_another_replica() -> None:
    past = Past(absences=(absence(HOUR_MS),))
    hole, whole = (QUESTION.rows(past.sky.world, START_MS, seen) for seen in (ALL - {"ruler"}, ALL))
    assert hole.keys() < whole.keys()
    half = dataclasses.replace(QUESTION, end_ms=QUESTION.start_ms + 20 * MINUTE_MS)
    answer = past.answer(half, replica=0)
    assert past.is_allowed(answer, question=half)
    assert past.is_allowed(past.answer(half, replica=1), question=half)


def test_instant_answers_have_their_own_life() -> None:
    question = InstantQuestion(EXPR_OF["cpu_load"], "team-a", HOUR_AGO_MS + MINUTE_MS)
    past = Past(late(SOME))
    old = past.answer(question)
    past.clock.advance(LIVES.instant_life_ms - 1)
    assert past.is_allowed(old, question=question)
    past.clock.advance(1)
    assert not past.is_allowed(old, question=question)


def test_pods_of_a_lost_store_are_missed_for_seconds_after_it_is_seen() -> None:
    question = MetadataQuestion(
        METRICS["cpu_load"], "team-a", HOUR_AGO_MS, START_MS, "/api/v1/label/pod/values"
    )
    past = Past(absences=(absence(3 * SECOND_MS),))
    hole = question.answer(past.sky.world, START_MS, View(ALL - {"ruler"}))
    past.clock.advance(LIVES.unconfirmed_life_ms - 1)
    assert past.is_allowed(hole, question=question)
    past.clock.advance(1)
    assert past.is_allowed(hole, question=question, last_look_ms=START_MS)
    assert not past.is_allowed(hole, question=question)


def test_samples_that_come_while_an_unrelated_store_is_away_are_late_for_their_life() -> None:
    forgotten = Absence(
        "newcomer", 0, START_MS - 3 * HOUR_MS, START_MS - 3 * HOUR_MS, START_MS + HOUR_MS
    )
    gateway = Absence("gateway", 0, START_MS - MINUTE_MS, START_MS - MINUTE_MS, START_MS + HOUR_MS)
    late_queue = dataclasses.replace(late(SOME), metric="queue_length")
    past = Past(late_queue, (forgotten, gateway))
    question = dataclasses.replace(QUESTION, expr=EXPR_OF["queue_length"])
    old = past.answer(question)
    past.clock.advance(LIVES.recent_life_ms - 1)
    assert past.is_allowed(old, question)
    past.clock.advance(1)
    assert not past.is_allowed(old, question)
