"""What dashboards ask of settled data, each at its time; and what Thanos itself answers.

Of ten questions four are windows that have moved on since the one before: most of each is kept, the
rest is fetched. Three were never asked before, one is asked all the time, two are instant queries.
So most of them need the upstream, and those decide the percentiles.
"""

from __future__ import annotations

import dataclasses
import hashlib
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.thanos.loopback import ask
from tests.thanos.timeline import HOUR_MS, MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

RANGE_PATH = "/api/v1/query_range"
INSTANT_PATH = "/api/v1/query"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MOVING = (
    "max_over_time(queue_length[{0}m])",
    "sum by (instance) (node_memory_bytes) + {0}",
    "avg(avg_over_time(node_memory_bytes[{0}m]))",
    "min by (queue) (queue_length) * {0}",
)
WINDOW_MS = 6 * HOUR_MS
MOVES_MS = 30 * MINUTE_MS
ASKERS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """kind: `moving`, `new`, `same` or `instant`."""

    kind: str
    path: str
    form: bytes

    def url(self, base: str) -> str:
        return f"{base}{self.path}"

    def path_and_query(self) -> str:
        return f"{self.path}?{self.form.decode()}"


class Asking:
    """Questions about the data up to `end_ms`; number `n` is the same in every scenario."""

    def __init__(self, end_ms: int) -> None:
        self._first_ms = end_ms - 84 * HOUR_MS
        kinds: dict[str, Callable[[int], Question]] = {
            "moving": self._moving,
            "new": self._new,
            "same": self._same,
            "instant": self._instant,
        }
        order = "moving new instant moving new moving same new moving instant"
        self._turns = [kinds[kind] for kind in order.split()]

    def question(self, number: int) -> Question:
        return self._turns[number % len(self._turns)](number)

    def warm_up(self) -> list[Question]:
        """What was on the screens before: the first windows of all that moves, and what stays."""
        return [self._moving(0), self._moving(3), self._moving(5), self._moving(8), self._same(0)]

    def _moving(self, number: int) -> Question:
        panel = {0: 0, 3: 1, 5: 2, 8: 3}[number % 10]
        start_ms = self._first_ms + number // 10 * MOVES_MS
        return self._range("moving", MOVING[panel].format(7), start_ms, WINDOW_MS)

    def _new(self, number: int) -> Question:
        expr = MOVING[number % len(MOVING)].format(20 + number)
        return self._range("new", expr, self._first_ms + number * MINUTE_MS, WINDOW_MS)

    def _same(self, _number: int) -> Question:
        return self._range("same", MOVING[0].format(9), self._first_ms, WINDOW_MS)

    def _instant(self, number: int) -> Question:
        at_s = (self._first_ms + WINDOW_MS + number * MINUTE_MS) // 1000
        form = {"query": "sum by (queue) (avg_over_time(queue_length[6h]))", "time": str(at_s)}
        return Question("instant", INSTANT_PATH, urllib.parse.urlencode(form).encode())

    @staticmethod
    def _range(kind: str, expr: str, start_ms: int, length_ms: int) -> Question:
        form = {
            "query": expr,
            "start": str(start_ms // 1000),
            "end": str((start_ms + length_ms) // 1000),
            "step": "60",
        }
        return Question(kind, RANGE_PATH, urllib.parse.urlencode(form).encode())


class Oracle:
    """Thanos's own answers to questions, asked before anything fails."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._answers: dict[Question, bytes] = {}

    def learn(self, questions: Iterable[Question]) -> None:
        """Ask what was not asked yet.

        Raises:
            ValueError: Thanos does not answer one of them with 200 and samples.
        """
        new = [one for one in dict.fromkeys(questions) if one not in self._answers]
        with ThreadPoolExecutor(ASKERS) as pool:
            self._answers.update(zip(new, pool.map(self.body, new), strict=True))

    def body(self, question: Question) -> bytes:
        """What Thanos answers, as a digest."""
        answer = ask(question.url(self._url), method="POST", body=question.form, headers=FORM)
        if answer.status != 200 or b'"metric"' not in answer.body:
            raise ValueError(f"{question} is no question for this: {answer.body[:300]!r}")
        return digest(answer.body)

    def is_right(self, question: Question, body: bytes) -> bool:
        return self._answers[question] == digest(body)


def digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def asked(asking: Asking, count: int) -> Sequence[Question]:
    """All that a load of `count` requests asks."""
    return [*asking.warm_up(), *(asking.question(number) for number in range(count))]
