"""An upstream that answers at once: range queries from `benchmarks/bodies.py`, nothing else.

    generated{series="100"}          100 series
    generated{series="100",turn="7"}  the same, by an expression that no cache knows

It stands in for Thanos where the proxy itself is measured, with answers that Thanos could not make as
fast, or not at all from the samples that are at hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import re
import urllib.parse
from typing import TYPE_CHECKING, Self

import uvloop
from aiohttp import web

from benchmarks.bodies import START_S, Bodies
from benchmarks.cold import query_path

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

_SERIES = re.compile(r'series="(\d+)"')
_KEPT = 2


def generated(series: int, turn: object) -> str:
    """The expression."""
    return f'generated{{series="{series}",turn="{turn}"}}'


def generated_path(series: int, turn: object, steps: int, step_s: int, first: int = 0) -> str:
    """A range query of `steps` steps from step `first` on."""
    return query_path(generated(series, turn), (START_S + first * step_s) * 1000, steps, step_s)


class Answers:
    """Bodies for whatever is asked; those of the last two shapes are kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], Bodies] = {}

    def body(self, form: dict[str, str]) -> bytes:
        """Raises `KeyError` or `ValueError` for a form that is not a range query of these series."""
        found = _SERIES.search(form["query"])
        if not found:
            raise ValueError(form["query"])
        series, step_s = int(found[1]), round(float(form["step"]))
        start_s, end_s = float(form["start"]), float(form["end"])
        first, count = int(start_s - START_S) // step_s, int(end_s - start_s) // step_s + 1
        return self._bodies(series, step_s, first + count).body(first, count)

    def _bodies(self, series: int, step_s: int, steps: int) -> Bodies:
        kept = self._kept.get((series, step_s))
        if kept is None or kept.steps < steps:
            kept = Bodies(series, steps, step_s)
            self._kept.pop((series, step_s), None)
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[series, step_s] = kept
        return kept


class GeneratedUpstream:
    """The server, in a process of its own on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._ports: Queue[int] = spawn.Queue()
        self._process = spawn.Process(target=_main, args=(self._ports,), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self.url = f"http://127.0.0.1:{self._ports.get(timeout=20)}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join(10)


def _main(ports: Queue[int]) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(ports))


async def _serve(ports: Queue[int]) -> None:
    answers = Answers()

    async def query_range(request: web.Request) -> web.Response:
        body = (await request.read()).decode()
        form = dict(urllib.parse.parse_qsl(request.query_string) + urllib.parse.parse_qsl(body))
        return web.Response(body=answers.body(form), content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/api/v1/query_range", query_range)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ports.put(runner.addresses[0][1])
    await asyncio.Event().wait()
