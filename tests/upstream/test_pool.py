"""The addresses of the upstream: what comes, what goes, what is told of them."""

from __future__ import annotations

import asyncio

import pytest

from proxy.errors import BadUpstreamAnswerError, UpstreamRefusedError
from proxy.plan.breaker import BreakerPolicy, State
from proxy.telemetry.metrics import ENDPOINTS
from proxy.telemetry.registry import REGISTRY
from proxy.upstream.addresses import Endpoint
from proxy.upstream.pool import Pool, now_ms

A, B, C = (Endpoint(f"http://{name}.test") for name in "abc")
NAME = "thanoxy_upstream_address_requests_in_flight"


def shown(endpoint: Endpoint) -> float | None:
    """What the metric says of an address; None when it says nothing."""
    return REGISTRY.get_sample_value(NAME, {"url": endpoint.url})


def ejections() -> float:
    return REGISTRY.get_sample_value("thanoxy_upstream_ejections_total") or 0


def states() -> dict[str, float]:
    return {
        labels["state"]: value
        for metric in ENDPOINTS.collect()
        for _, labels, value, *_ in metric.samples
        if value
    }


@pytest.fixture
async def pool() -> Pool:
    pool = Pool(BreakerPolicy(failures=2, failed_probes=1, pause_ms=20))
    pool.set_endpoints((A, B))
    return pool


async def test_without_addresses_there_is_nobody_to_ask() -> None:
    pool = Pool(BreakerPolicy())
    assert pool.pick([]) is None
    assert pool.another([]) is None
    assert pool.in_rotation == []


async def test_what_is_known_of_an_address_that_stays_stays(pool: Pool) -> None:
    before = pool.candidates
    pool.begin(before[0])
    pool.set_endpoints((A, B, C))
    assert pool.candidates[:2] == before
    assert pool.candidates[0].in_flight == 1
    assert pool.candidates[2].endpoint == C


async def test_an_address_that_has_gone_gets_nothing_new_and_what_it_runs_runs_on(pool: Pool) -> None:
    a = pool.candidates[0]
    turn = pool.begin(a)
    pool.set_endpoints((B,))
    assert {pool.pick([]) for _ in range(50)} == set(pool.candidates)
    assert a.in_flight == 1
    turn.close()
    assert a.in_flight == 0


async def test_the_metric_shows_what_runs_and_forgets_who_has_gone(pool: Pool) -> None:
    a = pool.candidates[0]
    assert (shown(A), shown(B)) == (0, 0)
    turns = [pool.begin(a), pool.begin(a)]
    assert shown(A) == 2
    turns[0].close()
    assert shown(A) == 1
    pool.set_endpoints((B,))
    assert shown(A) is None
    turns[1].close()
    pool.begin(a).close()
    assert shown(A) is None, "it was chosen before it went, and began after that"


async def test_an_address_that_is_back_is_shown_without_what_its_former_self_runs(pool: Pool) -> None:
    turn = pool.begin(pool.candidates[0])
    pool.set_endpoints((B,))
    pool.set_endpoints((A, B))
    assert shown(A) == 0
    pool.begin(pool.candidates[0])
    turn.close()
    assert shown(A) == 1


async def test_two_addresses_with_one_url_share_a_line_that_stays_with_either() -> None:
    pool = Pool(BreakerPolicy())
    named = Endpoint(A.url, "elsewhere.test")
    pool.set_endpoints((A, named))
    pool.set_endpoints((named,))
    assert shown(A) == 0
    pool.set_endpoints(())
    assert shown(A) is None


async def test_a_turn_that_is_closed_twice_ends_once(pool: Pool) -> None:
    a = pool.candidates[0]
    turn = pool.begin(a)
    pool.begin(a)
    turn.close()
    turn.close()
    assert a.in_flight == 1


async def test_another_is_one_that_was_not_tried_and_may_work(pool: Pool) -> None:
    a, b = pool.candidates
    assert pool.another([a]) is b
    assert pool.another([a, b]) is None
    assert pool.another([a, a, a]) is b, "how often does not matter"
    pool.fail(b)
    pool.fail(b)
    assert pool.another([a]) is None
    pool.set_endpoints((A,))
    assert pool.another([]) is None, "one alone is never asked side by side"


async def test_addresses_that_have_gone_do_not_hide_those_that_have_come(pool: Pool) -> None:
    tried = pool.candidates
    pool.set_endpoints((B, C))
    assert pool.another(tried) is pool.candidates[1]


async def test_failures_eject_and_the_operator_is_told_once(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    a = pool.candidates[0]
    before = ejections()
    for _ in range(5):
        pool.fail(a)
    assert a.breaker.state is State.OPEN
    assert states() == {"open": 1, "closed": 1}
    assert ejections() == before + 1
    assert [(r.message, r.url) for r in caplog.records] == [  # type: ignore[attr-defined]
        ("an upstream address gets no work for a while", A.url)
    ]


async def test_a_trial_is_shown_and_ends_with_its_turn_if_it_says_nothing(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    a = pool.candidates[0]
    pool.fail(a)
    pool.fail(a)
    await asyncio.sleep(0.03)
    turn = pool.begin(a)
    assert states() == {"half_open": 1, "closed": 1}
    now_ms = int(asyncio.get_running_loop().time() * 1000)
    assert not a.breaker.allows(now_ms)
    turn.close()
    assert a.breaker.allows(now_ms)
    turn = pool.begin(a)
    pool.succeed(a)
    turn.close()
    assert states() == {"closed": 2}
    assert caplog.messages[-1] == "an upstream address is back"


async def test_a_turn_from_before_the_ejection_does_not_end_the_trial(pool: Pool) -> None:
    a = pool.candidates[0]
    old = pool.begin(a)
    pool.fail(a)
    pool.fail(a)
    await asyncio.sleep(0.03)
    trial = pool.begin(a)
    old.close()
    assert not a.breaker.allows(int(asyncio.get_running_loop().time() * 1000))
    trial.close()


async def test_who_has_answered_is_told_once(pool: Pool) -> None:
    a, b = pool.candidates
    pool.succeed(a, 1.0)
    pool.fail(b)
    answered = pool.take_answered()
    assert answered == {a}
    assert pool.take_answered() == set()
    pool.succeed(b)
    pool.put_back_answered(answered)
    assert pool.take_answered() == {a, b}


async def test_who_has_answered_another_process_is_told_too_or_all_where_that_is_not_known(
    pool: Pool,
) -> None:
    a, b = pool.candidates
    pool.may_have_answered(a.endpoint.url)
    assert pool.take_answered() == {a}
    pool.may_have_answered("")
    assert pool.take_answered() == {a, b}


async def test_an_answer_that_tells_nothing_of_its_speed_changes_no_opinion(pool: Pool) -> None:
    a = pool.candidates[0]
    pool.succeed(a)
    assert a.slowness(0) == 1
    pool.succeed(a, 8.0)
    assert a.slowness(int(asyncio.get_running_loop().time() * 1000)) > 1.5


async def test_only_a_refused_connection_calls_for_a_probe(pool: Pool) -> None:
    a = pool.candidates[0]
    pool.fail(a)
    assert not pool.news.is_set()
    pool.fail(a, is_refused=True)
    assert pool.news.is_set()


async def test_who_was_overtaken_is_slower_and_has_failed(pool: Pool) -> None:
    a = pool.candidates[0]
    for _ in range(2):
        pool.overtaken(a, 20.0)
    assert a.slowness(int(asyncio.get_running_loop().time() * 1000)) > 3
    assert a.breaker.state is State.OPEN


async def test_what_is_held_against_an_address_is_counted_and_goes_with_it(pool: Pool) -> None:
    def failures(reason: str) -> float | None:
        labels = {"url": A.url, "reason": reason}
        return REGISTRY.get_sample_value("thanoxy_upstream_address_failures_total", labels)

    a, before = pool.candidates[0], failures("overtaken") or 0
    pool.fail(a, True, UpstreamRefusedError("nobody listens"))
    pool.overtaken(a, 20.0)
    pool.probe(a, False)
    pool.fail(a)
    assert a.signs.failures == {"refused": 1, "overtaken": 1, "not_ready": 1, "bad_answer": 1}
    assert a.signs.last_error == "it answered with an error of a gateway"
    assert failures("overtaken") == before + 1
    pool.set_endpoints((B,))
    assert failures("overtaken") is None


async def test_how_long_good_answers_take_is_known(pool: Pool) -> None:
    a = pool.candidates[0]
    pool.succeed(a)
    assert a.signs.latency_ms(now_ms()) is None
    for _ in range(20):
        pool.succeed(a, 4.0, 200.0)
    assert a.signs.latency_ms(now_ms()) == 200
    assert a.signs.slowness(now_ms()) == pytest.approx(4, rel=0.01)


async def test_an_answer_that_proves_to_be_none_later_counts_against_its_address(pool: Pool) -> None:
    for _ in range(2):
        pool.blame(A, BadUpstreamAnswerError("half"))
        pool.blame(C, BadUpstreamAnswerError("half"))  # unknown here, or gone meanwhile
    assert [one.breaker.state for one in pool.candidates] == [State.OPEN, State.CLOSED]
