"""Raw samples through the HTTP API: one request for each ask, and nothing kept that may lack data."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from proxy.codec.selector_text import encode_samples_form
from proxy.engine.ports import UpstreamAnswer
from proxy.engine.samples_over_http import PATH, SamplesOverHttp
from proxy.errors import (
    BadUpstreamAnswerError,
    LimitError,
    QueryError,
    UpstreamAnswerError,
    UpstreamUnreachableError,
)
from proxy.model.query import Caller
from proxy.model.read_query import Matcher, MatchType, SampleAsk
from tests.fakes import MemoryUpstream, NoThreads
from tests.sample_batches import samples_of

if TYPE_CHECKING:
    from proxy.engine.ports import SampleBatch
    from tests.fakes import Asked

ASK = SampleAsk(
    first_ms=5_000,
    last_ms=9_000,
    matchers=(Matcher(MatchType.EQUAL, "__name__", "a"),),
    func="",
    max_resolution_ms=0,
    replica_labels=("replica",),
    is_chain=True,
    partial_response=False,
)
CALLER = Caller((("THANOS-TENANT", "ann"),))
SERIES = '{"metric":{"__name__":"a","x":"1"},"values":[[4,"0"],[5,"1"],[9,"2.5"]]}'


def body(*series: str, notes: str = "") -> bytes:
    result = f'"resultType":"matrix","result":[{",".join(series)}]'
    return f'{{"status":"success","data":{{{result}}}{notes}}}'.encode()


def upstream(text: bytes, no_store: bool = False) -> MemoryUpstream:
    async def answer(_asked: Asked) -> UpstreamAnswer:
        return UpstreamAnswer(text, no_store)

    return MemoryUpstream(answer)


async def ask(source: MemoryUpstream, wanted: SampleAsk = ASK) -> list[SampleBatch]:
    async with aclosing(SamplesOverHttp(source, NoThreads()).series(wanted, CALLER)) as batches:
        return [batch async for batch in batches]


async def test_one_request_brings_all_series_inside_of_the_times() -> None:
    source = upstream(body(SERIES))
    [batch] = await ask(source)
    assert samples_of(batch.series) == {"a x=1": [(5_000, 1.0), (9_000, 2.5)]}
    assert batch.is_complete
    [asked] = source.asked
    assert (asked.method, asked.raw_path, asked.body) == ("POST", PATH, encode_samples_form(ASK))


async def test_the_callers_headers_travel_along() -> None:
    source = upstream(body())
    await ask(source)
    assert source.asked[0].headers == [*CALLER.pairs]


async def test_no_series_are_an_empty_batch() -> None:
    [batch] = await ask(upstream(body()))
    assert (len(batch.series), batch.is_complete) == (0, True)


@pytest.mark.parametrize(
    ("notes", "no_store"),
    [(',"warnings":["a store is away"]', False), ("", True), (',"infos":["odd"]', False)],
)
async def test_an_answer_that_may_lack_data_says_so(notes: str, no_store: bool) -> None:
    [batch] = await ask(upstream(body(SERIES, notes=notes), no_store))
    assert not batch.is_complete
    assert len(batch.series) == 1


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (body(SERIES)[:-3], BadUpstreamAnswerError),
        (b"<html>", BadUpstreamAnswerError),
        (body('{"metric":{},"histograms":[[5,{"count":"0","sum":"0"}]]}'), LimitError),
    ],
)
async def test_what_cannot_be_used_is_an_error(text: bytes, error: type[QueryError]) -> None:
    with pytest.raises(error):
        await ask(upstream(text))


@pytest.mark.parametrize(
    "failure", [UpstreamAnswerError(400, (), b"parse error"), UpstreamUnreachableError("gone")]
)
async def test_the_upstreams_errors_are_passed_on(failure: QueryError) -> None:
    async def fails(_asked: Asked) -> UpstreamAnswer:
        raise failure

    with pytest.raises(type(failure)) as caught:
        await ask(MemoryUpstream(fails))
    assert caught.value is failure


async def test_who_leaves_ends_the_request() -> None:
    async def never(_asked: Asked) -> UpstreamAnswer:
        await asyncio.Event().wait()
        raise AssertionError("nobody ends this")

    source = MemoryUpstream(never)
    waiting = asyncio.create_task(ask(source))
    while not source.running:  # noqa: ASYNC110  counted by another
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert source.running == 0
    assert source.asked[0].left


async def test_different_asks_are_different_requests() -> None:
    source = upstream(body(SERIES))
    await ask(source)
    await ask(source, dataclasses.replace(ASK, partial_response=True))
    assert source.asked[0].body != source.asked[1].body
