"""Nobody gets a byte that was fetched for somebody else: cold, warm, remembered, shared, cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any

import pytest
import snappy

from proxy.codec._pb.remote_pb2 import Query, ReadRequest
from proxy.codec._pb.types_pb2 import LabelMatcher
from proxy.codec.go_json import label_text
from tests.clients import FORM, Proxy, range_path, running
from tests.fakes import Asked, Behaviour, FakeUpstream, after, fake_upstream, matrix, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ASKERS: tuple[dict[str, str], ...] = (
    {},
    {"THANOS-TENANT": "a"},
    {"THANOS-TENANT": "b"},
    {"THANOS-TENANT": "a", "Authorization": "Bearer 1"},
    {"THANOS-TENANT": "a", "Authorization": "Bearer 2"},
    {"THANOS-TENANT": "a", "Cookie": "s=1"},
    {"Cookie": "s=1"},
    {"X-Scope-OrgID": "a"},
)
READ_TYPES: Any = ([ReadRequest.SAMPLES], [ReadRequest.STREAMED_XOR_CHUNKS])
OPTIONS: dict[str, Any] = {"cache_config": "", "stores_interval_ms": 0, "extent_steps": 4}
TURNS = 1_200
READ_HEAD = '{"status":"success","data":{"resultType":"matrix","result":['
READ_TAIL = '],"analysis":{}}}'


def identity(headers: dict[str, str]) -> str:
    """What the upstream marks its answers with."""
    seen = ("THANOS-TENANT", "Authorization", "Cookie", "X-Scope-OrgID")
    return "|".join(f"{headers.get(name, '-')}" for name in seen)


def script(asked: Asked) -> Behaviour:
    """The right answer, with the asker's identity in every series, after a random while."""
    mark = identity(dict(asked.headers))
    metric = f'{{"__name__":"a","asker":{label_text(mark)}}}'
    form = dict(asked.form)
    if asked.path == "/api/v1/query_range":
        made = matrix(lambda time_ms: {metric: str(time_ms % 977)})
    elif "[" in form.get("query", ""):  # a remote read
        times = range(0, int(float(form["time"])) + 1, 60)
        points = ",".join(f'[{time_s},"{time_s}"]' for time_s in times)
        made = reply(200, f'{READ_HEAD}{{"metric":{metric},"values":[{points}]}}{READ_TAIL}'.encode())
    else:
        made = reply(200, f'{{"status":"success","data":[{label_text(mark)}]}}'.encode())
    return after(random.random() * 0.01, made)


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with fake_upstream() as upstream:
        upstream.script = script
        async with running(upstream.url, **OPTIONS) as started:
            yield started


def question(chance: random.Random) -> str:
    """One of few, so that askers meet; windows overlap."""
    if chance.random() < 0.2:
        return chance.choice(
            ("/api/v1/labels", "/api/v1/series?match[]=a", "/api/v1/query?query=a&time=9")
        )
    start = 600 * chance.randrange(6)
    window = {"start": str(start), "end": str(start + 600 * chance.randrange(1, 20)), "step": "600"}
    return range_path(window)


def remote_read(chance: random.Random) -> bytes:
    """The same few series, over windows that overlap, in either type of answer."""
    start_ms = 60_000 * chance.randrange(6)
    query = Query(
        start_timestamp_ms=start_ms,
        end_timestamp_ms=start_ms + 60_000 * chance.randrange(1, 90),
        matchers=[LabelMatcher(name="__name__", value="a")],
    )
    message = ReadRequest(queries=[query], accepted_response_types=chance.choice(READ_TYPES))
    body: bytes = snappy.compress(message.SerializeToString())
    return body


async def read(proxy: Proxy, chance: random.Random) -> None:
    """Read as somebody; what comes bears his mark and no other's."""
    asker = chance.choice(ASKERS)
    headers = {**asker, "Content-Encoding": "snappy"}
    answer = await proxy.ask("POST", "/api/v1/read", remote_read(chance), headers)
    assert answer.status == 200, answer.body
    is_snappy = answer.headers.get("Content-Encoding") == "snappy"
    text = snappy.decompress(answer.body) if is_snappy else answer.body
    seen = {mark for mark in map(identity, ASKERS) if mark.encode() in text}
    assert seen == {identity(asker)}


async def one(proxy: Proxy, chance: random.Random) -> None:
    """Ask as somebody; perhaps hang up, perhaps go past the cache. The answer is his, or none."""
    if chance.random() < 0.2:
        await read(proxy, chance)
        return
    asker = chance.choice(ASKERS)
    headers = dict(asker)
    if chance.random() < 0.5:
        headers["Accept-Encoding"] = "gzip"
    if chance.random() < 0.1:
        headers["Cache-Control"] = chance.choice(("no-cache", "no-store"))
    path, _, text = question(chance).partition("?")
    is_post = bool(text) and chance.random() < 0.3
    asked = (
        proxy.ask("POST", path, text.encode(), {**headers, **FORM})
        if is_post
        else proxy.ask("GET", f"{path}?{text}", headers=headers)
    )
    asking = asyncio.create_task(asked)
    if chance.random() < 0.15:
        await asyncio.sleep(chance.random() * 0.01)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        return
    answer = await asking
    assert answer.status == 200, answer.body
    own = label_text(identity(asker)).encode()
    marks = answer.text.count(b"|")
    assert marks % 3 == 0
    assert answer.text.count(own) == marks // 3, (asker, answer.text[:300])


@pytest.mark.parametrize("seed", range(3))
async def test_every_byte_was_fetched_for_who_gets_it(proxy: Proxy, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(TURNS // 12):
        async with asyncio.TaskGroup() as group:
            for _ in range(12):
                group.create_task(one(proxy, random.Random(chance.randrange(1 << 60))))


async def test_the_upstream_marks_what_it_answers() -> None:
    """The test above would pass, did the marks not differ."""
    assert len({identity(asker) for asker in ASKERS}) == len(ASKERS)
    fake = FakeUpstream()
    assert fake.script is not script
