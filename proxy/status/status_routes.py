"""The routes of the status page. All others are still Thanos's, `/status` and `/graph` too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.api.routes import Route, route
from proxy.status.endpoints import CancelEndpoint, JsonEndpoint, PageEndpoint, TakeSnapshot
from proxy.status.events import EventsEndpoint
from proxy.status.lately import Lately
from proxy.status.page import whole_page
from proxy.status.snapshot_json import write_snapshot
from proxy.status.ui_files import ui_files

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from proxy.api.respond import ResponsePolicy
    from proxy.status.page import PageOptions

CANCEL_PATH = "/api/v1/admin/thanoxy/cancel"
_NAME = "status"
"""In metrics; `telemetry.book` knows by it what is no query."""


@dataclass(frozen=True, slots=True)
class StatusSource:
    """What the page shows and does: for all workers together.

    cancel: ends a running query by its id; whether it was running. leaving: set when the server leaves.
    life_s: for how long a page is given again: many who reload it cost no more than one.
    """

    snapshot: TakeSnapshot
    cancel: Callable[[str], bool]
    leaving: asyncio.Event
    life_s: float = 0.5


def status_routes(
    source: StatusSource, policy: ResponsePolicy, options: PageOptions, most_listeners: int
) -> dict[str, Route]:
    """By path, for `Router`."""
    page = Lately(lambda: whole_page(source.snapshot(), options), source.life_s)
    as_json = Lately(lambda: write_snapshot(source.snapshot()), source.life_s)
    events = EventsEndpoint(source.snapshot, options.is_admin, source.leaving, most_listeners)
    own = {f"/status/{name}": route(_NAME, "GET HEAD", file) for name, file in ui_files().items()}
    return {
        "/": route(_NAME, "GET HEAD", PageEndpoint(page)),
        "/status.json": route(_NAME, "GET HEAD", JsonEndpoint(as_json)),
        "/status/events": route(_NAME, "GET", events),
        CANCEL_PATH: route("cancel", "POST", CancelEndpoint(source.cancel, options.is_admin, policy)),
        **own,
    }
