"""Puts requests to the proxy, and judges what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import math
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
import orjson

from tests.clients import FORM
from tests.soak.panels import REFRESH, UNTOUCHED
from tests.soak.promises import Asking, Verdict
from tests.soak.questions import TENANT_HEADER, RangeQuestion
from tests.soak.tally import Violation

if TYPE_CHECKING:
    from tests.clients import Answer, Proxy
    from tests.soak.faults import Kind
    from tests.soak.judging import Judge
    from tests.soak.panels import Request
    from tests.soak.replicas import Replica
    from tests.soak.tally import Tally

REFUSALS = frozenset({422, 429, 502, 503, 504})
STALL_S = 0.05
"""A machine that stops for so long makes timeouts that nobody is to blame for."""
BEAT_S = 0.02
_GRACE_S = 0.5
"""A fault explains what fails so long after it: attempts in a row wait between one another."""
_BROKEN = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass(slots=True)
class Clients:
    """All clients of a run. beat_s, stalled_s: when the event loop was seen to run, and to be late."""

    proxy: Proxy
    judge: Judge
    tally: Tally
    replicas: list[Replica]
    beat_s: float = math.inf
    stalled_s: float = -1.0
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))

    async def ask(self, request: Request) -> None:
        """Ask, and count or report what came of it."""
        async with self._gate:
            loop, clock = asyncio.get_running_loop(), self.judge.clock
            began_s, from_ms = loop.time(), clock.now_ms
            is_fresh = request.control in {REFRESH, UNTOUCHED}
            last_look_ms = self.proxy.app.engine.watch.last_look_ms
            self.tally.queries += 1
            try:
                async with asyncio.timeout(request.leaves_s):
                    answer = await self._send(request)
            except TimeoutError:
                self.tally.left += 1
                return
            except _BROKEN as error:
                self._judge_broken(request, error, began_s)
                return
            asking = Asking(from_ms, clock.now_ms, last_look_ms, is_fresh)
            if answer.status == 200:
                self._judge_answer(request, answer, asking, began_s)
            else:
                self._judge_failure(request, answer, began_s)

    async def _send(self, request: Request) -> Answer:
        question = request.question
        headers = {TENANT_HEADER: question.tenant}
        if request.wants_gzip:
            headers["Accept-Encoding"] = "gzip"
        if request.control:
            headers["Cache-Control"] = request.control
        if request.is_post:
            return await self.proxy.ask(
                "POST", question.path, question.parameters.encode(), {**FORM, **headers}
            )
        return await self.proxy.ask("GET", f"{question.path}?{question.parameters}", headers=headers)

    def _judge_answer(self, request: Request, answer: Answer, asking: Asking, began_s: float) -> None:
        no_store = answer.headers.get("Cache-Control") == "no-store"
        try:
            verdict = self.judge.judge(request.question, answer.text, no_store, asking)
        except (zlib.error, OSError, EOFError) as error:
            verdict = Verdict(f"gzip: {error}")
        content_type = answer.headers.get("Content-Type")
        if content_type != "application/json":
            verdict = Verdict(f"Content-Type: {content_type}")
        is_stale = answer.headers.get("X-Thanoxy-Cache", "").startswith("stale")
        if is_stale and not self._struck(began_s) and not self._is_stalled(began_s):
            verdict = Verdict("stale without a fault that explains it")
        if not verdict.fault:
            self.tally.stale += is_stale
            self.tally.answered += 1
            self.tally.kept += verdict.is_old
            self._count_held(request, answer)
        elif request.control == UNTOUCHED and self._damagers(began_s):
            self.tally.damaged += 1
        else:
            hint = answer.headers.get("X-Thanoxy-Cache", "")
            is_damaged = hint.startswith("bypass") and self._damagers(began_s)
            promise = "damaged whole" if is_damaged else verdict.promise
            self._wrong(request, verdict.fault, hint, promise)

    def _count_held(self, request: Request, answer: Answer) -> None:
        question = request.question
        if isinstance(question, RangeQuestion):
            steps = (question.end_ms - question.start_ms) // question.step_ms + 1
            self.tally.count_held(answer.headers.get("X-Thanoxy-Cache", ""), steps)

    def _judge_failure(self, request: Request, answer: Answer, began_s: float) -> None:
        """Error JSON of a known status, and a fault that explains it."""
        self.tally.failed[answer.status] += 1
        said = answer.text[:300].decode("utf-8", "replace")
        shape: object = None
        with contextlib.suppress(orjson.JSONDecodeError):
            shape = answer.json
        is_error = isinstance(shape, dict) and shape.keys() == {"status", "errorType", "error"}
        is_json = answer.headers.get("Content-Type") == "application/json"
        if answer.status not in REFUSALS or not is_error or not is_json:
            is_passed_on = request.control == UNTOUCHED and answer.status in REFUSALS
            if not is_passed_on or not self._struck(began_s):
                self._wrong(request, f"{answer.status}, not an error JSON: {said}")
            return
        struck = self._struck(began_s)
        names = {kind.name for kind in struck}
        self.tally.failed_by_kind.update(names)
        if not all(replica.is_ill for replica in self.replicas):
            self.tally.failed_beside_well.update(names)
        if any(answer.status in kind.statuses for kind in struck):
            return
        if answer.status in {502, 503} and self._is_stalled(began_s):
            self.tally.stalled += 1
            return
        met = ", ".join(sorted(names)) or "none"
        what = f"{answer.status} without a fault that explains it: {said}"
        self._wrong(request, what, f"met: {met}")

    def _judge_broken(self, request: Request, error: Exception, began_s: float) -> None:
        """What is passed on as it comes may break off as it came; nothing else may."""
        if request.control == UNTOUCHED and self._struck(began_s):
            self.tally.broken_off += 1
        else:
            self._wrong(request, f"the connection broke: {error!r}")

    def _wrong(self, request: Request, what: str, hint: str = "", promise: str = "errors") -> None:
        self.tally.wrong(Violation(self.judge.clock.now_ms, str(request), what, hint, promise))

    def _struck(self, began_s: float) -> set[Kind]:
        """The kinds of fault that requests have met since shortly before a time."""
        since_s = began_s - _GRACE_S
        kinds = {strike.kind for strike in self.judge.sky.strikes if strike.ended_s >= since_s}
        return kinds | {kind for one in self.replicas for kind in one.unended}

    def _is_stalled(self, began_s: float) -> bool:
        """Whether the machine itself explains that something came too late."""
        since_beat_s = asyncio.get_running_loop().time() - self.beat_s
        return since_beat_s > BEAT_S + STALL_S or self.stalled_s >= began_s - STALL_S

    def _damagers(self, began_s: float) -> bool:
        return any(kind.damages for kind in self._struck(began_s))
