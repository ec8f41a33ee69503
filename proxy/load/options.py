"""The command line of `thanoxy-load`, checked."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from proxy.load import LoadError, values
from proxy.load.profile import PROFILES
from proxy.load.schedule import LEAST_TURN_MS
from proxy.load.units import span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    _add_settings(parser, "how it is looked at", _VIEW)
    _add_settings(parser, "how much, how long", _LOAD)
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


class _Setting(NamedTuple):
    """An option with one value and a default."""

    flag: str
    name: str
    read: Callable[[str], object]
    default: str
    shown: str
    meaning: str


_VIEW = (
    _Setting(
        "--range",
        "range_ms",
        values.duration(3650 * DAY_MS),
        "6h",
        "DURATION",
        "the dashboard's time range",
    ),
    _Setting(
        "--step",
        "step_ms",
        values.step,
        "auto",
        "DURATION",
        "auto (as Grafana computes it) or a duration",
    ),
    _Setting(
        "--scrape-interval",
        "scrape_ms",
        values.duration(DAY_MS),
        "15s",
        "DURATION",
        "as the datasource has it",
    ),
    _Setting(
        "--screen-width",
        "screen_px",
        values.whole(1, 100_000),
        "1600",
        "PIXELS",
        "decides a panel's data points",
    ),
    _Setting("--end", "end_ms", values.moment, "0", "TIME", "ask as if the run began then; 0 is now"),
)
_LOAD = (
    _Setting("--users", "users", values.whole(1, 100_000), "1", "N", "each on their own"),
    _Setting(
        "--refresh",
        "refresh_ms",
        values.duration(DAY_MS, int(LEAST_TURN_MS)),
        "30s",
        "DURATION",
        "how often each user asks",
    ),
    _Setting(
        "--duration",
        "duration_ms",
        values.duration(DAY_MS, 100),
        "1m",
        "DURATION",
        "how long requests are sent",
    ),
    _Setting(
        "--max-requests", "max_requests", values.whole(1, 100_000_000), "100000", "N", "to each target"
    ),
    _Setting(
        "--in-flight",
        "in_flight",
        values.whole(1, 10_000),
        "256",
        "N",
        "at once to each target; the others wait, and that counts",
    ),
    _Setting(
        "--timeout",
        "timeout_ms",
        values.duration(3_600_000, 10),
        "30s",
        "DURATION",
        "of a request, from its planned time on",
    ),
    _Setting("--seed", "seed", values.whole(0, 2**63 - 1), "1", "N", "of the users' spread"),
)


def _add_settings(parser: argparse.ArgumentParser, title: str, settings: Sequence[_Setting]) -> None:
    group = parser.add_argument_group(title)
    for setting in settings:
        group.add_argument(
            setting.flag,
            dest=setting.name,
            type=setting.read,
            default=setting.default,
            metavar=setting.shown,
            help=f"{setting.meaning} (%(default)s)",
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
