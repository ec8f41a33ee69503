"""Which address is asked: by load, by latency, by what its breaker allows; and a simulation."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from proxy.plan.breaker import Breaker, BreakerPolicy, State
from proxy.upstream.addresses import Endpoint
from proxy.upstream.balancer import Candidate, in_rotation, pick
from proxy.upstream.latencies import Latencies

if TYPE_CHECKING:
    from collections.abc import Callable

POLICY = BreakerPolicy(failures=1, pause_ms=1_000, slow_return_ms=10_000)


def candidates(count: int = 3) -> list[Candidate]:
    return [Candidate(Endpoint(f"http://{number}"), Breaker(POLICY)) for number in range(count)]


def shares(
    among: list[Candidate], tried: list[Candidate] | None = None, now_ms: int = 0
) -> list[float]:
    """How often each is picked, of a thousand times."""
    chance = random.Random(1)
    picks = Counter(among.index(pick(among, tried or [], now_ms, chance)) for _ in range(1000))
    return [picks[number] / 1000 for number in range(len(among))]


def test_addresses_that_are_alike_are_asked_alike() -> None:
    assert shares(candidates()) == pytest.approx([1 / 3] * 3, abs=0.05)


def test_the_busiest_of_three_gets_nothing_and_the_idlest_most() -> None:
    among = candidates()
    for one, in_flight in zip(among, (5, 1, 0), strict=True):
        one.in_flight = in_flight
    assert shares(among) == pytest.approx([0, 1 / 3, 2 / 3], abs=0.05)


def test_the_slowest_of_three_gets_nothing_as_long_as_the_others_are_less_busy() -> None:
    among = candidates()
    for _ in range(20):
        among[0].judge(10, 0)
    assert shares(among)[0] == 0
    among[1].in_flight = among[2].in_flight = 20
    assert shares(among)[0] == pytest.approx(2 / 3, abs=0.05)


def test_who_has_just_come_is_asked_like_the_others() -> None:
    among = candidates(2)
    for one in among:
        for _ in range(50):
            one.judge(1, 0)
    assert shares([*among, *candidates(1)])[2] == pytest.approx(1 / 3, abs=0.05)


@pytest.mark.parametrize("ratio", [0.0, 1e-300, 1e300, 1000.0, 0.001])
def test_one_time_that_is_far_off_is_forgotten_within_seconds(ratio: float) -> None:
    (one,) = candidates(1)
    one.judge(ratio, 0)
    assert 0.25 <= one.slowness(0) <= 4
    assert one.slowness(10_000) == pytest.approx(1, abs=0.7)


def test_slowness_comes_close_to_what_is_measured_and_fades() -> None:
    (one,) = candidates(1)
    for _ in range(30):
        one.judge(10, 0)
    assert one.slowness(0) == pytest.approx(10, rel=0.01)
    assert one.slowness(10_000) < 2.5
    assert one.slowness(60_000) == pytest.approx(1, abs=0.01)


def test_another_than_those_that_were_tried_is_asked() -> None:
    among = candidates()
    assert shares(among, among[:2])[2] == 1


def test_when_all_were_tried_any_is_asked_again() -> None:
    among = candidates()
    assert shares(among, among) == pytest.approx([1 / 3] * 3, abs=0.05)


def test_an_ejected_address_is_not_asked_even_where_the_others_were_tried() -> None:
    among = candidates()
    among[0].breaker.fail(0)
    assert shares(among)[0] == 0
    assert shares(among, among[1:])[0] == 0


def test_when_all_are_ejected_all_are_asked() -> None:
    among = candidates()
    for one in among:
        one.breaker.fail(0)
    assert shares(among) == pytest.approx([1 / 3] * 3, abs=0.05)
    assert shares(among, among[:1])[0] == 0


def test_of_all_that_are_ejected_those_that_say_that_they_are_not_ready_are_left_out() -> None:
    among = candidates()
    for one in among:
        one.breaker.fail(0)
    among[0].breaker.probe(is_ready=False, now_ms=0)
    assert shares(among)[0] == 0
    for one in among:
        one.breaker.probe(is_ready=False, now_ms=0)
    assert shares(among) == pytest.approx([1 / 3] * 3, abs=0.05)


def test_a_trial_is_for_one_question_only() -> None:
    among = candidates()
    among[0].breaker.fail(0)
    assert shares(among, now_ms=1_000)[0] == pytest.approx(1 / 3, abs=0.05)
    among[0].breaker.begin(1_000)
    assert among[0].breaker.state is State.HALF_OPEN
    assert shares(among, now_ms=1_000)[0] == 0


def test_who_returns_gets_its_share_slowly() -> None:
    among = candidates()
    among[0].breaker.fail(0)
    among[0].breaker.begin(1_000)
    among[0].breaker.succeed(1_000)
    for one in among[1:]:
        one.in_flight = 3
    assert shares(among, now_ms=1_500)[0] == 0, "idle at a tenth of its weight is as ten in flight"
    assert shares(among, now_ms=9_000)[0] == pytest.approx(2 / 3, abs=0.05)


def test_only_those_that_are_ejected_are_out_of_rotation_unless_all_are() -> None:
    among = candidates()
    among[0].breaker.fail(0)
    assert in_rotation(among) == among[1:]
    for one in among:
        one.breaker.fail(0)
    assert in_rotation(among) == among
    assert in_rotation([]) == []


def simulate(
    clients: int, mean_ms: Callable[[int, float], float], until_ms: int
) -> list[tuple[float, int, float]]:
    """Clients that each ask three servers one question after the other: when, which, how long."""
    chance, latencies, among = random.Random(7), Latencies(), candidates()
    coming = [(float(number), number, -1, 0.0) for number in range(clients)]
    answers: list[tuple[float, int, float]] = []
    for number in range(10**6):
        at_ms, _, server, began_ms = heapq.heappop(coming)
        if at_ms > until_ms:
            return answers
        now_ms = int(at_ms)
        if server >= 0:
            took_ms = at_ms - began_ms
            among[server].in_flight -= 1
            typical_ms = latencies.typical_ms("kind")
            among[server].judge(took_ms / typical_ms if typical_ms else 1.0, now_ms)
            latencies.add("kind", took_ms)
            answers.append((at_ms, server, took_ms))
        one = pick(among, [], now_ms, chance)
        one.in_flight += 1
        server = among.index(one)
        takes_ms = chance.expovariate(1 / mean_ms(server, at_ms))
        heapq.heappush(coming, (at_ms + takes_ms, clients + number, server, at_ms))
    raise AssertionError("the simulation has no end")


@pytest.mark.parametrize("clients", [3, 30])
def test_of_three_servers_the_one_that_is_ten_times_slower_gets_little_and_soon_its_share_again(
    clients: int,
) -> None:
    def mean_ms(server: int, at_ms: float) -> float:
        return 200 if server == 0 and 5_000 <= at_ms < 15_000 else 20

    answers = simulate(clients, mean_ms, 35_000)

    def share(from_ms: int, until_ms: int) -> float:
        there = [server for at_ms, server, _ in answers if from_ms <= at_ms < until_ms]
        return there.count(0) / len(there)

    assert share(0, 5_000) == pytest.approx(1 / 3, abs=0.08)
    assert 0 < share(6_000, 15_000) < 0.04
    assert share(25_000, 35_000) == pytest.approx(1 / 3, abs=0.08)


def test_a_server_that_was_late_once_has_its_share_again_within_ten_seconds() -> None:
    late: list[float] = []

    def mean_ms(server: int, at_ms: float) -> float:
        if server == 0 and at_ms > 1_000 and not late:
            late.append(at_ms)
            return 2_000
        return 10

    answers = simulate(3, mean_ms, 30_000)
    there = [server for at_ms, server, _ in answers if at_ms > 20_000]
    assert there.count(0) / len(there) == pytest.approx(1 / 3, abs=0.08)
