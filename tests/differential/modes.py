"""What is done with a case. A mode asks both servers and returns what is wrong, or None.

`cold` asks each once, `kept` asks so that kept pieces serve. `hard_use` (after evictions, by several
clients at once) has a further function of the same type, and `moving` lets the time go on.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.differential.cases import Case
from tests.differential.comparing import Difference, first_difference
from tests.differential.oracle import explain, split_answers

if TYPE_CHECKING:
    from tests.differential.asking import Answer, Request, Server
    from tests.differential.meddling import Held


@dataclasses.dataclass(slots=True)
class Sides:
    """Thanos Query, and thanoxy in front of it with its split interval.

    held: the inside of thanoxy, when it was given a clock; setting: how it was set up beside that.
    answers: how many of thanoxy's were compared, by what its cache held of them; counted by modes
        that ask a case several times.
    """

    thanos: Server
    thanoxy: Server
    interval_ms: int
    held: Held | None = None
    setting: str = ""
    answers: Counter[str] = dataclasses.field(default_factory=Counter)

    @property
    def the_held(self) -> Held:
        assert self.held is not None, "this mode needs a clock that can be moved"
        return self.held


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A case whose two answers are not the same.

    `thanos_does_too`: asked for the windows of the splits, Thanos answers what thanoxy does; so
    Thanos disagrees with itself. `before`: what was done to thanoxy, the last being this.
    """

    case: Case
    interval_ms: int
    difference: Difference
    thanos_does_too: bool
    setting: str = ""
    before: tuple[str, ...] = ()

    @property
    def is_excused(self) -> bool:
        """Whether only Thanos can be blamed, for a reason that was known before asking.

        The text of an error is excused everywhere: it names the series of one moment.
        """
        has_reason = self.case.doubt or self.difference.path == "error"
        return bool(has_reason and self.thanos_does_too)

    def __str__(self) -> str:
        itself = (
            "thanos disagrees with itself: asked for each split, it answers what thanoxy does"
            if self.thanos_does_too
            else "thanos, asked for each split, does not answer what thanoxy does either"
        )
        hours = f"{self.interval_ms / 3_600_000:g}h"
        where = f"split at {hours} {self.setting}".rstrip()
        story = "".join(f"\n    {one}" for one in self.before)
        return f"{self.case}\n  {where}\n{self.difference}\n  {itself}{story}"


Mode = Callable[[Case, Sides], Awaitable[Finding | None]]


REFUSALS_ASKED = 20


async def difference_between(sides: Sides, request: Request) -> Difference | None:
    """Ask both and compare.

    A refusal may be any of those that Thanos gives to the same request: for `timeout=0` it throws
    dice between two.
    """
    found = await sides.thanoxy.ask(request)
    difference = None
    for _ in range(REFUSALS_ASKED):
        expected = await sides.thanos.ask(request)
        difference = first_difference(expected, found)
        if difference is None or expected.status == HTTPStatus.OK:
            break
    return difference


async def cold(case: Case, sides: Sides) -> Finding | None:
    """Ask both once."""
    expected = await sides.thanos.ask(case.request)
    return await judge(case, sides, expected)


async def kept(case: Case, sides: Sides) -> Finding | None:
    """Ask thanoxy for a window beside it first, then both, then thanoxy once more.

    The window moves by whole steps, back or on, by up to its own length: so the first answer
    leaves pieces that cover a part of the second.
    """
    chance = random.Random(f"kept {case.seed} {case.number}")
    moved = case.window.moved(chance.randint(-case.window.steps, case.window.steps))
    await sides.thanoxy.ask(case.at(moved))
    expected = await sides.thanos.ask(case.request)
    finding = await judge(case, sides, expected)
    return finding or await judge(case, sides, expected)


async def judge(case: Case, sides: Sides, expected: Answer) -> Finding | None:
    """Ask thanoxy; where it differs, ask Thanos for the splits as well."""
    return await judged(case, sides, expected, await sides.thanoxy.ask(case.request))


async def judged(case: Case, sides: Sides, expected: Answer, found: Answer) -> Finding | None:
    difference = first_difference(expected, found)
    if difference is None:
        return None
    answers = await split_answers(case, sides.thanos, sides.interval_ms)
    does_too = explain(answers, found)
    return Finding(case, sides.interval_ms, difference, does_too, sides.setting)
