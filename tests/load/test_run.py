"""Whole runs against small servers."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from proxy.load import LoadError
from proxy.load.options import parse_options
from proxy.load.progress import ProgressLine
from proxy.load.run import run_load
from proxy.load.saved import Saved
from tests.load.examples import QUESTION, workload
from tests.load.servers import COUNTERS, answer, serving

if TYPE_CHECKING:
    from proxy.load.result import RunResult


class Target:
    """A server with thanoxy's counters, that notes what it was asked."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.asked: list[tuple[float, dict[str, str]]] = []
        self._delay_s = delay_s

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/metrics":
            number = len(self.asked)
            text = COUNTERS.format(requested=10 * number, hit=9 * number, fetched=number)
            return web.Response(text=text)
        if request.method == "POST":
            form = {name: str(value) for name, value in (await request.post()).items()}
            self.asked.append((time.monotonic(), form))
            await asyncio.sleep(self._delay_s)
        return answer(headers={"X-Thanoxy-Cache": "hit"})


async def run(*arguments: str, urls: tuple[str, ...]) -> RunResult:
    targets = [part for url in urls for part in ("--target", url)]
    fixed = ("--profile", "tiny", "--metric", "up", "--duration", "400ms")
    options = parse_options([*targets, *fixed, *arguments])
    work = workload(QUESTION, QUESTION, turn_ms=100.0)
    return await run_load(options, work, ProgressLine(io.StringIO()))


async def test_all_targets_are_asked_the_same_at_the_same_times() -> None:
    one, two = Target(), Target()
    async with serving(one) as url, serving(two) as other:
        result = await run("--users", "3", urls=(url, other))
    assert [target.name for target in result.targets] == [url, other]
    assert [target.tally.answered for target in result.targets] == [24, 24]
    assert [form for _, form in one.asked] == [form for _, form in two.asked]
    assert not result.interrupted


async def test_the_run_asks_for_windows_that_move_on_with_time() -> None:
    target = Target()
    async with serving(target) as url:
        await run("--end", "1700000024.75", urls=(url,))
    ends = [form["end"] for _, form in target.asked]
    assert ends == ["1700000010"] * 6 + ["1700000025"] * 2


async def test_the_counters_before_and_after_give_what_was_saved() -> None:
    async with serving(Target()) as url:
        result = await run(urls=(url,))
    saved = result.targets[0].saved
    assert isinstance(saved, Saved)
    assert (saved.requested, saved.hit, saved.fetched, saved.share) == (80, 72, 8, 0.9)
    assert result.targets[0].tally.cache == {"hit": 8}


async def test_the_number_of_requests_is_bounded_and_the_bound_is_noted() -> None:
    async with serving(Target()) as url:
        result = await run("--max-requests", "3", urls=(url,))
    assert result.targets[0].tally.all.requests == 3
    assert result.notes == ("of some 8 requests the first 3 were planned",)


async def test_every_bad_target_is_named_before_anything_is_sent() -> None:
    target = Target()
    async with serving(target) as url:
        with pytest.raises(LoadError) as caught:
            await run(urls=(url, "http://127.0.0.1:1", "http://nobody.invalid"))
    assert str(caught.value) == (
        "http://127.0.0.1:1: no connection (connection refused); "
        "http://nobody.invalid: the name nobody.invalid is not known"
    )
    assert target.asked == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_run_with_what_it_has(number: signal.Signals) -> None:
    target = Target(delay_s=0.3)
    async with serving(target) as url:
        asyncio.get_running_loop().call_later(0.45, os.kill, os.getpid(), number)
        result = await run("--duration", "1m", urls=(url,))
    tally = result.targets[0].tally
    assert result.interrupted
    assert 200 < result.ran_ms < 2_000
    assert tally.answered >= 2
    assert tally.unfinished >= 2
    assert tally.answered + tally.unfinished == len(target.asked)
    assert not asyncio.get_running_loop().remove_signal_handler(number)
