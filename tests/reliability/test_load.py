from __future__ import annotations

import asyncio

import pytest

from tests.fakes import after, fake_upstream, reply
from tests.reliability.load import NO_ANSWER, Load
from tests.reliability.questions import Oracle, Question, digest

RIGHT = b'{"status":"success"}'
QUESTIONS = [Question("new", "/api/v1/query_range", b"query=%d" % number) for number in range(6)]


class Knowing(Oracle):
    """Every answer is RIGHT."""

    def __init__(self) -> None:
        super().__init__("")
        self._answers = {question: digest(RIGHT) for question in QUESTIONS}


async def test_what_comes_back_is_told_apart() -> None:
    bodies = {
        b"query=0": (200, RIGHT),
        b"query=1": (200, b'{"status":"success","warnings":["a store is away"]}'),
        b"query=2": (200, b"{}"),
        b"query=3": (502, b'{"status":"error","errorType":"unavailable","error":"x"}'),
        b"query=4": (503, b"<html>"),
        b"query=5": (200, RIGHT),
    }
    async with fake_upstream() as upstream:
        upstream.script = lambda asked: reply(*bodies[asked.body])
        seen = await Load(upstream.url, Knowing()).run(QUESTIONS, 1000)
    assert [one.status for one in seen] == [200, 200, 200, 502, 503, 200]
    assert [one.is_right for one in seen] == [True, False, False, False, False, True]
    assert [one.is_warned for one in seen] == [False, True, False, False, False, False]
    assert [one.is_wrong for one in seen] == [False, False, True, False, False, False]
    assert [one.error for one in seen] == ["", "", "", "unavailable", "", ""]


async def test_requests_go_out_at_their_times_though_none_is_answered() -> None:
    async with fake_upstream() as upstream:
        upstream.script = lambda asked: after(5.0, reply(200, RIGHT))
        began_s = asyncio.get_running_loop().time()
        seen = await Load(upstream.url, Knowing(), timeout_s=0.3).run(QUESTIONS, 50)
        took_s = asyncio.get_running_loop().time() - began_s
    assert [one.status for one in seen] == [NO_ANSWER] * 6
    assert [round(one.sent_s, 6) for one in seen] == [0, 0.02, 0.04, 0.06, 0.08, 0.1]
    assert all(0.25 < one.took_s < 1 for one in seen)
    assert took_s < 1.2


async def test_a_load_that_begins_with_a_wrong_answer_is_none() -> None:
    async with fake_upstream() as upstream:
        upstream.script = lambda asked: reply(200, b"{}")
        with pytest.raises(ValueError, match="before the load"):
            await Load(upstream.url, Knowing()).warm_up(QUESTIONS)


async def test_asked_again_each_question_is_asked_once() -> None:
    async with fake_upstream() as upstream:
        upstream.script = lambda asked: reply(200, RIGHT)
        seen = await Load(upstream.url, Knowing()).again([*QUESTIONS, *QUESTIONS])
        assert len(seen) == len(upstream.asked) == 6
    assert all(one.is_right for one in seen)
