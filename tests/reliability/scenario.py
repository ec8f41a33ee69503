"""thanoxy in front of one or three Thanos Queries, steady load, and a fault in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import uvloop

from tests.reliability.faults import Fault, Site
from tests.reliability.fleet import QueryFleet, address_of
from tests.reliability.load import Load, Seen
from tests.reliability.questions import Asking, Oracle, asked
from tests.reliability.relays import WELL, HttpRelay, LateRelay
from tests.thanos.loopback import ADDRESS, ask, free_ports
from tests.thanos.processes import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from tests.thanos.cluster import ThanosCluster

FLEET = 3
STORE_LATE_S = 0.03
"""The store's answers come this much later, as those of object storage do: a share of a request that
does not depend on how busy the two processors are."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pace:
    """per_s: requests a second. The fault begins `fault_s` after the load, which ends at `end_s`."""

    per_s: float = 40.0
    fault_s: float = 5.0
    end_s: float = 20.0

    @property
    def requests(self) -> int:
        return int(self.per_s * self.end_s)


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What clients saw.

    Attributes:
        fault, upstreams: which scenario.
        fault_s: when the fault had begun.
        whole_s: when Thanos's own answers were whole again; only known of faults of the store.
        seen: under load, in the order of sending.
        again: the same questions once more, after everything works again: is something bad kept?
    """

    fault: str
    upstreams: int
    fault_s: float
    whole_s: float | None
    seen: list[Seen]
    again: list[Seen]


class Stage:
    """Three Queries, the relay in front of the first, the oracle; serves many scenarios in turn.

    A context manager. It needs a cluster that is up, and changes nothing of it, but for faults of the
    store.
    """

    def __init__(self, cluster: ThanosCluster, pace: Pace) -> None:
        self._cluster = cluster
        self._pace = pace
        self._asking = Asking(cluster.end_ms)
        self._oracle = Oracle(cluster.query_url)
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            self._folder = Path(
                opening.enter_context(tempfile.TemporaryDirectory(prefix="thanoxy-reliability-"))
            )
            self._questions = asked(self._asking, self._pace.requests)
            self._oracle.learn(self._questions)
            store = opening.enter_context(
                LateRelay(self._cluster.stores()[0]["name"], late_s=STORE_LATE_S)
            )
            proof = self._asking.question(0).path_and_query()
            body = ask(self._cluster.query_url + proof).body
            self._fleet = opening.enter_context(
                QueryFleet(store.address, self._folder, size=FLEET, proof=proof, body=body)
            )
            self._relay = opening.enter_context(HttpRelay(address_of(self._fleet.urls[0])))
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def run(self, fault: Fault, upstreams: int) -> Run:
        """One scenario with a thanoxy of its own; everything works again afterwards."""
        site = Site(self._fleet, upstreams, self._relay, self._cluster.receive)
        urls = self._fleet.urls[:upstreams]
        if fault.has_relay:
            urls[0] = self._relay.url
        try:
            with thanoxy(urls, self._folder / f"{fault.name}-{upstreams}.log", fault.flags) as url:
                return uvloop.run(self._under_load(fault, site, url))
        finally:
            self._heal()

    async def _under_load(self, fault: Fault, site: Site, url: str) -> Run:
        load = Load(url, self._oracle)
        await load.warm_up(self._asking.warm_up())
        questions = self._questions[-self._pace.requests :]
        async with asyncio.TaskGroup() as group:
            began_s = asyncio.get_running_loop().time()
            loading = group.create_task(load.run(questions, self._pace.per_s))
            whole = group.create_task(self._do(fault, site, began_s))
        await asyncio.to_thread(self._heal)
        return Run(
            fault=fault.name,
            upstreams=site.upstreams,
            fault_s=self._pace.fault_s,
            whole_s=whole.result(),
            seen=loading.result(),
            again=await load.again(questions),
        )

    async def _do(self, fault: Fault, site: Site, began_s: float) -> float | None:
        """The fault, and its end; when Thanos was whole again, where the fault is the store's."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(began_s + self._pace.fault_s - loop.time())
        await asyncio.to_thread(fault.begin, site)
        await asyncio.sleep(began_s + self._pace.fault_s + fault.lasts_s - loop.time())
        if fault.end is not None:
            await asyncio.to_thread(fault.end, site)
        if not fault.is_of_store:
            return None
        await asyncio.to_thread(self._fleet.heal)
        return loop.time() - began_s

    def _heal(self) -> None:
        self._relay.treatment = WELL
        if not self._cluster.receive.is_running:
            self._cluster.receive.start()
            self._cluster.receive.wait_until_ready()
        self._fleet.heal()


@contextlib.contextmanager
def thanoxy(upstream_urls: Sequence[str], log_path: Path, flags: Sequence[str]) -> Iterator[str]:
    """The URL of a thanoxy of this checkout in front of these."""
    (port,) = free_ports(1)
    url = f"http://{ADDRESS}:{port}"
    process = ServerProcess(
        "thanoxy",
        [
            sys.executable,
            "-m",
            "proxy",
            "--workers=1",
            f"--http-address={ADDRESS}:{port}",
            "--log.level=warn",
            *(f"--query-frontend.downstream-url={one}" for one in upstream_urls),
            *flags,
        ],
        log_path=log_path,
        ready_url=f"{url}/-/ready",
    )
    try:
        process.start()
        process.wait_until_ready()
        yield url
    finally:
        process.stop(grace_s=2.0)
