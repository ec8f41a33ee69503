"""A wrong answer is found wherever in a case's story it comes, and told with the story."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.differential.asking import Answer
from tests.differential.cases import draw_case
from tests.differential.clock import MovedClock
from tests.differential.hard_use import used_hard
from tests.differential.modes import Sides
from tests.differential.windows import DAY_MS, HOUR_MS, MINUTE_MS, Window

if TYPE_CHECKING:
    from tests.differential.asking import Request

END_MS = 1_800_000_000_000
CASE = draw_case(1, 3, Window(END_MS - 4 * DAY_MS, END_MS, MINUTE_MS))
MATRIX = b'{"status":"success","data":{"resultType":"matrix","result":[%s],"analysis":{}}}'
RIGHT = Answer(200, "application/json", "", MATRIX % b"")
WRONG = Answer(200, "application/json", "", MATRIX % b'{"metric":{},"values":[[1,"1"]]}')


class Said:
    """A server that says one thing, and from some question on another."""

    def __init__(self, wrong_from: int | None = None) -> None:
        self.wrong_from = wrong_from
        self.asked = 0

    async def ask(self, request: Request) -> Answer:
        if "/admin/" not in request.path:
            self.asked += 1
        return WRONG if self.wrong_from and self.asked >= self.wrong_from else RIGHT


def sides(thanoxy: Said) -> Sides:
    store = SimpleNamespace(remove_where=lambda matches: 0)
    engine = SimpleNamespace(store=store, memo=SimpleNamespace(clear=lambda: None))
    held: Any = SimpleNamespace(engine=engine, clock=MovedClock(END_MS), extents=list, meddlers=())
    thanos: Any = Said()
    other: Any = thanoxy
    return Sides(thanos, other, HOUR_MS, held)


async def test_the_same_answers_are_no_finding_and_all_are_counted() -> None:
    thanoxy = Said()
    both = sides(thanoxy)
    assert await used_hard(CASE, both) is None
    assert 4 <= both.answers.total() <= thanoxy.asked


@pytest.mark.parametrize("wrong_from", [1, 2, 3, 4])
async def test_a_wrong_answer_is_found_and_its_story_told(wrong_from: int) -> None:
    finding = await used_hard(CASE, sides(Said(wrong_from)))
    assert finding is not None
    assert not finding.is_excused
    assert finding.before[-1] in str(finding)
    assert finding.difference.path == "length of .data.result"
