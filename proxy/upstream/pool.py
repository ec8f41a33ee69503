"""The addresses of the upstream, and what has become of what they were asked."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from proxy.plan.breaker import Breaker, BreakerPolicy, State
from proxy.telemetry.log import LOG
from proxy.telemetry.metrics import ENDPOINT_EJECTIONS, ENDPOINT_IN_FLIGHT, ENDPOINTS
from proxy.telemetry.registry import drop
from proxy.telemetry.signals import ADDRESS_FAILURES
from proxy.upstream.balancer import Candidate, in_rotation, pick
from proxy.upstream.signs import NOT_READY, OVERTAKEN, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.errors import QueryError
    from proxy.upstream.addresses import Endpoint


class Turn:
    """One attempt at an address: from its choice to its end."""

    __slots__ = ("_close", "candidate")

    def __init__(self, candidate: Candidate, close: Callable[[], None]) -> None:
        self.candidate = candidate
        self._close: Callable[[], None] | None = close

    @property
    def is_over(self) -> bool:
        return self._close is None

    def close(self) -> None:
        """It has ended; may be said more than once."""
        close, self._close = self._close, None
        if close:
            close()


class Pool:
    """Chooses among addresses; each attempt tells it how it ended."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._chance = random.Random()  # noqa: S311  which address is asked is no secret
        self._candidates: dict[Endpoint, Candidate] = {}
        self._answered: set[Candidate] = set()
        self.news = asyncio.Event()
        """Set when an address should be probed now."""

    def set_endpoints(self, endpoints: Sequence[Endpoint]) -> None:
        """What is known of addresses that stay, stays; what runs at one that goes, runs on."""
        before = self._candidates
        self._candidates = {
            endpoint: before.get(endpoint) or Candidate(endpoint, Breaker(self._policy))
            for endpoint in endpoints
        }
        for candidate in self._candidates.values():
            self._show(candidate)
        stays = {one.url for one in self._candidates}
        for gone in [one for one in before.values() if one.endpoint.url not in stays]:
            drop(ENDPOINT_IN_FLIGHT, gone.endpoint.url)
            for reason in gone.signs.failures:
                drop(ADDRESS_FAILURES, gone.endpoint.url, reason)
        self._count()

    @property
    def candidates(self) -> list[Candidate]:
        return list(self._candidates.values())

    @property
    def in_rotation(self) -> list[Candidate]:
        """The addresses that are given work."""
        return in_rotation(self.candidates)

    def pick(self, tried: Sequence[Candidate]) -> Candidate | None:
        """Whom to ask; None when no address is known."""
        if not self._candidates:
            return None
        return pick(self.candidates, tried, now_ms(), self._chance)

    def another(self, tried: Sequence[Candidate]) -> Candidate | None:
        """An address that may work and was not asked yet."""
        if len(self._candidates) <= 1:
            return None
        found = self.pick(tried)
        is_able = found and found not in tried and found.breaker.allows(now_ms())
        return found if is_able else None

    def begin(self, candidate: Candidate) -> Turn:
        """An attempt begins; its turn must be closed."""
        self._tell(candidate, lambda breaker: breaker.begin(now_ms()))
        is_trial = candidate.breaker.state is State.HALF_OPEN
        candidate.in_flight += 1
        self._show(candidate)
        return Turn(candidate, lambda: self._end(candidate, is_trial))

    def _end(self, candidate: Candidate, is_trial: bool) -> None:
        candidate.in_flight -= 1
        if is_trial:
            candidate.breaker.abandon()  # says nothing where an end was told before
        self._show(candidate)

    def _show(self, candidate: Candidate) -> None:
        if self._candidates.get(candidate.endpoint) is candidate:
            ENDPOINT_IN_FLIGHT.labels(candidate.endpoint.url).set(candidate.in_flight)

    def succeed(
        self, candidate: Candidate, slowness: float | None = None, took_ms: float | None = None
    ) -> None:
        """It has answered, `slowness` times as late as such questions are answered, if that tells."""
        self._answered.add(candidate)
        if slowness is not None:
            candidate.judge(slowness, now_ms())
        if took_ms is not None:
            candidate.signs.took(took_ms, now_ms())
        self._tell(candidate, lambda breaker: breaker.succeed(now_ms()))

    def fail(
        self, candidate: Candidate, is_refused: bool = False, error: QueryError | None = None
    ) -> None:
        """It did not answer, or what stands before it had nobody to ask; see `Breaker.fail`."""
        text = str(error) if error else "it answered with an error of a gateway"
        self._failed(candidate, is_refused, reason_of(error), text)

    def _failed(self, candidate: Candidate, is_refused: bool, reason: str, text: str) -> None:
        self._note(candidate, reason, text)
        self._tell(candidate, lambda breaker: breaker.fail(now_ms(), is_refused))
        if candidate.breaker.needs_probe:
            self.news.set()

    def blame(self, endpoint: Endpoint, error: QueryError) -> None:
        """An answer of an address that was believed has proved to be none."""
        if candidate := self._candidates.get(endpoint):
            self.fail(candidate, error=error)

    def overtaken(self, candidate: Candidate, slowness: float) -> None:
        """Another address has answered first, although it was asked later."""
        candidate.judge(slowness, now_ms())
        self._failed(candidate, False, OVERTAKEN, "another address has answered earlier")

    def take_answered(self) -> set[Candidate]:
        """The addresses that have answered since this was asked last."""
        answered, self._answered = self._answered, set()
        return answered

    def may_have_answered(self, url: str) -> None:
        """What an address has answered another process is used here; any, where it is not known."""
        known = self._candidates.values()
        self._answered.update([one for one in known if one.endpoint.url == url] or known)

    def put_back_answered(self, answered: set[Candidate]) -> None:
        self._answered |= answered

    def probe(self, candidate: Candidate, is_ready: bool) -> None:
        """What an address says of itself."""
        if not is_ready:
            self._note(candidate, NOT_READY, "it does not say that it is ready (/-/ready)")
        self._tell(candidate, lambda breaker: breaker.probe(is_ready, now_ms()))

    def _note(self, candidate: Candidate, reason: str, text: str) -> None:
        candidate.signs.failed(reason, text, now_ms())
        ADDRESS_FAILURES.labels(candidate.endpoint.url, reason).inc()

    def _tell(self, candidate: Candidate, news: Callable[[Breaker], None]) -> None:
        """Tell a breaker something, and the operator when its mind changes."""
        before = candidate.breaker.state
        news(candidate.breaker)
        after = candidate.breaker.state
        if before is after:
            return
        self._count()
        extra = {"url": candidate.endpoint.url}
        if after is State.OPEN:
            ENDPOINT_EJECTIONS.inc()
            LOG.warning("an upstream address gets no work for a while", extra=extra)
        elif after is State.CLOSED:
            LOG.info("an upstream address is back", extra=extra)

    def _count(self) -> None:
        states = [one.breaker.state for one in self._candidates.values()]
        for state in State:
            ENDPOINTS.labels(state.name.lower()).set(states.count(state))


def now_ms() -> int:
    """On the event loop's clock."""
    return int(asyncio.get_running_loop().time() * 1000)
