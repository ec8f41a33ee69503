"""What would happen, in one sentence."""

from __future__ import annotations

import dataclasses

from proxy.plan.explain import Explained, Reading, Refusal, Remembered, Window

READING = Reading("query_range", "a", "team", 1_000, "--query.timeout")
WINDOW = Window(0, 540_000, 60_000, 0, 10, is_moved=False)
COLD = Explained(READING, WINDOW, asked_steps=10, requests=2)
BODY = Remembered(5, 6, 100, is_gzip=True, is_sent=True)


def test_a_cold_query_asks_for_all() -> None:
    assert COLD.outcome == "0 of 10 steps are held, 10 are asked in 2 requests"


def test_a_warm_query_asks_for_the_rest_or_for_nothing() -> None:
    some = dataclasses.replace(COLD, held_steps=9, asked_steps=1, requests=1)
    assert some.outcome == "9 of 10 steps are held, 1 are asked in 1 request"
    every = dataclasses.replace(COLD, held_steps=10, asked_steps=0, requests=0)
    assert every.outcome == "10 of 10 steps are held, nothing is asked"


def test_a_remembered_answer_goes_before_what_is_held() -> None:
    known = dataclasses.replace(COLD, remembered=(BODY,))
    assert known.outcome == "a remembered answer is sent as it is, nothing is asked"
    other = dataclasses.replace(COLD, remembered=(dataclasses.replace(BODY, is_sent=False),))
    assert other.outcome == COLD.outcome


def test_a_refusal_goes_before_everything() -> None:
    refused = dataclasses.replace(COLD, whole="why", refusal=Refusal(422, "execution", "too long"))
    assert refused.outcome == "refused with 422: too long"
    assert dataclasses.replace(refused, refusal=None).outcome == "asked whole: why"


def test_an_instant_query_has_no_steps() -> None:
    assert Explained(READING, requests=1).outcome == "1 request to the upstream"
