"""Which addresses there are, found again and again.

What could not be looked up stays as it was known last, and so does a name that is suddenly not there:
a replica that has really gone is noticed by asking it. Of the targets of SRV records each stands for
itself: one that cannot be looked up takes no other with it.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from proxy.engine.fan_out import fan_out
from proxy.telemetry.log import LOG
from proxy.upstream.addresses import Endpoint, Kind, UpstreamAddress, static_endpoint
from proxy.upstream.lookup import Cut, LookupFailedError, NoSuchNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.upstream.lookup import Lookup, Target

_MOST_AT_ONCE = 20
_JITTER = 0.2
_LONGEST_LOOK_S = 10.0
"""For one address, with all its targets: the start waits for it."""


class Discovery:
    """Tells `on_change` the endpoints behind all addresses, whenever they change.

    observe: told the result of each lookup, `found`, `missing` or `failed`.
    """

    def __init__(
        self,
        addresses: Sequence[UpstreamAddress],
        lookup: Lookup,
        on_change: Callable[[tuple[Endpoint, ...]], None],
        interval_s: float,
        observe: Callable[[str], None],
    ) -> None:
        self._addresses = list(dict.fromkeys(addresses))
        self._lookup = lookup
        self._on_change = on_change
        self._interval_s = interval_s
        self._observe = observe
        self._known: dict[UpstreamAddress, tuple[Endpoint, ...]] = {
            address: (static_endpoint(address),)
            for address in self._addresses
            if address.kind is Kind.STATIC
        }
        self._told: tuple[Endpoint, ...] = ()
        self._failing: set[UpstreamAddress] = set()
        self._cut = Cut()

    async def first(self) -> None:
        """Find them for the first time; what cannot be found now is looked for again later."""
        await fan_out(self._look, self._looked_up, _MOST_AT_ONCE)
        self._tell()

    async def run(self) -> None:
        """Until cancelled. Each name at its own pace, so that one that hangs holds up no other."""
        if not self._looked_up:
            return
        await fan_out(self._look_again, self._looked_up, len(self._looked_up))

    @property
    def failing(self) -> list[str]:
        """The addresses that could not be looked up the last time; what was known of them stays."""
        return sorted(address.text for address in self._failing)

    @property
    def _looked_up(self) -> list[UpstreamAddress]:
        return [one for one in self._addresses if one.kind is not Kind.STATIC]

    async def _look_again(self, address: UpstreamAddress) -> None:
        while True:
            await asyncio.sleep(pause_s(self._interval_s))
            await self._look(address)
            self._tell()

    async def _look(self, address: UpstreamAddress) -> None:
        """Look one address up; what fails is said once, and so is its end."""
        trouble: OSError | None = None
        try:
            async with asyncio.timeout(_LONGEST_LOOK_S):
                found, trouble = await self._endpoints(address)
            self._known[address] = found
        except TimeoutError:
            trouble = LookupFailedError(f"{address.host}: no answer in time")
        except (NoSuchNameError, LookupFailedError) as error:
            trouble = error
        self._say(address, trouble)

    def _say(self, address: UpstreamAddress, trouble: OSError | None) -> None:
        if trouble is None:
            self._observe("found")
            if address in self._failing:
                LOG.info("an upstream's addresses are found again", extra={"upstream": address.text})
            self._failing.discard(address)
            return
        self._observe("missing" if isinstance(trouble, NoSuchNameError) else "failed")
        if address not in self._failing:
            extra = {"upstream": address.text, "err": str(trouble)}
            LOG.warning("an upstream's addresses cannot be looked up; the known ones stay", extra=extra)
        self._failing.add(address)

    async def _endpoints(
        self, address: UpstreamAddress
    ) -> tuple[tuple[Endpoint, ...], LookupFailedError | None]:
        """What is behind an address, and what could not be looked up of it.

        Raises:
            NoSuchNameError, LookupFailedError: there is nothing.
        """
        if address.kind is Kind.A:
            ips = await self._lookup.addresses(address.host)
            return tuple(address.at(ip, address.port, address.host) for ip in ips), None
        targets = await self._lookup.targets(address.host)
        if address.kind is Kind.SRV_ONLY:
            return tuple(address.at(host, port, host) for host, port in targets), None
        found = await fan_out(lambda target: self._behind(address, target), targets, _MOST_AT_ONCE)
        trouble = next((error for _, error in found if error), None)
        endpoints = [endpoint for endpoints, _ in found for endpoint in endpoints]
        if not endpoints:
            raise trouble or NoSuchNameError(f"{address.host}: none of its targets has an address")
        return tuple(self._cut.cut(address.text, endpoints)), trouble

    async def _behind(
        self, address: UpstreamAddress, target: Target
    ) -> tuple[list[Endpoint], LookupFailedError | None]:
        """One target's endpoints: the known ones when it cannot be looked up."""
        try:
            ips = await self._lookup.addresses(target.host)
        except NoSuchNameError:
            return [], None  # its record outlives it for a while
        except LookupFailedError as error:
            name = address.host_header(target.port, target.host)
            known = self._known.get(address, ())
            return [endpoint for endpoint in known if endpoint.host_header == name], error
        return [address.at(ip, target.port, target.host) for ip in ips], None

    def _tell(self) -> None:
        known = [self._known.get(address, ()) for address in self._addresses]
        endpoints = tuple(dict.fromkeys(one for ones in known for one in ones))
        if endpoints != self._told:
            self._told = endpoints
            self._on_change(endpoints)
            if self._looked_up:  # what was configured as it is, is known
                urls = " ".join(endpoint.url for endpoint in endpoints)
                LOG.info("addresses of the upstream", extra={"urls": urls})


def pause_s(interval_s: float) -> float:
    """Until the next lookup: never later than the setting says, and not of all names at once."""
    return interval_s * (1 - _JITTER * random.random())  # noqa: S311  no secret
