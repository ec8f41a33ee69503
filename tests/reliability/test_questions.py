from __future__ import annotations

import collections
import itertools
import urllib.parse
from typing import TYPE_CHECKING

import pytest

from tests.reliability.questions import INSTANT_PATH, Asking, Oracle, asked
from tests.reliability.scenario import Pace
from tests.thanos.loopback import ask
from tests.thanos.timeline import HOUR_MS

if TYPE_CHECKING:
    from tests.thanos.cluster import ThanosCluster

END_MS = 1_700_000_000_000 // HOUR_MS * HOUR_MS
ASKING = Asking(END_MS)
QUESTIONS = [ASKING.question(number) for number in range(Pace().requests)]


def windows(kind: str) -> list[tuple[str, int, int]]:
    forms = [dict(urllib.parse.parse_qsl(one.form.decode())) for one in QUESTIONS if one.kind == kind]
    return [(form["query"], int(form["start"]), int(form["end"])) for form in forms]


def test_nine_of_ten_questions_need_the_upstream() -> None:
    kinds = collections.Counter(one.kind for one in QUESTIONS)
    assert {kind: count / len(QUESTIONS) for kind, count in kinds.items()} == {
        "moving": 0.4,
        "new": 0.3,
        "instant": 0.2,
        "same": 0.1,
    }


def test_all_but_one_are_asked_once() -> None:
    others = [one for one in QUESTIONS if one.kind != "same"]
    assert len(set(others)) == len(others)
    assert len({one for one in QUESTIONS if one.kind == "same"}) == 1


def test_all_of_it_is_settled() -> None:
    ends = [end for kind in ("moving", "new", "same") for _, _, end in windows(kind)]
    times = [
        int(dict(urllib.parse.parse_qsl(one.form.decode()))["time"])
        for one in QUESTIONS
        if one.path == INSTANT_PATH
    ]
    assert max(*ends, *times) * 1000 <= END_MS - 3 * HOUR_MS


def test_a_moving_window_overlaps_the_one_before() -> None:
    by_expr = collections.defaultdict(list)
    for expr, start, end in windows("moving"):
        by_expr[expr].append((start, end))
    assert len(by_expr) == 4
    for found in by_expr.values():
        for before, after in itertools.pairwise(found):
            assert before[0] < after[0] < before[1] < after[1]


def test_the_warm_up_asks_what_the_first_windows_hold() -> None:
    assert len({one.form for one in ASKING.warm_up()}) == 5
    assert asked(ASKING, 10)[5:] == QUESTIONS[:10]


def test_the_oracle_knows_thanoss_answer_and_no_other(thanos: ThanosCluster) -> None:
    asking = Asking(thanos.end_ms)
    oracle = Oracle(thanos.query_url)
    questions = asked(asking, 10)
    oracle.learn(questions)
    for question in questions:
        body = ask(thanos.query_url + question.path_and_query()).body
        assert oracle.is_right(question, body)
        assert not oracle.is_right(question, body[:-1])


def test_a_question_that_thanos_answers_with_nothing_is_none(thanos: ThanosCluster) -> None:
    long_ago = Asking(thanos.end_ms - 1000 * HOUR_MS)
    with pytest.raises(ValueError, match="is no question"):
        Oracle(thanos.query_url).learn([long_ago.question(0)])
