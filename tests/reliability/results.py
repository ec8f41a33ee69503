"""A run of all scenarios as the JSON file that the tables are made from."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from benchmarks.results import FOLDER, Machine
from tests.reliability.figures import Figures

if TYPE_CHECKING:
    from pathlib import Path

KIND = "reliability"
"""Files are `.benchmarks/reliability-<number>.json`."""


@dataclasses.dataclass(frozen=True)
class Results:
    """All rows, in the order in which they were measured."""

    machine: Machine
    took_s: float
    per_s: float
    rows: list[Figures]


def save(results: Results, folder: Path = FOLDER) -> Path:
    """Write it into the next free file."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (path := folder / f"{KIND}-{number}.json").exists():
        number += 1
    path.write_text(json.dumps(dataclasses.asdict(results), indent=1), "utf-8")
    return path


def read(path: Path) -> Results:
    """What `save` has written.

    Raises:
        SystemExit: the file is not that.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        return Results(
            machine=Machine(**document["machine"]),
            took_s=document["took_s"],
            per_s=document["per_s"],
            rows=[Figures(**row) for row in document["rows"]],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path} is not a run of tests.reliability.table: {error!r}") from error
