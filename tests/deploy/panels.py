"""The dashboard's panels, and their queries as Prometheus gets them."""

from __future__ import annotations

import json
from typing import Any

from tests.deploy.expressions import MONITORING

BOARD: dict[str, Any] = json.loads((MONITORING / "grafana" / "thanoxy.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in BOARD["panels"] if panel["type"] != "row"]


def as_asked(expr: str) -> str:
    """As Prometheus gets it, once Grafana has put in what is chosen."""
    return expr.replace("$__rate_interval", "1m").replace("$job", ".+").replace("$instance", ".+")


def expressions() -> list[str]:
    return [as_asked(target["expr"]) for panel in PANELS for target in panel["targets"]]
