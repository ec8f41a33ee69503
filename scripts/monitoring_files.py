"""Writes what is made in deploy/: the dashboard, and copies for Kubernetes and the chart.

    python -m scripts.monitoring_files
    python -m scripts.monitoring_files --check   exit with 1 when a file is not what it should be

Helm reads no file outside of its chart, kustomize makes no PrometheusRule of a file: hence copies.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.dashboard import dashboard

if TYPE_CHECKING:
    from collections.abc import Sequence

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
RULES = Path("monitoring/prometheus/thanoxy-rules.yaml")
_RESOURCE = """\
# For the Prometheus operator. Written by scripts/monitoring_files.py out of deploy/{rules}.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: thanoxy
  labels:
    app.kubernetes.io/name: thanoxy
spec:
"""


def wanted(deploy: Path = DEPLOY) -> dict[Path, str]:
    """The text of each file, by its path below deploy/."""
    rules = (deploy / RULES).read_text("utf-8")
    board = json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"
    return {
        Path("monitoring/grafana/thanoxy.json"): board,
        Path("helm/thanoxy/files/thanoxy.json"): board,
        Path("helm/thanoxy/files/thanoxy-rules.yaml"): rules,
        Path("kubernetes/optional/prometheusrule.yaml"): _RESOURCE.format(rules=RULES)
        + _indented(rules),
    }


def _indented(rules: str) -> str:
    body = rules[rules.index("groups:") :]
    return "".join(f"  {line}" if line.strip() else line for line in body.splitlines(keepends=True))


def stale(deploy: Path = DEPLOY) -> list[Path]:
    """Files that are missing, or have another text."""
    return [
        path
        for path, text in wanted(deploy).items()
        if not (deploy / path).exists() or (deploy / path).read_text("utf-8") != text
    ]


def main(arguments: Sequence[str], deploy: Path = DEPLOY) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts.monitoring_files", description="What is made in deploy/."
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 when a file is stale")
    found = stale(deploy)
    if parser.parse_args(arguments).check:
        for path in found:
            sys.stdout.write(f"deploy/{path} is stale; run: python -m scripts.monitoring_files\n")
        return int(bool(found))
    for path, text in wanted(deploy).items():
        (deploy / path).parent.mkdir(parents=True, exist_ok=True)
        (deploy / path).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
