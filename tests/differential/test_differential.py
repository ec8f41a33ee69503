"""Random queries, asked of Thanos Query and of thanoxy: the answers are the same bytes.

A failure prints what reproduces it: the seed, the number of the case and `--end`. The same three
options give the same cases again; `--cases` has to be above the number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.differential.cases import Case, draw_case, draw_replicated_case
from tests.differential.modes import Finding, cold, difference_between, kept
from tests.differential.refusals import (
    get,
    odd_parameters,
    odd_requests,
    other_endpoints,
    points_around_the_limit,
    usual,
)
from tests.differential.running import NO_CACHE, Tally, both_sides, findings
from tests.differential.windows import CUTS_MS, DAY_MS, HOUR_MS, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.differential.asking import Request
    from tests.thanos.cluster import ThanosCluster

REPLICATED_SHARE = 4
"""One more case with replicas for so many others."""

by_interval = pytest.mark.parametrize(
    "interval_ms", CUTS_MS, ids=lambda interval_ms: f"{interval_ms // HOUR_MS}h"
)


def cases_of(config: pytest.Config, interval_ms: int, data: Window) -> Iterator[Case]:
    """The cases of one interval: every third number."""
    seed, count = config.getoption("seed"), config.getoption("cases")
    for number in range(CUTS_MS.index(interval_ms), count, len(CUTS_MS)):
        yield draw_case(seed, number, data)


def replicated_cases(config: pytest.Config, interval_ms: int, data: Window) -> Iterator[Case]:
    seed, count = config.getoption("seed"), config.getoption("cases") // REPLICATED_SHARE
    for number in range(CUTS_MS.index(interval_ms), count, len(CUTS_MS)):
        yield draw_replicated_case(seed, number, data)


def report(found: Iterable[Finding], config: pytest.Config, cases: int = 0) -> str:
    """What is wrong, and how to see it again; `cases`: where it takes more than the one case."""
    seed, end_ms = config.getoption("seed"), config.getoption("end")
    texts = [
        f"{finding}\n  again: --seed={seed} --cases={cases or finding.case.number + 1} --end={end_ms}"
        for finding in found
    ]
    return "\n\n".join(["", *texts])


@by_interval
async def test_an_answer_is_that_of_thanos_query_to_the_byte(
    thanos: ThanosCluster,
    data: Window,
    tally: Tally,
    pytestconfig: pytest.Config,
    interval_ms: int,
) -> None:
    cases = (c for c in cases_of(pytestconfig, interval_ms, data) if not c.doubt)
    async with both_sides(thanos.query_url, interval_ms) as sides:
        found = await findings(cases, sides, cold, tally)
    assert not found, report(found, pytestconfig)


@by_interval
async def test_an_answer_from_kept_pieces_is_that_of_thanos_query_to_the_byte(
    thanos: ThanosCluster,
    data: Window,
    pytestconfig: pytest.Config,
    interval_ms: int,
) -> None:
    cases = (c for c in cases_of(pytestconfig, interval_ms, data) if not c.doubt)
    async with both_sides(thanos.query_url, interval_ms, cache="") as sides:
        found = await findings(cases, sides, kept, Tally())
    assert not found, report(found, pytestconfig)


@by_interval
async def test_where_thanos_disagrees_with_itself_the_answer_is_what_it_says_to_the_splits(
    thanos: ThanosCluster,
    data: Window,
    tally: Tally,
    pytestconfig: pytest.Config,
    interval_ms: int,
) -> None:
    doubtful = [c for c in cases_of(pytestconfig, interval_ms, data) if c.doubt]
    replicated = replicated_cases(pytestconfig, interval_ms, data)
    async with both_sides(thanos.query_url, interval_ms) as sides:
        found = await findings([*doubtful, *replicated], sides, cold, tally)
    assert not found, report(found, pytestconfig)


@pytest.mark.parametrize("cache", ["", NO_CACHE], ids=["kept", "cold"])
@pytest.mark.parametrize(
    "draw", [odd_parameters, odd_requests, points_around_the_limit, other_endpoints]
)
async def test_an_odd_request_gets_the_answer_of_thanos_query(
    thanos: ThanosCluster,
    data: Window,
    draw: Callable[[Window], dict[str, Request]],
    cache: str,
) -> None:
    differing = []
    async with both_sides(thanos.query_url, DAY_MS, cache) as sides:
        await sides.thanoxy.ask(get(usual(data, {})))
        for name, request in draw(data).items():
            difference = await difference_between(sides, request)
            if difference is not None:
                differing.append(f"{name}\n  {request.curl()}\n{difference}")
    assert not differing, "\n\n".join(["", *differing])
