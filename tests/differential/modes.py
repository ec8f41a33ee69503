"""What is done with a case. A mode asks both servers and returns what is wrong, or None.

`cold` asks each once. Modes for a cache (asked again, with a shifted window, after evictions, by
several clients at once) are further functions of the same type.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable

from tests.differential.asking import Request, Server
from tests.differential.cases import Case
from tests.differential.comparing import Difference, first_difference
from tests.differential.oracle import explain, split_answers


@dataclasses.dataclass(frozen=True, slots=True)
class Sides:
    """Thanos Query, and thanoxy in front of it with its split interval."""

    thanos: Server
    thanoxy: Server
    interval_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A case whose two answers are not the same.

    `thanos_does_too`: asked for the windows of the splits, Thanos answers what thanoxy does; so
    Thanos disagrees with itself.
    """

    case: Case
    interval_ms: int
    difference: Difference
    thanos_does_too: bool

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
        return f"{self.case}\n  split at {hours}\n{self.difference}\n  {itself}"


Mode = Callable[[Case, Sides], Awaitable[Finding | None]]


async def difference_between(sides: Sides, request: Request) -> Difference | None:
    """Ask both once and compare."""
    expected = await sides.thanos.ask(request)
    return first_difference(expected, await sides.thanoxy.ask(request))


async def cold(case: Case, sides: Sides) -> Finding | None:
    """Ask both once; where they differ, ask Thanos for the splits as well."""
    expected = await sides.thanos.ask(case.request)
    found = await sides.thanoxy.ask(case.request)
    difference = first_difference(expected, found)
    if difference is None:
        return None
    answers = await split_answers(case, sides.thanos, sides.interval_ms)
    return Finding(case, sides.interval_ms, difference, explain(answers, found))
