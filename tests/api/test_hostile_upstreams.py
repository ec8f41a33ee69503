"""Bombs: a few bytes, or odd ones, that would take all the memory or all the time. They do not."""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
import snappy
from isal import isal_zlib

from benchmarks.memory_flood import MB, LimitedProxy, limited_proxy
from tests.api.reading import body_of as read_of
from tests.clients import range_path, running
from tests.fakes import Behaviour, FakeUpstream, always, fake_upstream, for_split, matrix, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

MOST_BYTES = 16 * MB
MAY_GROW_BYTES = 12 * MOST_BYTES
"""What one query may take for a while: its text, numpy columns over it, and what is made of it."""
LATE_S = 15.0
HEAD = b'{"status":"success","data":{"resultType":"matrix","result":['
TAIL = b'],"analysis":{}}}'
SERIES = b'{"metric":{"a":"%d"},"values":[[0,"1"]]}'


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client got, and what it cost: peak resident memory of the proxy beyond its usual one."""

    status: int
    body: bytes
    took_s: float
    grew_bytes: int


@dataclass(frozen=True, slots=True)
class Bombed:
    """A proxy as a process of its own, and its upstream."""

    proxy: LimitedProxy
    upstream: FakeUpstream

    def peak_bytes(self) -> int:
        status = Path(f"/proc/{self.proxy.pid}/status").read_text("ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found.group(1)) * 1024

    def forget_peak(self) -> int:
        """Peaks are counted from here on; returns what is held now."""
        Path(f"/proc/{self.proxy.pid}/clear_refs").write_text("5", "ascii")
        return self.peak_bytes()

    async def ask(self, path: str, body: bytes | None = None) -> Seen:
        before, began_s = self.forget_peak(), time.monotonic()
        method = "POST" if body is not None else "GET"
        async with (
            aiohttp.ClientSession() as client,
            asyncio.timeout(2 * LATE_S),
            client.request(method, self.proxy.url + path, data=body) as answer,
        ):
            text = await answer.read()
        took_s = time.monotonic() - began_s
        return Seen(answer.status, text, took_s, self.peak_bytes() - before)


@pytest.fixture
async def bombed() -> AsyncIterator[Bombed]:
    async with (
        fake_upstream() as upstream,
        limited_proxy(
            upstream.url,
            4096 * MB,
            f"--upstream.max-response-bytes={MOST_BYTES}",
            "--query-range.split-interval=1h",
        ) as proxy,
    ):
        started = Bombed(proxy, upstream)
        assert (await started.ask(range_path())).status == 200  # all code is loaded
        yield started


def joined(of: Callable[[int], bytes], count: int) -> bytes:
    return HEAD + b",".join(map(of, range(count))) + TAIL


@cache
def gzip_bomb(size_bytes: int) -> bytes:
    """Blanks behind the start of an answer; a thousandth of their size."""
    squeeze = isal_zlib.compressobj(2, isal_zlib.DEFLATED, 31)
    parts = [squeeze.compress(HEAD)]
    parts += [squeeze.compress(b" " * MB) for _ in range(size_bytes // MB)]
    return b"".join([*parts, squeeze.flush()])


def gzip_of(size_bytes: int) -> Behaviour:
    return reply(200, gzip_bomb(size_bytes), headers={"Content-Encoding": "gzip"})


def points(text: bytes) -> bytes:
    return HEAD + b'{"metric":{"a":"b"},"values":[' + text + b"]}" + TAIL


BOMBS: dict[str, Callable[[], Behaviour]] = {
    "gzip that inflates a thousandfold": lambda: gzip_of(2048 * MB),
    "gzip of gzip": lambda: reply(
        200, zlib.compress(gzip_bomb(512 * MB), wbits=31), headers={"Content-Encoding": "gzip"}
    ),
    "lists in lists": lambda: reply(200, HEAD + b"[" * (4 * MB) + b"]" * (4 * MB) + TAIL),
    "objects in objects": lambda: reply(200, HEAD + b'{"a":' * MB + b"1" + b"}" * MB + TAIL),
    "nested statistics": lambda: reply(200, HEAD + b'],"stats":' + b'{"a":' * MB + b"1" + b"}" * MB),
    "series without points": lambda: reply(
        200, joined(lambda n: b'{"metric":{"a":"%d"},"values":[]}' % n, 150_000)
    ),
    "points without end": lambda: reply(200, points(b'[0,"1"],' * (2 * MB))[:-1]),
    "half of a string": lambda: reply(200, HEAD + b'{"metric":{"a":"' + b"x" * (8 * MB)),
    "more than may be": lambda: reply(200, HEAD + b" " * (2 * MOST_BYTES) + TAIL),
    "an error of megabytes": lambda: reply(
        500, b'{"status":"error","errorType":"x","error":"' + b"x" * (64 * MB) + b'"}'
    ),
    "a page of megabytes": lambda: reply(503, b"<html>" * (8 * MB), "text/html"),
    "a header of megabytes": lambda: reply(200, b"{}", headers={"X-Long": "x" * (2 * MB)}),
    "very many headers": lambda: reply(200, b"{}", headers={f"X-{n}": "x" * 50 for n in range(9_000)}),
}


async def test_a_bomb_is_an_error_in_little_time_and_memory(bombed: Bombed) -> None:
    for name, made in BOMBS.items():
        bombed.upstream.script = always(made())
        seen = await bombed.ask(range_path({"query": "bomb"}))
        assert seen.status in {422, 500, 502, 503}, (name, seen.body[:300])
        assert seen.body.startswith(b'{"status":"error"'), name
        assert seen.took_s < LATE_S, name
        assert seen.grew_bytes < MAY_GROW_BYTES, f"{name}: {seen.grew_bytes / MB:.0f} MB"
        assert len(seen.body) < 2 * MB, name
        bombed.upstream.script = always(matrix())
        assert (await bombed.ask(range_path({"query": "after"}))).status == 200, name


LARGE: dict[str, Callable[[], Behaviour]] = {
    "times beyond numbers": lambda: reply(200, points(b'[1e400,"1"],[-1e400,"1"],[NaN,"1"]')),
    "a time of megabytes": lambda: reply(200, points(b"[" + b"9" * (8 * MB) + b',"1"]')),
    "a value of megabytes": lambda: reply(200, points(b'[0,"' + b"9" * (8 * MB) + b'"]')),
    "very many series": lambda: reply(200, joined(lambda n: SERIES % n, 100_000)),
    "very many labels": lambda: reply(
        200,
        HEAD
        + b'{"metric":{'
        + b",".join(b'"l%07d":"x"' % n for n in range(200_000))
        + b'},"values":[[0,"1"]]}'
        + TAIL,
    ),
    "a label of megabytes": lambda: reply(
        200, HEAD + b'{"metric":{"a":"' + b"x" * (3 * MB) + b'"},"values":[[0,"1"]]}' + TAIL
    ),
    "very many warnings": lambda: reply(
        200,
        HEAD + TAIL[:-1] + b',"warnings":[' + b",".join(b'"w%d"' % n for n in range(100_000)) + b"]}",
    ),
}


async def test_what_is_large_or_odd_and_cannot_be_cut_is_passed_on_within_the_same_bounds(
    bombed: Bombed,
) -> None:
    for number, (name, made) in enumerate(LARGE.items()):
        bombed.upstream.script = for_split(0, made(), reply(200, HEAD + TAIL))
        seen = await bombed.ask(range_path({"query": f"bomb{number}"}))
        assert seen.status == 200, (name, seen.body[:300])
        assert seen.took_s < LATE_S, name
        assert seen.grew_bytes < MAY_GROW_BYTES, f"{name}: {seen.grew_bytes / MB:.0f} MB"


ODD = {
    "labels that are a number": HEAD + b'{"metric":5,"values":[[0,"1"]]}' + TAIL,
    "labels that are a list": HEAD + b'{"metric":[],"values":[[0,"1"]]}' + TAIL,
    "labels that are a text": HEAD + b'{"metric":"x", "values":[[0,"1"]]}' + TAIL,
    "a label that is a number": HEAD + b'{"metric":{"a":5}, "values":[[0,"1"]]}' + TAIL,
    "points that are a number": HEAD + b'{"metric":{},"values":5}' + TAIL,
    "a series that is a number": HEAD + b"5 " + TAIL,
    "statistics that are a number": HEAD + b'],"stats":5}}',
    "statistics that are texts": HEAD + b'],"stats":{"samples":{"peakSamples":"x","total":"y"}}}}',
    "statistics that are nothing": HEAD + b'],"stats":{"samples":null}}}',
    "warnings that are a number": HEAD + b'],"analysis":{}},"warnings":5}',
}


@pytest.mark.parametrize("name", ODD)
async def test_an_answer_of_another_shape_is_a_bad_gateway(upstream: FakeUpstream, name: str) -> None:
    upstream.script = always(reply(200, ODD[name]))
    async with running(upstream.url) as proxy:
        assert (await proxy.range({"stats": "all"})).error[0] == 502
        answer = await proxy.ask("POST", "/api/v1/read", read_of("a"))
        assert answer.status == (200 if "statistics" in name else 502)


@pytest.mark.parametrize("times", [b"1e300", b"-1e300"])
async def test_times_that_are_none_are_no_samples(upstream: FakeUpstream, times: bytes) -> None:
    upstream.script = always(reply(200, points(b"[" + times + b',"1"]')))
    async with running(upstream.url) as proxy:
        assert (await proxy.ask("POST", "/api/v1/read", read_of("a"))).status == 502


async def test_a_bomb_that_is_passed_on_is_the_clients_to_inflate(bombed: Bombed) -> None:
    bombed.upstream.script = always(gzip_of(512 * MB))
    before, size = bombed.forget_peak(), 0
    async with (
        aiohttp.ClientSession(auto_decompress=False) as client,
        client.get(bombed.proxy.url + "/x") as answer,
    ):
        async for chunk in answer.content.iter_any():
            size += len(chunk)
    assert size == len(gzip_bomb(512 * MB))
    assert bombed.peak_bytes() - before < 16 * MB


async def test_what_is_kept_whole_is_not_inflated_beyond_the_bound_either(bombed: Bombed) -> None:
    bombed.upstream.script = always(gzip_of(2048 * MB))
    for path in ("/api/v1/labels", "/api/v1/series?match[]=a", "/api/v1/query?query=a"):
        seen = await bombed.ask(path)
        assert seen.status == 422
        assert b"--upstream.max-response-bytes" in seen.body
        assert seen.grew_bytes < MAY_GROW_BYTES


def snappy_bomb(size_bytes: int) -> bytes:
    """A block that says it is so long, and is."""
    block: bytes = snappy.compress(bytes(size_bytes))
    return block


READ_BOMBS = {
    "cut off": snappy_bomb(256 * MB)[:900_000],
    "whole": snappy_bomb(15 * MB),
    "a length of 4 GB": b"\xff\xff\xff\xff\x0f" + b"\x00" * 100,
    "groups in groups": snappy.compress(b"\x0b" * 900_000),
}


async def test_a_remote_read_that_inflates_beyond_its_bound_is_refused(bombed: Bombed) -> None:
    for name, body in READ_BOMBS.items():
        seen = await bombed.ask("/api/v1/read", body)
        assert seen.status == 400, name
        assert seen.grew_bytes < 16 * MB, f"{name}: {seen.grew_bytes / MB:.0f} MB"
        assert seen.took_s < 2, name


async def test_an_upstreams_bombs_are_errors_of_remote_reads_too(bombed: Bombed) -> None:
    for name in ("gzip that inflates a thousandfold", "lists in lists", "half of a string"):
        bombed.upstream.script = always(BOMBS[name]())
        seen = await bombed.ask("/api/v1/read", read_of("a"))
        assert seen.status in {422, 502}, (name, seen.status, seen.body[:300])
        assert seen.grew_bytes < MAY_GROW_BYTES, name
