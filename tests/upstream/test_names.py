"""Names of static addresses, looked up for aiohttp."""

from __future__ import annotations

import socket

import aiohttp
import pytest

from proxy.upstream.lookup import Lookup, LookupFailedError, NoSuchNameError
from proxy.upstream.names import Names
from tests.fakes import fake_upstream


class Known(Lookup):
    """Names that a test changes."""

    def __init__(self, **known: list[str] | OSError) -> None:
        super().__init__()
        self.known = known

    async def addresses(self, host: str) -> list[str]:
        found = self.known.get(host, NoSuchNameError(host))
        if isinstance(found, OSError):
            raise found
        return found


async def test_addresses_of_the_wanted_family_are_given() -> None:
    names = Names(Known(q=["10.0.0.1", "fd00::1"]))
    both = await names.resolve("q", 80, socket.AF_UNSPEC)
    assert [(one["host"], one["port"]) for one in both] == [("10.0.0.1", 80), ("fd00::1", 80)]
    assert [one["host"] for one in await names.resolve("q", 80, socket.AF_INET6)] == ["fd00::1"]


async def test_a_name_that_is_not_found_any_more_keeps_its_addresses() -> None:
    lookup = Known(q=["10.0.0.1"])
    names = Names(lookup)
    await names.resolve("q")
    lookup.known["q"] = LookupFailedError("nobody there")
    assert [one["host"] for one in await names.resolve("q")] == ["10.0.0.1"]
    with pytest.raises(NoSuchNameError):
        await names.resolve("other")


async def test_aiohttp_connects_by_it() -> None:
    async with fake_upstream() as upstream:
        port = upstream.url.rpartition(":")[2]
        connector = aiohttp.TCPConnector(resolver=Names(Known(q=["127.0.0.1"])))
        async with aiohttp.ClientSession(connector=connector) as session:
            async with session.get(f"http://q:{port}/") as response:
                assert response.status == 200
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://gone:{port}/")
