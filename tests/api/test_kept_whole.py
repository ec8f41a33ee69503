"""Labels, label values, series and instant queries: kept as they came, for a short time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from proxy.engine.bodies import compressed
from tests.clients import DAY_MS, Answer, Proxy, running
from tests.fakes import ERROR_JSON, FakeUpstream, after, always, broken_off, in_turn, reply, reset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxy.engine.answer_memo import Assembled
    from tests.fakes import Asked, Behaviour, Script

LABELS, SERIES = "/api/v1/labels", "/api/v1/series?match[]=a"
VALUES, INSTANT = "/api/v1/label/__name__/values", "/api/v1/query?query=a&time=1000"
PATHS = (LABELS, SERIES, VALUES, INSTANT)


@pytest.fixture
async def cached(upstream: FakeUpstream) -> AsyncIterator[Proxy]:
    upstream.script = counting()
    async with running(upstream.url, cache_config="", stores_interval_ms=0) as started:
        yield started


def counting() -> Script:
    """Each answer is another one, in the words of Thanos."""
    count = 0

    def script(_asked: Asked) -> Behaviour:
        nonlocal count
        count += 1
        return reply(200, b'{"status":"success","data":["%d"]}' % count)

    return script


def said(answer: Answer) -> tuple[str, object]:
    return answer.headers["X-Thanoxy-Cache"], answer.json["data"]


@pytest.mark.parametrize("path", PATHS)
async def test_an_answer_is_kept_and_its_bytes_are_the_upstreams(cached: Proxy, path: str) -> None:
    first, second = await cached.get(path), await cached.get(path)
    assert (said(first), said(second)) == (("miss", ["1"]), ("hit", ["1"]))
    assert first.body == second.body == b'{"status":"success","data":["1"]}'
    assert second.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "paths",
    [
        (LABELS, f"{LABELS}?limit=1", f"{LABELS}?limit=0", f"{LABELS}?limit=2"),
        (LABELS, f"{LABELS}?start=1", f"{LABELS}?end=1", f"{LABELS}?start=1&end=1"),
        (LABELS, f"{LABELS}?match[]=a", f"{LABELS}?match[]=b", f"{LABELS}?match[]=a&match[]=b"),
        (VALUES, f"{VALUES}?match[]=a", f"{VALUES}?limit=1", "/api/v1/label/job/values"),
        (VALUES, "/api/v1/label/U__a_2e_b/values", "/api/v1/label/a%2Eb/values"),
        (VALUES, f"{VALUES}?partial_response=false", f"{VALUES}?storeMatch[]=x"),
        (SERIES, f"{SERIES}&dedup=false", f"{SERIES}&replicaLabels[]=a", f"{SERIES}&limit=1"),
        (INSTANT, f"{INSTANT}&dedup=false", f"{INSTANT}&engine=thanos", f"{INSTANT}&lookback_delta=1m"),
        (INSTANT, "/api/v1/query?query=a&time=1001", "/api/v1/query?query=a&time=1000.001"),
    ],
    ids=str,
)
async def test_every_parameter_has_answers_of_its_own(cached: Proxy, paths: tuple[str, ...]) -> None:
    first = [said(await cached.get(path)) for path in paths]
    assert [result for result, _ in first] == ["miss"] * len(paths)
    again = [said(await cached.get(path)) for path in paths]
    assert again == [("hit", body) for _, body in first]


async def test_a_post_is_the_same_question_as_a_get(cached: Proxy) -> None:
    await cached.get(f"{LABELS}?match[]=a&start=5")
    for path, body in ((LABELS, b"start=5&match[]=a"), (f"{LABELS}?start=5", b"match[]=a")):
        assert said(await cached.post(path, body)) == ("hit", ["1"])


async def test_what_goes_upstream_is_what_the_client_said(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    await cached.get(f"{SERIES}&limit=0&x=%2B+1")
    await cached.post(f"{LABELS}?a=1", b"match[]=b%2B")
    get, post = upstream.asked
    assert (get.method, get.raw_path) == ("GET", f"{SERIES}&limit=0&x=%2B+1")
    assert (post.method, post.form) == ("POST", [("match[]", "b+"), ("a", "1")])


@pytest.mark.parametrize("name", ["THANOS_TENANT", "X_Scope_OrgID", "Authorization", "Cookie"])
async def test_each_asker_has_answers_of_its_own(cached: Proxy, name: str) -> None:
    answers = [await cached.get(LABELS, **asker) for asker in ({}, {name: "a"}, {name: "b"})]
    assert [said(answer)[0] for answer in answers] == ["miss"] * 3
    assert said(await cached.get(LABELS, **{name: "a"})) == ("hit", ["2"])


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/query?query=a",
        "/api/v1/query?query=a&time={now}",
        "/api/v1/query?query=a&time={later}",
        "/api/v1/query?query=a+offset+-100y&time=1000",
        "/api/v1/query?query=a+@+99999999999&time=1000",
        "/api/v1/query?query=a&time=1000&stats=all",
        "/api/v1/query?query=a&time=1000&analyze=true",
        "/api/v1/query?query=not+promql+here&time=1000",
        "/api/v1/query?query=a&time=yesterday",
    ],
)
async def test_an_instant_that_is_not_settled_or_not_understood_is_not_kept(
    cached: Proxy, path: str
) -> None:
    path = path.format(now=f"{time.time():.3f}", later=f"{time.time() + 3600:.3f}")
    answers = [await cached.get(path) for _ in range(2)]
    assert [said(answer) for answer in answers] == [("miss", ["1"]), ("miss", ["2"])]


@pytest.mark.parametrize("path", [*PATHS, "/api/v1/query?query=a"])
async def test_equal_questions_at_once_are_asked_once(
    cached: Proxy, upstream: FakeUpstream, path: str
) -> None:
    upstream.script = always(after(0.05, reply(200, b'{"status":"success","data":[]}')))
    answers = await asyncio.gather(*(cached.get(path) for _ in range(20)))
    assert {answer.body for answer in answers} == {b'{"status":"success","data":[]}'}
    assert len(upstream.asked) == 1


async def test_warnings_are_kept_and_no_store_is_obeyed(cached: Proxy, upstream: FakeUpstream) -> None:
    truncated = b'{"status":"success","data":["a"],"warnings":["results truncated due to limit"]}'
    upstream.script = always(reply(200, truncated))
    bodies = [(await cached.get(f"{LABELS}?limit=1")).body for _ in range(2)]
    assert bodies == [truncated] * 2
    assert len(upstream.asked) == 1
    upstream.script = always(reply(200, truncated, headers={"Cache-Control": "no-store"}))
    for _ in range(2):
        answer = await cached.get(f"{LABELS}?limit=2")
        assert (answer.headers["Cache-Control"], answer.body) == ("no-store", truncated)
    assert len(upstream.asked) == 3


@pytest.mark.parametrize("status", [400, 422, 500, 503])
async def test_an_error_is_passed_on_and_not_kept(
    cached: Proxy, upstream: FakeUpstream, status: int
) -> None:
    right = b'{"status":"success","data":["right"]}'
    upstream.script = in_turn(reply(status, ERROR_JSON), reply(200, right))
    answer = await cached.get(LABELS)
    assert (answer.status, answer.body) == (status, ERROR_JSON)
    assert (await cached.get(LABELS)).body == right


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(reply(200, b"<html>login</html>", "text/html"), id="html"),
        pytest.param(reply(200, b"<html>login</html>"), id="html that says it is JSON"),
        pytest.param(reply(200, b'{"status":"success"}', "text/plain"), id="another type"),
        pytest.param(reply(200, ERROR_JSON), id="an error with status 200"),
        pytest.param(reply(200, b'{"status":"success","data":["a"'), id="half of it"),
        pytest.param(reply(200, b""), id="nothing"),
        pytest.param(broken_off(b'{"status":"success","data":[', 500), id="broken off"),
    ],
)
@pytest.mark.parametrize("path", [LABELS, INSTANT])
async def test_an_answer_that_is_none_is_a_bad_gateway_and_not_kept(
    cached: Proxy, upstream: FakeUpstream, path: str, behaviour: Behaviour
) -> None:
    right = b'{"status":"success","data":["right"]}'
    upstream.script = always(behaviour)
    assert (await cached.get(path)).error[0] == 502
    upstream.script = always(reply(200, right))
    assert (await cached.get(path)).body == right


async def test_json_with_white_space_around_it_is_json(cached: Proxy, upstream: FakeUpstream) -> None:
    spaced = b'{ "status" : "success", "data": [] }\n'
    upstream.script = always(reply(200, spaced))
    assert (await cached.get(LABELS)).body == spaced


async def test_a_request_may_go_past_the_cache_or_renew_it(cached: Proxy) -> None:
    await cached.get(LABELS)
    past = await cached.get(LABELS, Cache_Control="no-store")
    assert said(past) == ('bypass; reason="the request says no-store"', ["2"])
    assert said(await cached.get(LABELS)) == ("hit", ["1"])
    assert said(await cached.get(LABELS, Cache_Control="no-cache")) == ("miss", ["3"])
    assert said(await cached.get(LABELS)) == ("hit", ["3"])


async def test_a_kept_answer_is_gzip_for_those_who_accept_it(
    cached: Proxy, upstream: FakeUpstream
) -> None:
    long = b'{"status":"success","data":["%s"]}' % (b"x" * 5000)
    upstream.script = always(reply(200, long))
    for encoding, is_gzip in (("gzip", True), ("identity", False), ("gzip", True)):
        answer = await cached.get(LABELS, Accept_Encoding=encoding)
        assert (answer.is_gzip, answer.text) == (is_gzip, long)
        assert answer.headers["Content-Length"] == str(len(answer.body))


async def test_lives_are_settings_and_zero_keeps_nothing(upstream: FakeUpstream) -> None:
    upstream.script = counting()
    lives = {"metadata_life_ms": 0, "instant_life_ms": DAY_MS}
    async with running(upstream.url, cache_config="", stores_interval_ms=0, **lives) as proxy:
        for path, results in ((LABELS, ["miss", "miss"]), (INSTANT, ["miss", "hit"])):
            assert [said(await proxy.get(path))[0] for _ in range(2)] == results


LONG = b'{"status":"success","data":["%s"]}' % (b"x" * 300_000)


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_large_answer_is_encoded_once_for_all_who_ask_at_once(
    cached: Proxy, upstream: FakeUpstream, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def counted(body: bytes) -> Assembled:
        made.append(body)
        return compressed(body)

    monkeypatch.setattr("proxy.api.kept_whole.compressed", counted)
    upstream.script = always(after(0.05, reply(200, LONG)))
    answers = await asyncio.gather(*(cached.get(INSTANT, Accept_Encoding=encoding) for _ in range(20)))
    assert {answer.text for answer in answers} == {LONG}
    assert len(made) == (1 if encoding == "gzip" else 0)
    assert (await cached.get(INSTANT, Accept_Encoding=encoding)).text == LONG
    assert cached.app.engine.admission.memory.used_bytes == 0


@pytest.mark.parametrize("path", PATHS)
async def test_when_the_upstream_fails_a_remembered_answer_is_given_with_a_warning(
    upstream: FakeUpstream, path: str
) -> None:
    upstream.script = in_turn(reply(200, b'{"status":"success","data":["1"]}'), reset)
    lives = {"metadata_life_ms": 1, "instant_life_ms": 1, "stale_ms": DAY_MS}
    async with running(upstream.url, cache_config="", stores_interval_ms=0, **lives) as proxy:
        await proxy.get(path)
        await asyncio.sleep(0.005)
        answer = await proxy.get(path)
        refused = await proxy.get(path, Cache_Control="no-cache")
    assert said(answer) == ("stale", ["1"])
    assert answer.headers["Cache-Control"] == "no-store"
    (warning,) = answer.json["warnings"]
    assert warning.startswith("thanoxy: the upstream")
    assert warning.endswith("this is kept data, up to 0s old")
    assert refused.error[:2] == (502, "unavailable")


async def test_a_stale_answer_keeps_the_warnings_that_it_had(upstream: FakeUpstream) -> None:
    noted = b'{"status":"success","data":[],"warnings":["PromQL info: odd"]}'
    upstream.script = in_turn(reply(200, noted), reset)
    lives = {"metadata_life_ms": 1, "stale_ms": DAY_MS}
    async with running(upstream.url, cache_config="", stores_interval_ms=0, **lives) as proxy:
        await proxy.get(LABELS)
        await asyncio.sleep(0.005)
        answer = await proxy.get(LABELS)
    assert answer.json["warnings"][0] == "PromQL info: odd"
    assert len(answer.json["warnings"]) == 2
