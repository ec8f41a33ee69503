"""`/api/v1/query_range` from the client's side: which splits are asked, and what comes back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from proxy.model.grid import Grid
from tests.clients import FORM, HOUR_MS, RANGE, Proxy, range_path, running
from tests.fakes import (
    ERROR_JSON,
    FakeUpstream,
    after,
    always,
    for_split,
    in_turn,
    matrix,
    matrix_body,
    never,
    reply,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GRID = Grid(0, 600_000, 19)
SPLITS = [
    Grid(0, 600_000, 6),
    Grid(HOUR_MS, 600_000, 6),
    Grid(2 * HOUR_MS, 600_000, 6),
    Grid(3 * HOUR_MS, 600_000, 1),
]


async def test_the_splits_are_the_grid_and_their_join_is_the_unsplit_answer(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    answer = await proxy.range()
    assert upstream.grids == SPLITS
    assert {asked.path for asked in upstream.asked} == {RANGE}
    assert (answer.status, answer.body) == (200, matrix_body(GRID))
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Length"] == str(len(matrix_body(GRID)))


@pytest.mark.parametrize(
    ("times", "grid"),
    [
        ({"start": "0.5", "end": "9000.499", "step": "90.001"}, Grid(500, 90_001, 100)),
        ({"start": "-7200", "end": "7200", "step": "1h"}, Grid(-7_200_000, HOUR_MS, 5)),
        ({"start": "1970-01-01T00:30:00Z", "end": "3.9e3", "step": "1m"},
         Grid(1_800_000, 60_000, 36)),
        ({"start": "1", "end": "36000", "step": "2h"}, Grid(1000, 2 * HOUR_MS, 5)),
    ],
    ids=["milliseconds", "before 1970", "three notations", "step longer than a split"],
)  # fmt: skip
async def test_any_grid_is_answered_exactly(
    proxy: Proxy, upstream: FakeUpstream, times: dict[str, str], grid: Grid
) -> None:
    answer = await proxy.range(times)
    assert answer.body == matrix_body(grid)
    assert len(upstream.asked) > 1
    steps = [g.start_ms + k * g.step_ms for g in upstream.grids for k in range(g.steps)]
    assert steps == [grid.start_ms + k * grid.step_ms for k in range(grid.steps)]


async def test_get_and_post_and_a_mixture_are_the_same_question(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    body = matrix_body(GRID)
    url = range_path().partition("?")[2]
    assert (await proxy.get(f"{RANGE}?{url}")).body == body
    assert (await proxy.post(RANGE, url.encode())).body == body
    half = f"{RANGE}?start=7&end=10800&query=wrong"
    assert (await proxy.post(half, b"query=a&start=0&step=600")).body == body
    assert upstream.grids == sorted(SPLITS * 3)
    assert {dict(reversed(asked.form))["query"] for asked in upstream.asked} == {"a"}


async def test_a_form_may_arrive_in_chunks(proxy: Proxy, upstream: FakeUpstream) -> None:
    async def in_chunks() -> AsyncIterator[bytes]:
        for byte in range_path().partition("?")[2].encode():
            yield bytes([byte])

    answer = await proxy.ask("POST", RANGE, in_chunks(), FORM)
    assert answer.body == matrix_body(GRID)
    assert upstream.grids == SPLITS


async def test_parameters_travel_on_to_every_split_in_their_order(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    more = "replicaLabels%5B%5D=r1&new=%C3%A9+%26&replicaLabels[]=r2&dedup=false&timeout=30s"
    await proxy.post(f"{range_path()}&{more}", b"engine=thanos&new=1")
    expected = [
        ("engine", "thanos"),
        ("new", "1"),
        ("replicaLabels[]", "r1"),
        ("new", "é &"),
        ("replicaLabels[]", "r2"),
        ("dedup", "false"),
    ]
    assert [asked.form[5:] for asked in upstream.asked] == [expected] * 4
    for asked in upstream.asked:
        name, left_s = asked.form[4]
        assert name == "timeout", "what is left of the client's"
        assert 25 < float(left_s) <= 30


async def test_headers_travel_on_to_every_split_and_those_of_a_connection_do_not(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    travelling = [
        ("THANOS-TENANT", "team-a"),
        ("Authorization", "Bearer abc"),
        ("X-Request-ID", "01HZ"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("Cookie", "session=1"),
        ("User-Agent", "Grafana/11"),
    ]
    staying = [
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "1"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Accept-Encoding", "br"),
    ]
    await proxy.ask("GET", range_path(), headers=[*travelling, *staying])
    for asked in upstream.asked:
        assert asked.method == "POST"
        assert asked.headers[1:-3] == travelling
        assert [name for name, _ in asked.headers[-3:]] == [
            "Content-Type",
            "Accept-Encoding",
            "Content-Length",
        ]


async def test_one_failed_split_gives_the_upstreams_own_error_and_cancels_the_others(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    failed = after(0.05, reply(422, ERROR_JSON, headers={"Cache-Control": "no-store"}))
    upstream.script = for_split(HOUR_MS, failed, never)
    answer = await proxy.range()
    assert (answer.status, answer.body) == (422, ERROR_JSON)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    await upstream.until(lambda: sum(asked.left for asked in upstream.asked) == 3)


async def test_a_client_that_hangs_up_takes_its_splits_along(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    upstream.script = always(never)
    asking = asyncio.create_task(proxy.range())
    await upstream.until(lambda: len(upstream.asked) == 4)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await upstream.until(lambda: all(asked.left for asked in upstream.asked))
    upstream.script = always(matrix())
    assert (await proxy.range()).status == 200


async def test_no_more_splits_are_asked_at_once_than_permitted(upstream: FakeUpstream) -> None:
    upstream.script = always(after(0.02, matrix()))
    async with running(upstream.url, max_query_parallelism=2) as proxy:
        assert (await proxy.range()).body == matrix_body(GRID)
        assert upstream.open_connections() == 2


async def test_a_warning_of_one_split_is_a_warning_of_the_answer(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    partial = reply(
        200, matrix_body(SPLITS[1], warnings=("no <store>",)), headers={"Cache-Control": "no-store"}
    )
    upstream.script = for_split(HOUR_MS, partial)
    answer = await proxy.range()
    assert answer.body == matrix_body(GRID, warnings=("no <store>",))
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_retried_split_is_not_seen_in_the_answer(proxy: Proxy, upstream: FakeUpstream) -> None:
    upstream.script = in_turn(reply(503, b"no healthy upstream", "text/plain"), matrix())
    assert (await proxy.range()).body == matrix_body(GRID)
    assert len(upstream.asked) == 5


async def test_a_message_about_a_text_made_constant_is_asked_for_in_the_clients_words(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    words = {"query": "a @ end()"}
    warned = matrix_body(GRID, warnings=('"up" (1:3)',))
    upstream.script = lambda asked: (
        reply(200, warned) if asked.method == "GET" else matrix(warnings=("at (1:9)",))
    )
    answer = await proxy.range(words)
    assert answer.body == warned
    assert upstream.asked[-1].raw_path == range_path(words)
    assert {dict(asked.form)["query"] for asked in upstream.asked[:-1]} == {"a @ 10800.000"}


UNDECIDED = {
    "not PromQL": {"query": "sum("},
    "end before start": {"end": "-1"},
    "no step": {"step": ""},
    "zero step": {"step": "0"},
    "negative step": {"step": "-60"},
    "odd step": {"step": "1e-9"},
    "bad time": {"start": "soon"},
    "not a number": {"start": "NaN"},
    "infinite": {"end": "+Inf"},
    "too many points": {"step": "0.5"},
    "analysis": {"analyze": "true"},
    "a limit": {"limit": "3"},
    "one split": {"end": "600"},
}


@pytest.mark.parametrize("changes", UNDECIDED.values(), ids=UNDECIDED)
async def test_what_thanos_must_judge_goes_there_whole(
    proxy: Proxy, upstream: FakeUpstream, changes: dict[str, str]
) -> None:
    upstream.script = always(reply(400, ERROR_JSON))
    answer = await proxy.range(changes)
    assert (answer.status, answer.body) == (400, ERROR_JSON)
    (asked,) = upstream.asked
    assert (asked.method, asked.raw_path) == ("GET", range_path(changes))


async def test_a_form_that_thanos_must_judge_goes_there_as_it_came(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    upstream.script = always(reply(400, ERROR_JSON))
    for body in (b"query=\xff", b"query=a;b", b"query=%zz", b"\x00\x01", b"query=%ff&start=0"):
        answer = await proxy.post(f"{RANGE}?x=%zz", body)
        assert (answer.status, answer.body) == (400, ERROR_JSON)
        asked = upstream.asked.pop()
        assert (asked.method, asked.raw_path, asked.body) == ("POST", f"{RANGE}?x=%zz", body)
