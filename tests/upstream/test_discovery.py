"""Which addresses there are, as names change."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.upstream.addresses import parse_upstream
from proxy.upstream.discovery import Discovery, pause_s
from proxy.upstream.lookup import Lookup, LookupFailedError, NoSuchNameError, Target
from tests.upstream.dns_server import ADDRESS, dns_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from proxy.upstream.addresses import Endpoint

INTERVAL_S = 0.01


@dataclass
class Names(Lookup):
    """Names that a test changes; an exception stands for what is raised."""

    known: dict[str, list[str] | Exception] = field(default_factory=dict)
    srv: dict[str, list[Target] | Exception] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)

    async def addresses(self, host: str) -> list[str]:
        if host in self.hanging:
            await asyncio.Event().wait()
        found = self.known.get(host, NoSuchNameError(host))
        if isinstance(found, Exception):
            raise found
        return found

    async def targets(self, name: str) -> list[Target]:
        found = self.srv.get(name, NoSuchNameError(name))
        if isinstance(found, Exception):
            raise found
        return found


@dataclass
class Told:
    """What a discovery has said."""

    changes: list[list[str]] = field(default_factory=list)
    results: list[str] = field(default_factory=list)

    def take(self, endpoints: tuple[Endpoint, ...]) -> None:
        self.changes.append([endpoint.url for endpoint in endpoints])


@asynccontextmanager
async def discovering(names: Lookup, *texts: str) -> AsyncIterator[Told]:
    told = Told()
    addresses = [parse_upstream(text) for text in texts]
    discovery = Discovery(addresses, names, told.take, INTERVAL_S, told.results.append)
    await discovery.first()
    task = asyncio.create_task(discovery.run())
    try:
        yield told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(told: Told, urls: list[str]) -> None:
    async with asyncio.timeout(5):
        while told.changes[-1:] != [urls]:  # noqa: ASYNC110  it is the discovery that is waited for
            await asyncio.sleep(INTERVAL_S / 2)


async def later() -> None:
    await asyncio.sleep(10 * INTERVAL_S)


async def test_static_addresses_are_told_once_and_nothing_is_looked_up() -> None:
    async with discovering(Names(), "http://a:1", "http://b:2", "http://a:1") as told:
        await later()
        assert told.changes == [["http://a:1", "http://b:2"]]
        assert told.results == []


async def test_a_new_replica_is_told_at_the_next_lookup_and_one_that_has_gone_too() -> None:
    names = Names(known={"q": ["10.0.0.1"]})
    async with discovering(names, "dns+q:80") as told:
        assert told.changes == [["http://10.0.0.1:80"]]
        names.known["q"] = ["10.0.0.1", "10.0.0.2"]
        await until(told, ["http://10.0.0.1:80", "http://10.0.0.2:80"])
        names.known["q"] = ["10.0.0.2"]
        await until(told, ["http://10.0.0.2:80"])
        await later()
        assert len(told.changes) == 3, "what stays the same is not told again"


async def test_what_fails_changes_nothing_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    names = Names(known={"q": ["10.0.0.1"]})
    with caplog.at_level(logging.INFO, "thanoxy"):
        async with discovering(names, "dns+q:80") as told:
            names.known["q"] = LookupFailedError("nobody there")
            await later()
            del names.known["q"]
            await later()
            assert told.changes == [["http://10.0.0.1:80"]]
            assert {"failed", "missing"} <= set(told.results)
            assert caplog.text.count("cannot be looked up") == 1
            names.known["q"] = ["10.0.0.1"]
            await later()
            assert caplog.text.count("found again") == 1


async def test_a_name_that_is_unknown_at_the_start_is_found_later() -> None:
    names = Names()
    async with discovering(names, "http://a:1", "dns+q:80") as told:
        assert told.changes == [["http://a:1"]]
        names.known["q"] = ["10.0.0.1"]
        await until(told, ["http://a:1", "http://10.0.0.1:80"])


async def test_a_lookup_that_hangs_holds_up_no_other() -> None:
    names = Names(known={"q": ["10.0.0.1"], "slow": ["10.9.9.9"]})
    async with discovering(names, "dns+slow:80", "dns+q:80") as told:
        names.hanging.add("slow")
        await later()
        names.known["q"] = ["10.0.0.2"]
        await until(told, ["http://10.9.9.9:80", "http://10.0.0.2:80"])


async def test_srv_targets_are_looked_up_or_not_as_the_prefix_says() -> None:
    srv: dict[str, list[Target] | Exception] = {"_h._tcp.q": [Target("p0", 1), Target("p1", 2)]}
    names = Names(known={"p0": ["10.0.0.1"], "p1": ["10.0.0.2", "10.0.0.3"]}, srv=srv)
    async with discovering(names, "dnssrv+_h._tcp.q") as told:
        assert told.changes == [["http://10.0.0.1:1", "http://10.0.0.2:2", "http://10.0.0.3:2"]]
    async with discovering(names, "dnssrvnoa+_h._tcp.q") as told:
        assert told.changes == [["http://p0:1", "http://p1:2"]]


async def test_records_of_a_real_name_server_are_followed_as_they_change() -> None:
    async with dns_server(**{"_h._tcp.q": ["0 0 81 localhost."]}) as server:
        names = Lookup(0.3, (ADDRESS,), server.port)
        async with discovering(names, "dnssrvnoa+_h._tcp.q") as told:
            assert told.changes == [["http://localhost:81"]]
            server.records["_h._tcp.q"] = ["0 0 81 localhost.", "0 0 82 localhost."]
            await until(told, ["http://localhost:81", "http://localhost:82"])
            for mood in ("servfail", "silent", "garbage"):
                server.mood = mood
                asked = len(server.asked)
                await later()
                assert len(told.changes) == 2, mood
                assert mood == "garbage" or len(server.asked) > asked
            server.mood = ""
            server.records["_h._tcp.q"] = ["0 0 82 localhost."]
            await until(told, ["http://localhost:82"])


def srv_names(*hosts: str) -> Names:
    """One SRV name, `_h._tcp.q`, with these targets, which have no address yet."""
    return Names(srv={"_h._tcp.q": [Target(host, 1) for host in hosts]})


async def test_a_target_that_cannot_be_looked_up_takes_no_other_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = srv_names("p0", "p1")
    names.known = {"p0": ["10.0.0.1"], "p1": LookupFailedError("nobody there")}
    async with discovering(names, "dnssrv+_h._tcp.q") as told:
        assert told.changes == [["http://10.0.0.1:1"]]
        names.known["p1"] = ["10.0.0.2"]
        await until(told, ["http://10.0.0.1:1", "http://10.0.0.2:1"])
        names.known = {"p0": ["10.0.0.9"], "p1": LookupFailedError("nobody there")}
        await until(told, ["http://10.0.0.9:1", "http://10.0.0.2:1"])
        await later()
        assert len(told.changes) == 3, "what is known of p1 stays"
        assert caplog.text.count("cannot be looked up") == 2, "once for each time it fails"


async def test_a_target_whose_name_has_gone_goes_unless_it_is_the_last() -> None:
    names = srv_names("p0", "p1")
    names.known = {"p0": ["10.0.0.1"], "p1": ["10.0.0.2"]}
    async with discovering(names, "dnssrv+_h._tcp.q") as told:
        del names.known["p0"]
        await until(told, ["http://10.0.0.2:1"])
        del names.known["p1"]
        await later()
        assert told.changes[-1] == ["http://10.0.0.2:1"]
        assert "missing" in told.results


async def test_targets_with_too_many_addresses_are_cut() -> None:
    names = srv_names("p0", "p1")
    names.known = {
        "p0": [f"10.0.0.{last}" for last in range(150)],
        "p1": [f"10.0.1.{last}" for last in range(150)],
    }
    async with discovering(names, "dnssrv+_h._tcp.q") as told:
        assert len(told.changes[0]) == 200


async def test_a_port_in_the_flag_goes_before_those_of_the_records() -> None:
    names = srv_names("p0")
    names.known = {"p0": ["10.0.0.1"]}
    async with discovering(names, "dnssrv+_h._tcp.q:99", "dnssrvnoa+_h._tcp.q:98") as told:
        assert told.changes == [["http://10.0.0.1:99", "http://p0:98"]]


async def test_a_lookup_that_hangs_holds_up_neither_the_start_nor_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.upstream.discovery._LONGEST_LOOK_S", 0.05)
    names = Names(known={"q": ["10.0.0.1"]}, hanging={"q"})
    async with discovering(names, "dns+q:80") as told:
        assert told.results == ["failed"]
        names.hanging.clear()
        await until(told, ["http://10.0.0.1:80"])


def test_the_next_lookup_is_never_later_than_the_interval() -> None:
    pauses = [pause_s(5.0) for _ in range(1000)]
    assert 4.0 <= min(pauses) < max(pauses) <= 5.0


async def test_which_names_cannot_be_looked_up_can_be_seen() -> None:
    names = Names(known={"q": ["10.0.0.1"]})
    addresses = [parse_upstream(text) for text in ("dns+q:80", "dns+r:80", "http://s")]
    discovery = Discovery(addresses, names, Told().take, INTERVAL_S, Told().results.append)
    await discovery.first()
    assert discovery.failing == ["http://r:80"]
    names.known["r"] = ["10.0.0.2"]
    await discovery.first()
    assert discovery.failing == []
