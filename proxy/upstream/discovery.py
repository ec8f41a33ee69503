"""Which addresses there are, found again and again.

What could not be looked up stays as it was known last, and so does a name that is suddenly not there:
a replica that has really gone is noticed by asking it.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from proxy.engine.fan_out import fan_out
from proxy.telemetry.log import LOG
from proxy.upstream.addresses import Endpoint, Kind, UpstreamAddress, static_endpoint
from proxy.upstream.lookup import LookupFailedError, NoSuchNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.upstream.lookup import Lookup

_MOST_AT_ONCE = 20
_JITTER = 0.2


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
        self._failing: dict[UpstreamAddress, str] = {}

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
    def _looked_up(self) -> list[UpstreamAddress]:
        return [one for one in self._addresses if one.kind is not Kind.STATIC]

    async def _look_again(self, address: UpstreamAddress) -> None:
        while True:
            jitter = 1 + _JITTER * (random.random() - 0.5)  # noqa: S311  not to ask all at once
            await asyncio.sleep(self._interval_s * jitter)
            await self._look(address)
            self._tell()

    async def _look(self, address: UpstreamAddress) -> None:
        """Look one address up; what fails is said once, and so is its end."""
        try:
            found = await self._endpoints(address)
        except (NoSuchNameError, LookupFailedError) as error:
            self._observe("missing" if isinstance(error, NoSuchNameError) else "failed")
            if address not in self._failing:
                extra = {"upstream": address.text, "err": str(error)}
                LOG.warning(
                    "an upstream's addresses cannot be looked up; the known ones stay", extra=extra
                )
            self._failing[address] = str(error)
            return
        self._observe("found")
        if self._failing.pop(address, None) is not None:
            LOG.info("an upstream's addresses are found again", extra={"upstream": address.text})
        self._known[address] = found

    async def _endpoints(self, address: UpstreamAddress) -> tuple[Endpoint, ...]:
        if address.kind is Kind.A:
            ips = await self._lookup.addresses(address.host)
            return tuple(address.at(ip, address.port, address.host) for ip in ips)
        targets = await self._lookup.targets(address.host)
        if address.kind is Kind.SRV_ONLY:
            return tuple(address.at(host, port, host) for host, port in targets)
        found = await fan_out(
            lambda target: self._lookup.addresses(target.host), targets, _MOST_AT_ONCE
        )
        return tuple(
            address.at(ip, target.port, target.host)
            for target, ips in zip(targets, found, strict=True)
            for ip in ips
        )

    def _tell(self) -> None:
        known = [self._known.get(address, ()) for address in self._addresses]
        endpoints = tuple(dict.fromkeys(one for ones in known for one in ones))
        if endpoints != self._told:
            self._told = endpoints
            self._on_change(endpoints)
            LOG.info("addresses of the upstream", extra={"urls": " ".join(e.url for e in endpoints)})
