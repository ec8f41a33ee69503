"""Names looked up: addresses through the system, SRV records from a real name server."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from proxy.upstream.lookup import MOST_ANSWERS, Lookup, LookupFailedError, NoSuchNameError, Target
from tests.upstream.dns_server import ADDRESS, DnsServer, dns_server

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "_http._tcp.query"
RECORDS = ["0 50 10902 pod-1.query.", "10 0 10903 pod-0.query.", "0 50 10902 pod-1.query."]


def lookup(server: DnsServer, timeout_s: float = 3.0) -> Lookup:
    return Lookup(timeout_s, (ADDRESS,), server.port)


async def test_addresses_come_from_the_system() -> None:
    assert "127.0.0.1" in await Lookup().addresses("localhost")


class System:
    """Stands for the system's lookups. raises: by name. Names that begin with `hang` hang."""

    def __init__(self) -> None:
        self.raises: dict[str, Exception] = {}
        self.asked: list[str] = []
        self.may_go_on = threading.Event()

    def look_up(self, host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        self.asked.append(host)
        if host.startswith("hang"):
            self.may_go_on.wait(20)
        if host in self.raises:
            raise self.raises[host]
        return [(0, 0, 0, "", (ip, 0)) for ip in ("10.0.0.2", "10.0.0.1", "10.0.0.2")]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    found = System()
    monkeypatch.setattr(socket, "getaddrinfo", found.look_up)
    yield found
    found.may_go_on.set()


async def test_addresses_are_sorted_and_each_is_there_once(system: System) -> None:
    assert await Lookup().addresses("q") == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), NoSuchNameError),
        (socket.gaierror(socket.EAI_NODATA, "No address"), NoSuchNameError),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), LookupFailedError),
        (OSError("too many open files"), LookupFailedError),
        (UnicodeError("label too long"), LookupFailedError),
    ],
)
async def test_a_name_that_is_not_there_and_one_that_nobody_knows_are_told_apart(
    system: System, raised: Exception, expected: type[OSError]
) -> None:
    system.raises["q"] = raised
    with pytest.raises(expected, match="q: "):
        await Lookup().addresses("q")


async def test_a_name_that_cannot_be_one_is_a_failure() -> None:
    with pytest.raises(LookupFailedError):
        await Lookup().addresses("x" * 300)


async def test_lookups_that_hang_hold_up_nobody_and_do_not_pile_up(system: System) -> None:
    names = Lookup(timeout_s=0.05)
    for _ in range(3):
        for number in range(8):
            with pytest.raises(LookupFailedError, match="no answer in time"):
                await names.addresses(f"hang-{number}")
    assert len(system.asked) == 8, "a name that still hangs is not asked for again"
    assert await names.addresses("q") == ["10.0.0.1", "10.0.0.2"]
    system.may_go_on.set()
    async with asyncio.timeout(5):
        while names._under_way:  # noqa: ASYNC110  threads end by themselves
            await asyncio.sleep(0.01)
    assert await names.addresses("hang-0") == ["10.0.0.1", "10.0.0.2"]


async def test_there_are_only_so_many_lookups_at_once(system: System) -> None:
    names = Lookup(timeout_s=0.2)

    async def ask(number: int) -> None:
        with suppress(LookupFailedError):
            await names.addresses(f"hang-{number}")

    async with asyncio.TaskGroup() as group:
        for number in range(40):
            group.create_task(ask(number))
    assert len(system.asked) == 32
    with pytest.raises(LookupFailedError, match="too many other names"):
        await names.addresses("q")


async def test_who_no_longer_waits_takes_the_answer_from_nobody(system: System) -> None:
    names = Lookup()
    async with asyncio.TaskGroup() as group:
        gone = group.create_task(names.addresses("hang"))
        stays = group.create_task(names.addresses("hang"))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0.01)
        system.may_go_on.set()
        assert await stays == ["10.0.0.1", "10.0.0.2"]
    assert system.asked == ["hang"]


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


async def test_a_short_name_is_completed_as_the_system_says() -> None:
    """In Kubernetes `_http._tcp.query` is one of `_http._tcp.query.<namespace>.svc.cluster.local`."""
    async with dns_server(**{f"{NAME}.ns.example": RECORDS}) as server:
        names = Lookup(3.0, (ADDRESS,), server.port, search=("other.example", "ns.example"))
        assert len(await names.targets(NAME)) == 2
        with pytest.raises(NoSuchNameError):
            await names.targets(f"{NAME}.")


async def test_records_that_no_url_can_hold_are_left_out() -> None:
    odd = ["0 0 0 no-port.query.", "0 0 1 .", "0 0 1 a/b.query.", "0 0 1 a@b.query."]
    async with dns_server(**{NAME: [*odd, *RECORDS], "odd": odd}) as server:
        assert [target.host for target in await lookup(server).targets(NAME)] == [
            "pod-0.query",
            "pod-1.query",
        ]
        with pytest.raises(NoSuchNameError, match="no SRV record names"):
            await lookup(server).targets("odd")


async def test_too_many_records_are_cut_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    many = [f"0 0 {port} q." for port in range(1, MOST_ANSWERS + 51)]
    async with dns_server(**{NAME: many}) as server:
        server.mood = "truncated"
        names = lookup(server)
        for _ in range(2):
            found = await names.targets(NAME)
            assert [target.port for target in found] == list(range(1, MOST_ANSWERS + 1))
        assert caplog.text.count("too many addresses") == 1
        server.records[NAME] = RECORDS
        assert len(await names.targets(NAME)) == 2
        server.records[NAME] = many
        await names.targets(NAME)
        assert caplog.text.count("too many addresses") == 2


async def test_when_a_name_server_is_silent_the_next_one_is_asked_in_time() -> None:
    async with dns_server(**{NAME: RECORDS}) as server:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.2", server.port))
            names = Lookup(1.6, ("127.0.0.2", ADDRESS), server.port)
            assert len(await names.targets(NAME)) == 2


@pytest.mark.parametrize("mood", ["servfail", "silent", "garbage"])
async def test_a_server_that_does_not_answer_is_a_failure_in_bounded_time(mood: str) -> None:
    async with dns_server(**{NAME: RECORDS}) as server:
        server.mood = mood
        with pytest.raises(LookupFailedError):
            await lookup(server, timeout_s=0.3).targets(NAME)


async def test_a_name_that_cannot_be_asked_for_is_a_failure() -> None:
    async with dns_server() as server:
        with pytest.raises(LookupFailedError):
            await lookup(server).targets("a..b")
