"""What a run of the benchmarks found, as values, and as the JSON file that the report is made from.

Files are `.benchmarks/<kind>-<number>.json`; the kinds are `peers`, `growth` and `workers`.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(".benchmarks")
VERSION = 1
T = TypeVar("T")


@dataclass(frozen=True)
class Machine:
    """What a run ran on, without anything that names the machine.

    busy: the share of the processors that others used in the second before the run.
    """

    cores: int
    memory_gb: float
    system: str
    busy: float
    versions: dict[str, str]


@dataclass(frozen=True)
class Row:
    """What one peer needed for one workload. Per request: times, upstream requests and bytes.

    samples: asked of the upstream in the whole workload; client_samples: asked by the client.
    What is not known of a peer is NaN.
    """

    workload: str
    kind: str
    peer: str
    requests: int
    median_ms: float
    p99_ms: float
    cpu_ms: float
    upstream_requests: float
    upstream_mb: float
    samples: float
    client_samples: float
    errors: int = 0


@dataclass(frozen=True)
class Throughput:
    """Requests that a peer answers for each second of processor time, of one kind of query."""

    workload: str
    peer: str
    requests_per_core_s: float


@dataclass(frozen=True)
class Memory:
    """What the resident memory of a peer grew by while it kept so many points; `peak` of all."""

    peer: str
    points: int
    grown_bytes: int
    peak_bytes: int

    @property
    def bytes_a_point(self) -> float:
        return self.grown_bytes / self.points


@dataclass(frozen=True)
class Crowd:
    """Many clients at once, server and load generator with one processor each.

    how: `users` or `connections`, see benchmarks/crowd.py.
    busy: how much of its processor the load generator used; late: requests that it sent late.
    """

    peer: str
    how: str
    clients: int
    seconds: float
    requests: int
    errors: int
    answered_per_s: float
    median_ms: float
    p99_ms: float
    most_ms: float
    busy: float
    late: int = 0


@dataclass(frozen=True)
class Read:
    """A remote read through a Prometheus; what one read took, and the peer's own processor time."""

    peer: str
    samples: int
    median_ms: float
    cpu_ms: float
    is_claimed: bool


@dataclass
class PeersRun:
    """All of `python -m benchmarks.peers`."""

    machine: Machine
    is_quick: bool
    took_s: float = 0.0
    rows: list[Row] = field(default_factory=list)
    throughput: list[Throughput] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    crowd: list[Crowd] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Curve:
    """One measured dependence: `y` at each `x`. `group` is the plot that it belongs to."""

    group: str
    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass
class GrowthRun:
    """All of `python -m benchmarks.growth`."""

    machine: Machine
    is_quick: bool
    took_s: float = 0.0
    curves: list[Curve] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Workers:
    """What so many workers gave in one part of a run; the part says which values there are."""

    part: str
    name: str
    count: int
    values: dict[str, float]


@dataclass
class WorkersRun:
    """All of `python -m benchmarks.workers`."""

    machine: Machine
    is_quick: bool
    took_s: float = 0.0
    rows: list[Workers] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def save(run: PeersRun | GrowthRun | WorkersRun, kind: str, folder: Path = FOLDER) -> Path:
    """Write the run into the next free file of its kind."""
    folder.mkdir(parents=True, exist_ok=True)
    number = max((_number(path) for path in folder.glob(f"{kind}-*.json")), default=0) + 1
    path = folder / f"{kind}-{number}.json"
    document = {"version": VERSION, **_without_nan(asdict(run))}
    path.write_text(json.dumps(document, indent=1), "utf-8")
    return path


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null stands for it."""
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def find(name: str, kind: str, folder: Path = FOLDER) -> Path:
    """A run by its number or its file; the newest of its kind without a name.

    Raises:
        SystemExit: there is none.
    """
    if name and Path(name).is_file():
        return Path(name)
    found = sorted(folder.glob(f"{kind}-{name or '*'}.json"), key=_number)
    if not found:
        raise SystemExit(f"no {kind} run {name or 'at all'} in {folder}: make bench-{kind} makes one")
    return found[-1]


def _number(path: Path) -> int:
    text = path.stem.rpartition("-")[2]
    return int(text) if text.isdecimal() else 0


def read_peers(path: Path) -> PeersRun:
    """Raises `SystemExit` for a file that is not a run of the peers."""
    document = _document(path)
    try:
        return PeersRun(
            **_head(document),
            rows=_values(Row, document["rows"]),
            throughput=_values(Throughput, document["throughput"]),
            memory=_values(Memory, document["memory"]),
            crowd=_values(Crowd, document["crowd"]),
            reads=_values(Read, document["reads"]),
        )
    except (KeyError, TypeError) as error:
        raise SystemExit(f"{path} is not a run of benchmarks.peers: {error!r}") from error


def read_growth(path: Path) -> GrowthRun:
    """Raises `SystemExit` for a file that is not a run of the growth."""
    document = _document(path)
    try:
        curves = [
            Curve(one["group"], one["name"], tuple(one["x"]), tuple(one["y"]))
            for one in document["curves"]
        ]
        return GrowthRun(**_head(document), curves=curves)
    except (KeyError, TypeError) as error:
        raise SystemExit(f"{path} is not a run of benchmarks.growth: {error!r}") from error


def read_workers(path: Path) -> WorkersRun:
    """Raises `SystemExit` for a file that is not a run of the workers."""
    document = _document(path)
    try:
        return WorkersRun(**_head(document), rows=_values(Workers, document["rows"]))
    except (KeyError, TypeError) as error:
        raise SystemExit(f"{path} is not a run of benchmarks.workers: {error!r}") from error


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise SystemExit(f"{path} is not a run that these benchmarks saved")
    return document


def _head(document: dict[str, Any]) -> dict[str, Any]:
    machine = _values(Machine, [document["machine"]])[0]
    kept = {name: document[name] for name in ("is_quick", "took_s", "notes")}
    return {"machine": machine, **kept}


def _values(kind: type[T], documents: Sequence[dict[str, Any]]) -> list[T]:
    floats = {one.name for one in fields(kind) if one.type == "float"}  # type: ignore[arg-type]
    return [
        kind(**{k: math.nan if v is None and k in floats else v for k, v in document.items()})
        for document in documents
    ]
