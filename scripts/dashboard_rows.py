"""The rows of the Grafana dashboard, from top to bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.dashboard_answers import GLANCE, KEPT, PATH
from scripts.dashboard_parts import LOAD, PROCESS, UPSTREAM

if TYPE_CHECKING:
    from scripts.dashboard_panels import Panel

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    ("At a glance", GLANCE),
    ("The path of a query", PATH),
    ("Cache and tiers", KEPT),
    ("Upstream", UPSTREAM),
    ("Queue, memory, tenants", LOAD),
    ("Process and event loop", PROCESS),
)
