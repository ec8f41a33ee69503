"""Kept pieces used hard: many windows of one query, many clients at once, pieces lost in between.

A turn puts one or several windows of a case to thanoxy and returns what is wrong. Thanos answers
each window first, so every turn has to be over before the data changes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from typing import TYPE_CHECKING

from tests.differential.cases import finished_case
from tests.differential.comparing import first_difference
from tests.differential.meddling import meddle, purge
from tests.differential.modes import Finding, judged
from tests.differential.sequences import bounded, next_window

if TYPE_CHECKING:
    from tests.differential.asking import Answer
    from tests.differential.cases import Case
    from tests.differential.modes import Sides
    from tests.differential.windows import Window

MEDDLE_CHANCE = 0.4
PURGE_CHANCE = 0.05
LATEST_S = 0.02
"""Clients of a crowd come within this time, and leave within twice of it."""


async def used_hard(case: Case, sides: Sides) -> Finding | None:
    """A dashboard's life: some windows, one after the other, by one client or by many."""
    chance = random.Random(f"hard {case.seed} {case.number}")
    window = bounded(case.window)
    trail: list[str] = []
    for _ in range(chance.randint(4, 8)):
        window = next_window(chance, window)
        if finding := await take_turn(chance, case, window, sides, trail):
            return dataclasses.replace(finding, before=tuple(trail))
        await disturb(chance, sides, window, trail)
    return None


async def take_turn(
    chance: random.Random, case: Case, window: Window, sides: Sides, trail: list[str]
) -> Finding | None:
    """One of the turns; it is added to the trail."""
    turn = chance.choices([once, again, crowd], weights=[5, 3, 2])[0]
    trail.append(f"{turn.__name__} {window}")
    return await turn(chance, written(chance, case, window), sides)


async def disturb(chance: random.Random, sides: Sides, window: Window, trail: list[str]) -> None:
    """Perhaps take away something of what is kept."""
    if chance.random() < PURGE_CHANCE:
        trail.append(await purge(chance, sides.thanoxy, (window.start_ms, window.end_ms)))
    elif chance.random() < MEDDLE_CHANCE:
        trail.append(meddle(chance, sides.the_held))


def written(chance: random.Random, case: Case, window: Window) -> Case:
    """The same question about another window, written and sent in some way."""
    return finished_case(chance, case.seed, case.number, case.query, window, case.parameters)


async def once(chance: random.Random, case: Case, sides: Sides) -> Finding | None:
    expected = await sides.thanos.ask(case.request)
    return await answered(chance, case, sides, expected)


async def again(chance: random.Random, case: Case, sides: Sides) -> Finding | None:
    """Asked, and asked again in other forms: kept pieces serve, then remembered answers."""
    expected = await sides.thanos.ask(case.request)
    for _ in range(3):
        if finding := await answered(chance, case, sides, expected):
            return finding
        case = written(chance, case, case.window)
    return None


async def crowd(chance: random.Random, case: Case, sides: Sides) -> Finding | None:
    """Several clients ask for overlapping windows at once; some leave before they are answered."""
    windows = [case.window, case.window]
    windows += [next_window(chance, case.window) for _ in range(chance.randint(2, 5))]
    cases = [written(chance, case, window) for window in windows]
    expected = [await sides.thanos.ask(one.request) for one in cases]
    leaving = [written(chance, case, chance.choice(windows)) for _ in range(chance.randint(0, 3))]
    async with asyncio.TaskGroup() as group:
        comers = [group.create_task(client(chance, one, sides)) for one in cases]
        leavers = [group.create_task(client(chance, one, sides)) for one in leaving]
        for task in leavers:
            group.create_task(cancelled_later(chance, task))
        if chance.random() < MEDDLE_CHANCE:
            group.create_task(meddled_later(chance, sides))
    for one, want, task in zip(cases, expected, comers, strict=True):
        if finding := await compared(one, sides, want, task.result()):
            return finding
    return None


async def client(chance: random.Random, case: Case, sides: Sides) -> Answer:
    """Comes a little later than the others, or not."""
    await asyncio.sleep(chance.choice([0, chance.random() * LATEST_S]))
    return await sides.thanoxy.ask(case.request)


async def cancelled_later(chance: random.Random, task: asyncio.Task[Answer]) -> None:
    await asyncio.sleep(chance.random() * 2 * LATEST_S)
    task.cancel()


async def meddled_later(chance: random.Random, sides: Sides) -> None:
    await asyncio.sleep(chance.random() * LATEST_S)
    meddle(chance, sides.the_held)


async def answered(chance: random.Random, case: Case, sides: Sides, expected: Answer) -> Finding | None:
    """thanoxy's answer against what Thanos said to this window; now and then it has to refresh."""
    request = case.request
    if chance.random() < 0.05:
        control = ("Cache-Control", chance.choice(["no-cache", "no-store"]))
        request = dataclasses.replace(request, headers=(*request.headers, control))
    return await compared(case, sides, expected, await sides.thanoxy.ask(request))


async def compared(case: Case, sides: Sides, expected: Answer, found: Answer) -> Finding | None:
    """Where they differ, Thanos is asked this very request: the other may have been written so."""
    sides.answers[found.held or "refused"] += 1
    if first_difference(expected, found) is None:
        return None
    return await judged(case, sides, await sides.thanos.ask(case.request), found)
