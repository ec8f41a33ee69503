"""The file or profile that the options name → the workload of a user."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeVar

from proxy.load import LoadError
from proxy.load.dashboard import Dashboard, Viewer, read_dashboard
from proxy.load.json_text import read_json
from proxy.load.profile import profile_dashboard
from proxy.load.query_log import QueryLog, read_query_log
from proxy.load.schedule import LEAST_TURN_MS
from proxy.load.workload import Workload, with_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from proxy.load.options import Options

T = TypeVar("T")

MOST_BYTES = 64 * 2**20
_MOST_LINE_BYTES = 2**20


def read_workload(options: Options) -> Workload:
    """Raises `LoadError` with the file's name when there is nothing to ask in it."""
    if options.query_log is not None:
        return _log_workload(options, options.query_log)
    if options.dashboard is not None:
        dashboard = _from_file(options.dashboard, lambda f: _dashboard(f, viewer(options)))
    else:
        dashboard = profile_dashboard(options.profile, options.metric, options.by, viewer(options))
    questions = dashboard.questions
    if options.step_ms:
        questions = tuple(with_step(questions, options.step_ms))
    return Workload(
        dashboard.title,
        questions,
        (0.0,) * len(questions),
        options.refresh_ms,
        dashboard.uid,
        dashboard.notes,
    )


def viewer(options: Options) -> Viewer:
    """The browser and the datasource that the options describe."""
    return Viewer(options.range_ms, options.screen_px, options.scrape_ms, options.variables)


def _from_file(path: Path, read: Callable[[BinaryIO], T]) -> T:
    try:
        with path.open("rb") as file:
            return read(file)
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror}") from error
    except LoadError as error:
        raise LoadError(f"{path}: {error}") from error


def _dashboard(file: BinaryIO, seen_by: Viewer) -> Dashboard:
    text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise LoadError(f"larger than {MOST_BYTES >> 20} MB")
    return read_dashboard(read_json(text), seen_by)


def _log_workload(options: Options, path: Path) -> Workload:
    log = _from_file(path, lambda f: read_query_log(_lines(f), keep_times=options.keep_log_times))
    questions = log.questions
    if options.step_ms:
        questions = tuple(with_step(questions, options.step_ms))
    offsets_ms, turn_ms = _pace(log, options.log_speed, options.refresh_ms)
    return Workload(path.name, questions, offsets_ms, turn_ms, notes=log.notes)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines up to a length; what is longer arrives in pieces that make no sense, and is noted."""
    return iter(lambda: file.readline(_MOST_LINE_BYTES), b"")


def _pace(log: QueryLog, speed: float, refresh_ms: float) -> tuple[tuple[float, ...], float]:
    """The log's own times; without any, all of it evenly within a refresh interval.

    A turn is as long as the log and one mean gap more, so that the last query and the first of the
    next turn do not fall on one moment.
    """
    number = len(log.questions)
    if log.offsets_ms is None or log.offsets_ms[-1] == 0:
        return tuple(i * refresh_ms / number for i in range(number)), refresh_ms
    gaps = [after - before for before, after in itertools.pairwise(log.offsets_ms)]
    span_ms = log.offsets_ms[-1] + sum(gaps) / len(gaps)
    offsets = tuple(offset / speed for offset in log.offsets_ms)
    return offsets, max(LEAST_TURN_MS, span_ms / speed)
