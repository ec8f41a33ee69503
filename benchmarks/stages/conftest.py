"""What the micro-benchmarks share: how long each may take, and the answers that they work on.

    pytest benchmarks/stages                     all of them, in about two minutes
    pytest benchmarks/stages -k "scan and 1000x"
    pytest benchmarks/stages --benchmark-max-time=2

Sizes are session fixtures, so that pytest runs all stages of one size together and only one size's
answers are in memory.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytest_benchmark.logger import PytestBenchmarkWarning

from benchmarks.stages.inputs import SHORT_SIZES, SIZES, Answer, Kind, Size
from benchmarks.stages.measure import Measure
from benchmarks.table import find_run

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

_DEFAULTS = {"max_time": "0.3", "min_rounds": 3}
"""In place of pytest-benchmark's own, unless the command line says otherwise."""

_OTHER_MACHINE = "Benchmark machine_info is different"
"""No error, as warnings are elsewhere: a run of another machine may be compared with."""

_PATH = ("bench_request", "bench_lookup", "bench_scan", "bench_pieces", "bench_answer")
"""The modules in the order in which a query passes through the stages; others follow."""


@pytest.hookimpl(tryfirst=True)  # before pytest-benchmark reads its options
def pytest_configure(config: pytest.Config) -> None:
    for name, value in _DEFAULTS.items():
        flag = f"--benchmark-{name.replace('_', '-')}"
        if not any(argument.startswith(flag) for argument in config.invocation_params.args):
            setattr(config.option, f"benchmark_{name}", value)
    warnings.filterwarnings("default", _OTHER_MACHINE, PytestBenchmarkWarning)
    _refuse_unknown_run(config)


def _refuse_unknown_run(config: pytest.Config) -> None:
    """At once, in one line; pytest-benchmark would say it with a traceback."""
    wanted = config.getoption("benchmark_compare")
    if isinstance(wanted, str):
        try:
            find_run(wanted, Path(config.getoption("benchmark_storage").removeprefix("file://")))
        except SystemExit as error:
            raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(tryfirst=True)  # before items are grouped by their session fixtures
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    own = [item for item in items if item.path.parent == here]
    others = [item for item in items if item.path.parent != here]
    items[:] = others + sorted(own, key=lambda item: _place(item.path.stem))


def _place(module: str) -> int:
    return _PATH.index(module) if module in _PATH else len(_PATH)


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Only what two runs on one machine have in common, so that they count as comparable."""
    cpu = machine_info["cpu"]
    machine_info["cpu"] = {name: cpu.get(name) for name in ("arch", "brand_raw", "count")}
    del machine_info["node"]


@pytest.fixture
def measure(benchmark: BenchmarkFixture) -> Measure:
    return Measure(benchmark)


@pytest.fixture(scope="session", params=SIZES, ids=str)
def size(request: pytest.FixtureRequest) -> Size:
    chosen: Size = request.param
    return chosen


@pytest.fixture(scope="session", params=SHORT_SIZES, ids=str)
def short_size(request: pytest.FixtureRequest) -> Size:
    chosen: Size = request.param
    return chosen


@pytest.fixture(scope="session")
def full(size: Size) -> Answer:
    """A float at every step."""
    return Answer(size, Kind.FULL)


@pytest.fixture(scope="session")
def gappy(size: Size) -> Answer:
    """Missing steps, and series that come and go."""
    return Answer(size, Kind.GAPS)


@pytest.fixture(scope="session")
def short(short_size: Size) -> Answer:
    """A float at every one of fewer steps."""
    return Answer(short_size, Kind.FULL)


@pytest.fixture(scope="session")
def histograms(short_size: Size) -> Answer:
    """Native histograms."""
    return Answer(short_size, Kind.HISTOGRAMS)
