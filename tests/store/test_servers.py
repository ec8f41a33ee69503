"""Addresses of cache servers, and looking them up again and again."""

from __future__ import annotations

import asyncio
import logging

import pytest

from proxy.store.servers import Server, ServerAddress, Servers, parse_server
from tests.store.tiers import Names


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("cache", ServerAddress("", "cache", 11211)),
        ("cache:1", ServerAddress("", "cache", 1)),
        ("10.0.0.1:65535", ServerAddress("", "10.0.0.1", 65535)),
        ("[::1]:7", ServerAddress("", "::1", 7)),
        ("[::1]", ServerAddress("", "::1", 11211)),
        ("dns+cache:5", ServerAddress("dns", "cache", 5)),
        ("dnssrv+_memcached._tcp.cache", ServerAddress("dnssrv", "_memcached._tcp.cache", 0)),
        ("dnssrvnoa+_a._tcp.cache", ServerAddress("dnssrvnoa", "_a._tcp.cache", 0)),
    ],
)
def test_an_address_is_read(text: str, address: ServerAddress) -> None:
    assert parse_server(text, 11211) == address


@pytest.mark.parametrize(
    "text",
    [
        "", ":1", "cache:", "cache:0", "cache:65536", "cache:x", "http://cache:1", "a b:1", "a/b",
        "::1", "dnssrv+cache:1", "srv+cache", "dns+", "cache:1:2", "a\r\nb", "dns+cache:1\n",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|leave it out"):
        parse_server(text, 11211)


def test_where_nothing_is_looked_up_the_forms_for_that_are_refused() -> None:
    with pytest.raises(ValueError, match=r"example:6379 is expected$"):
        parse_server("dns+cache", 6379, may_look_up=False)


class Told:
    """Servers, their resolver, and what was told of them."""

    def __init__(self, *addresses: str, interval_s: float = 60) -> None:
        self.names = Names()
        self.changes: list[list[str]] = []
        parsed = [parse_server(address, 11211) for address in addresses]
        self.servers = Servers(parsed, self.names, self._change, interval_s)

    def _change(self, servers: tuple[Server, ...]) -> None:
        self.changes.append([f"{server} {server.name}" for server in servers])


async def test_each_form_finds_its_servers() -> None:
    told = Told("plain:1", "dns+many:2", "dnssrv+_srv", "dnssrvnoa+_noa")
    told.names.hosts = {"many": ["10.0.0.1", "::2"], "target": ["10.0.0.3", "10.0.0.4"]}
    told.names.records = {"_srv": [("target", 3)], "_noa": [("name", 4)]}
    await told.servers.first()
    assert told.changes == [
        [
            "plain:1 plain",
            "10.0.0.1:2 many",
            "[::2]:2 many",
            "10.0.0.3:3 target",
            "10.0.0.4:3 target",
            "name:4 name",
        ]
    ]


async def test_only_a_change_is_told() -> None:
    told = Told("dns+many:2")
    told.names.hosts = {"many": ["10.0.0.1"]}
    await told.servers.first()
    await told.servers.first()
    told.names.hosts = {"many": ["10.0.0.1", "10.0.0.2"]}
    await told.servers.first()
    assert [len(change) for change in told.changes] == [1, 2]


@pytest.mark.parametrize("answer", [OSError("no answer"), []], ids=["fails", "empty"])
async def test_what_cannot_be_looked_up_stays_as_it_was(answer: OSError | list[str]) -> None:
    told = Told("dns+many:2", "plain:1")
    told.names.hosts = {"many": ["10.0.0.1"]}
    await told.servers.first()
    told.names.hosts["many"] = answer
    await told.servers.first()
    assert told.changes == [["10.0.0.1:2 many", "plain:1 plain"]]


async def test_a_failure_is_said_once_and_anew_after_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = Told("dns+many:2")
    with caplog.at_level(logging.WARNING, "thanoxy"):
        await told.servers.first()
        await told.servers.first()
        assert len(caplog.records) == 1
        told.names.hosts = {"many": ["10.0.0.1"]}
        await told.servers.first()
        told.names.hosts = {}
        await told.servers.first()
    assert len(caplog.records) == 2


async def test_a_target_that_cannot_be_looked_up_changes_nothing() -> None:
    told = Told("dnssrv+_srv")
    told.names.records = {"_srv": [("gone", 3)]}
    await told.servers.first()
    assert told.changes == []


async def test_names_are_looked_up_again_at_their_interval() -> None:
    told = Told("dns+many:2", interval_s=0.01)
    running = asyncio.create_task(told.servers.run())
    told.names.hosts = {"many": ["10.0.0.1"]}
    await asyncio.sleep(0.1)
    told.names.hosts = {"many": ["10.0.0.2"]}
    await asyncio.sleep(0.1)
    running.cancel()
    assert told.changes == [["10.0.0.1:2 many"], ["10.0.0.2:2 many"]]


async def test_without_names_nothing_runs() -> None:
    async with asyncio.timeout(1):
        await Told("plain:1").servers.run()
