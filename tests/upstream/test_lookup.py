"""Names looked up: addresses through the system, SRV records from a real name server."""

from __future__ import annotations

import pytest

from proxy.upstream.lookup import Lookup, LookupFailedError, NoSuchNameError, Target
from tests.upstream.dns_server import ADDRESS, DnsServer, dns_server

NAME = "_http._tcp.query"
RECORDS = ["0 50 10902 pod-1.query.", "10 0 10903 pod-0.query.", "0 50 10902 pod-1.query."]


def lookup(server: DnsServer, timeout_s: float = 3.0) -> Lookup:
    return Lookup(timeout_s, (ADDRESS,), server.port)


async def test_addresses_come_from_the_system() -> None:
    assert "127.0.0.1" in await Lookup().addresses("localhost")


async def test_a_name_that_is_not_there_is_told_apart() -> None:
    with pytest.raises((NoSuchNameError, LookupFailedError)):
        await Lookup().addresses("no-such-name.invalid")
    with pytest.raises(LookupFailedError):
        await Lookup().addresses("x" * 300)


async def test_srv_records_give_targets_each_once_and_in_order() -> None:
    async with dns_server(**{NAME: RECORDS}) as server:
        found = await lookup(server).targets(NAME)
    assert found == [Target("pod-0.query", 10903), Target("pod-1.query", 10902)]


async def test_an_answer_that_is_too_long_for_udp_is_asked_for_over_tcp() -> None:
    async with dns_server(**{NAME: RECORDS}) as server:
        server.mood = "truncated"
        assert len(await lookup(server).targets(NAME)) == 2
        assert server.asked == ["udp", "tcp"]


@pytest.mark.parametrize("records", [{}, {NAME: []}], ids=["no such name", "no records"])
async def test_nothing_there_is_no_failure(records: dict[str, list[str]]) -> None:
    async with dns_server(**records) as server:
        with pytest.raises(NoSuchNameError):
            await lookup(server).targets(NAME)


@pytest.mark.parametrize("mood", ["servfail", "silent"])
async def test_a_server_that_does_not_answer_is_a_failure_in_bounded_time(mood: str) -> None:
    async with dns_server(**{NAME: RECORDS}) as server:
        server.mood = mood
        with pytest.raises(LookupFailedError):
            await lookup(server, timeout_s=0.3).targets(NAME)


async def test_a_name_that_cannot_be_asked_for_is_a_failure() -> None:
    async with dns_server() as server:
        with pytest.raises(LookupFailedError):
            await lookup(server).targets("a..b")
