"""The command line of `thanoxy-load`, checked."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from proxy.load import LoadError, values
from proxy.load.profile import PROFILES
from proxy.load.schedule import LEAST_TURN_MS
from proxy.load.units import span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DAY_MS = 86_400_000
_USAGE = """thanoxy-load --target URL [--target URL …]
       (--dashboard FILE.json | --query-log FILE | --profile NAME --metric NAME)
       [--users N] [--refresh 30s] [--range 6h] [--duration 1m] [--report out.html] …"""


@dataclass(frozen=True, slots=True)
class Options:
    """Everything the command line says."""

    targets: tuple[str, ...]
    dashboard: Path | None
    query_log: Path | None
    profile: str
    metric: str
    by: str
    variables: Mapping[str, tuple[str, ...]]
    users: int
    refresh_ms: int
    range_ms: int
    duration_ms: int
    step_ms: int
    end_ms: int
    scrape_ms: int
    screen_px: int
    keep_log_times: bool
    log_speed: float
    seed: int
    headers: Mapping[str, str]
    method: str
    timeout_ms: int
    max_requests: int
    in_flight: int
    report: Path | None
    hgrm: Path | None
    compare_baseline: bool
    dry_run: bool

    def facts(self) -> tuple[tuple[str, str], ...]:
        """What the report says of the run. Of headers the names only: values may be secrets."""
        source = self.dashboard or self.query_log
        found = [("source", source.name if source else f"profile {self.profile} of {self.metric}")]
        if self.query_log is None:
            found += [("refresh", span(self.refresh_ms)), ("range", span(self.range_ms))]
        else:
            windows = "at their own times" if self.keep_log_times else "moved to now"
            found += [("pace", f"x {self.log_speed:g}"), ("windows", windows)]
        found += [
            ("users", f"{self.users:,}"),
            ("duration", span(self.duration_ms)),
            ("step", span(self.step_ms) if self.step_ms else "auto"),
            ("in flight", f"at most {self.in_flight:,}"),
            ("timeout", span(self.timeout_ms)),
            ("method", self.method),
        ]
        return (*found, ("headers", ", ".join(self.headers)), ("seed", str(self.seed)))


class _Parser(argparse.ArgumentParser):
    """Faults are one line."""

    def error(self, message: str) -> NoReturn:
        raise LoadError(f"{message} (--help lists the options)")


def parse_options(arguments: Sequence[str]) -> Options:
    """Raises `LoadError`; `--help` ends the program."""
    found = _parser().parse_args(arguments)
    if found.profile and not found.metric:
        raise LoadError("--profile needs --metric NAME")
    headers = {"Accept-Encoding": "gzip" if found.gzip else "identity"}
    headers |= dict(found.header)
    if found.tenant:
        headers[found.tenant_header] = found.tenant
    variables: dict[str, tuple[str, ...]] = {}
    for name, value in found.variable:
        variables[name] = (*variables.get(name, ()), value)
    targets = tuple(dict.fromkeys(found.target))
    for name in ("gzip", "header", "tenant", "tenant_header", "variable", "target"):
        delattr(found, name)
    return Options(targets=targets, headers=headers, variables=variables, **vars(found))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="thanoxy-load",
        usage=_USAGE,
        description="Load-test a Prometheus API as dashboards do: open loop, bounded, reported.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--target",
        type=values.url,
        action="append",
        required=True,
        metavar="URL",
        help="a Prometheus API; repeatable",
    )
    _add_source(parser)
    _add_view(parser)
    _add_load(parser)
    _add_request(parser)
    _add_output(parser)
    return parser


def _add_source(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is asked")
    source = group.add_mutually_exclusive_group(required=True)
    source.add_argument("--dashboard", type=Path, metavar="FILE", help="a Grafana dashboard's JSON")
    source.add_argument(
        "--query-log", type=Path, metavar="FILE", help="Prometheus's query log, or slow-query lines"
    )
    source.add_argument("--profile", choices=PROFILES, default="", help="made up around --metric")
    group.add_argument(
        "--metric", default="", metavar="NAME", help="for --profile: a metric, best a counter"
    )
    group.add_argument(
        "--by",
        type=values.label_name,
        default="instance",
        metavar="LABEL",
        help="for --profile: its label (%(default)s)",
    )
    group.add_argument(
        "--variable",
        type=values.pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a dashboard's variable; repeatable",
    )
    group.add_argument(
        "--keep-log-times", action="store_true", help="do not move a log's windows to now"
    )
    group.add_argument(
        "--log-speed",
        type=values.speed,
        default=1.0,
        metavar="X",
        help="times the log's own pace (%(default)s)",
    )


def _add_view(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it is looked at")
    group.add_argument(
        "--range",
        type=values.duration(3650 * DAY_MS),
        default="6h",
        dest="range_ms",
        help="the dashboard's time range (%(default)s)",
        metavar="DURATION",
    )
    group.add_argument(
        "--step",
        type=values.step,
        default="auto",
        dest="step_ms",
        help="auto (as Grafana computes it) or a duration (%(default)s)",
        metavar="DURATION",
    )
    group.add_argument(
        "--scrape-interval",
        type=values.duration(DAY_MS),
        default="15s",
        dest="scrape_ms",
        help="as the datasource has it (%(default)s)",
        metavar="DURATION",
    )
    group.add_argument(
        "--screen-width",
        type=values.whole(1, 100_000),
        default="1600",
        dest="screen_px",
        metavar="PIXELS",
        help="decides a panel's data points (%(default)s)",
    )
    group.add_argument(
        "--end",
        type=values.moment,
        default="0",
        dest="end_ms",
        metavar="TIME",
        help="ask as if the run began then; 0: now",
    )


def _add_load(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how much, how long")
    group.add_argument(
        "--users",
        type=values.whole(1, 100_000),
        default="1",
        metavar="N",
        help="each on their own (%(default)s)",
    )
    group.add_argument(
        "--refresh",
        type=values.duration(DAY_MS, int(LEAST_TURN_MS)),
        default="30s",
        dest="refresh_ms",
        metavar="DURATION",
        help="how often each user asks (%(default)s)",
    )
    group.add_argument(
        "--duration",
        type=values.duration(DAY_MS, 1_000),
        default="1m",
        dest="duration_ms",
        metavar="DURATION",
        help="how long requests are sent (%(default)s)",
    )
    group.add_argument(
        "--max-requests",
        type=values.whole(1, 100_000_000),
        default="100000",
        metavar="N",
        help="to each target (%(default)s)",
    )
    group.add_argument(
        "--in-flight",
        type=values.whole(1, 10_000),
        default="256",
        metavar="N",
        help="requests at once to each target; the others wait, and that counts (%(default)s)",
    )
    group.add_argument(
        "--seed",
        type=values.whole(0, 2**63 - 1),
        default="1",
        metavar="N",
        help="of the users' spread (%(default)s)",
    )


def _add_request(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it is asked")
    group.add_argument(
        "--method", choices=("POST", "GET"), default="POST", help="POST as Grafana, or GET"
    )
    group.add_argument(
        "--header",
        type=values.header,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="repeatable",
    )
    group.add_argument("--tenant", type=values.header_value, default="", help="the tenant to ask as")
    group.add_argument(
        "--tenant-header",
        type=values.header_name,
        default="THANOS-TENANT",
        metavar="NAME",
        help="where --tenant goes (%(default)s)",
    )
    group.add_argument(
        "--gzip", action=argparse.BooleanOptionalAction, default=True, help="take gzip, as Grafana"
    )
    group.add_argument(
        "--timeout",
        type=values.duration(3_600_000, 10),
        default="30s",
        dest="timeout_ms",
        metavar="DURATION",
        help="of a request, from its planned time on (%(default)s)",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what comes of it")
    group.add_argument("--report", type=values.writable, metavar="FILE", help="write an HTML report")
    group.add_argument(
        "--hgrm",
        type=values.writable,
        metavar="FILE",
        help="write the latencies as HdrHistogram's text",
    )
    group.add_argument(
        "--compare-baseline", action="store_true", help="show ratios against the first target"
    )
    group.add_argument("--dry-run", action="store_true", help="list the questions, send nothing")
