"""One deadline for all that is done for a request: waiting, attempts, retries."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from proxy.errors import QueryTimeoutError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxy.model.query import Caller

_LEAST_S = 0.001
GRACE_S = 0.25
"""The upstream is told the deadline, and has its own words about it: they are waited for."""


def seconds_left(caller: Caller) -> float | None:
    """Until the deadline, at least a moment; None without one."""
    if caller.deadline_s == math.inf:
        return None
    return max(caller.deadline_s - asyncio.get_running_loop().time(), _LEAST_S)


@asynccontextmanager
async def until_deadline(caller: Caller) -> AsyncIterator[None]:
    """What is not done by the caller's deadline ends there.

    Raises:
        QueryTimeoutError: the deadline has come.
    """
    try:
        until_s = None if caller.deadline_s == math.inf else caller.deadline_s + GRACE_S
        async with asyncio.timeout_at(until_s):
            yield
    except TimeoutError as error:
        raise too_late() from error


def too_late() -> QueryTimeoutError:
    """The error of who waited until the deadline."""
    return QueryTimeoutError(
        "there was no answer in time (the parameter timeout, --query.timeout or "
        "--upstream.request-timeout): ask for fewer series or a shorter range"
    )
