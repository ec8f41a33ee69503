"""What a client asks, after parsing and before any decision."""

from __future__ import annotations

import math
from dataclasses import dataclass

from proxy.model.grid import Grid

Form = tuple[tuple[str, str], ...]
"""The parameters of a request in the order in which Go's `http.Request.Form` lists them: the
body's first, then the URL's. Of a parameter that is given twice, the first counts."""


def first_value(form: Form, name: str) -> str:
    """Go's `Request.FormValue`: the first value of a parameter, "" when it is missing."""
    for key, value in form:
        if key == name:
            return value
    return ""


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """A range query whose times are whole milliseconds.

    `form` holds every parameter but `query`, `start`, `end`, `step` and `timeout`, known or not:
    they travel on, and all of them are part of the cache key.
    """

    expr: str
    start_ms: int
    end_ms: int
    step_ms: int
    timeout: str
    form: Form

    @property
    def grid(self) -> Grid:
        return Grid.between(self.start_ms, self.end_ms, self.step_ms)


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf the upstream is asked.

    pairs: the request headers that travel on, in their order (names as sent).
    tenant: whom it counts for, in queues and limits; "" where nobody is told apart.
    deadline_s: on the event loop's clock; an answer that comes later serves nobody.
    vary: what tells its answers from those of others, see `plan.cache_key.vary_fields`.
    """

    pairs: tuple[tuple[str, str], ...]
    tenant: str = ""
    deadline_s: float = math.inf
    vary: tuple[str, ...] = ()
