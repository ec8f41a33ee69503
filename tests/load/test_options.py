"""The command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.load import LoadError
from proxy.load.options import Options, parse_options

TARGET = ("--target", "http://host:9090")
TINY = (*TARGET, "--profile", "tiny", "--metric", "up")


def parse(*arguments: str) -> Options:
    return parse_options([*TINY, *arguments])


def test_the_defaults_are_those_of_a_grafana_user() -> None:
    options = parse()
    assert options.targets == ("http://host:9090",)
    assert (options.users, options.refresh_ms, options.duration_ms) == (1, 30_000, 60_000)
    assert (options.range_ms, options.step_ms, options.scrape_ms) == (21_600_000, 0, 15_000)
    assert (options.method, dict(options.headers)) == ("POST", {"Accept-Encoding": "gzip"})
    assert (options.max_requests, options.in_flight, options.timeout_ms) == (100_000, 256, 30_000)


def test_targets_may_be_several_and_each_counts_once() -> None:
    options = parse("--target", "http://other/", "--target", "http://host:9090/")
    assert options.targets == ("http://host:9090", "http://other")


def test_headers_tenant_and_compression_become_headers() -> None:
    options = parse("--header", "X-A=1", "--tenant", "team-a", "--no-gzip")
    assert options.headers == {
        "Accept-Encoding": "identity",
        "X-A": "1",
        "THANOS-TENANT": "team-a",
    }
    named = parse("--tenant", "t", "--tenant-header", "X-Scope-OrgID")
    assert named.headers["X-Scope-OrgID"] == "t"


def test_a_variable_given_twice_has_two_values() -> None:
    options = parse("--variable", "a=1", "--variable", "a=2", "--variable", "b=")
    assert options.variables == {"a": ("1", "2"), "b": ("",)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "required: --target"),
        (TARGET, "--dashboard --query-log --profile is required"),
        ((*TARGET, "--profile", "tiny"), "--profile needs --metric NAME"),
        ((*TARGET, "--profile", "huge"), "invalid choice: 'huge'"),
        ((*TINY, "--dashboard", "x.json"), "not allowed with argument --profile"),
        ((*TINY, "--users", "0"), "--users: '0' is no number from 1 to 100000"),
        ((*TINY, "--refresh", "1ms"), "--refresh: '1ms' is no duration between 100ms and 1d"),
        ((*TINY, "--duration", "2d"), "--duration"),
        ((*TINY, "--user", "3"), "unrecognized arguments: --user"),
    ],
)
def test_a_fault_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(LoadError) as caught:
        parse_options(arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_facts_name_headers_and_never_their_values() -> None:
    options = parse("--header", "Authorization=Bearer secret", "--tenant", "hidden")
    facts = dict(options.facts())
    assert facts["headers"] == "Accept-Encoding, Authorization, THANOS-TENANT"
    assert "secret" not in str(facts)
    assert "hidden" not in str(facts)
    assert (facts["source"], facts["refresh"]) == ("profile tiny of up", "30s")


def test_of_a_log_the_facts_say_its_pace() -> None:
    options = parse_options([*TARGET, "--query-log", "/some/where/q.log", "--log-speed", "4"])
    facts = dict(options.facts())
    assert options.query_log == Path("/some/where/q.log")
    assert (facts["source"], facts["pace"], facts["windows"]) == ("q.log", "x 4", "moved to now")
    assert "refresh" not in facts


def test_help_lists_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_options(["--help"])
    assert ended.value.code == 0
    assert "--max-requests" in capsys.readouterr().out
