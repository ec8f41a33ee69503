"""Settings: where they come from, in which order, and what is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from proxy.config import WITHOUT_EFFECT, SettingError, Settings, load_settings, rows

if TYPE_CHECKING:
    from pathlib import Path

HOUR_MS = 3_600_000

FROM_QUERY_FRONTEND = [
    "--http-address=0.0.0.0:9090",
    "--http-grace-period=2m",
    "--query-frontend.downstream-url=http://thanos-query:9090",
    "--query-range.split-interval=24h",
    "--query-range.max-retries-per-request=5",
    "--query-range.max-query-parallelism=14",
    "--query-range.align-range-with-step",
    "--no-query-range.request-downsampled",
    "--query-range.partial-response",
    "--labels.split-interval=24h",
    "--labels.default-time-range=24h",
    "--query-frontend.forward-header=X-Foo",
    "--query-frontend.forward-header=X-Bar",
    "--query-frontend.vertical-shards=4",
    "--query-frontend.log-queries-longer-than=5s",
    "--query-frontend.compress-responses",
    "--web.disable-cors",
    "--log.level=warn",
]


def load(*arguments: str, **environment: str) -> Settings:
    return load_settings(arguments, environment)[0]


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return tmp_path / "thanoxy.toml"


def test_without_anything_the_defaults_hold() -> None:
    assert load() == Settings()
    assert load().split_interval_ms == 24 * HOUR_MS
    assert load().max_response_bytes == 512 * 2**20


def test_a_flag_wins_over_environment_file_and_default(config_file: Path) -> None:
    config_file.write_text('query-range.split-interval = "2h"')
    given = [f"--config.file={config_file}"]
    environment = {"THANOXY_QUERY_RANGE_SPLIT_INTERVAL": "3h"}
    assert load(*given).split_interval_ms == 2 * HOUR_MS
    assert load(*given, **environment).split_interval_ms == 3 * HOUR_MS
    assert load(*given, "--query-range.split-interval=4h", **environment).split_interval_ms == (
        4 * HOUR_MS
    )


def test_the_file_may_be_named_by_the_environment_too(config_file: Path) -> None:
    config_file.write_text("demo = true")
    assert load(THANOXY_CONFIG_FILE=str(config_file)).demo
    config_file.with_name("other.toml").write_text("demo = false")
    other = f"--config.file={config_file.with_name('other.toml')}"
    assert not load(other, THANOXY_CONFIG_FILE=str(config_file)).demo


def test_a_file_speaks_in_tables_or_in_dotted_names_and_in_tomls_own_types(
    config_file: Path,
) -> None:
    config_file.write_text(
        'http-address = "127.0.0.1:1"\n[query-range]\nmax-query-parallelism = 3\n'
        'split-interval = "1h"\nalign-range-with-step = true\n[query-frontend]\n'
        'downstream-url = "http://x:1"\ncompress-responses = false\n'
    )
    settings = load(f"--config.file={config_file}")
    assert settings.http_address == "127.0.0.1:1"
    assert settings.max_query_parallelism == 3
    assert settings.split_interval_ms == HOUR_MS
    assert settings.align_range_with_step
    assert settings.downstream_urls == ("http://x:1",)
    assert not settings.compress_responses


@pytest.mark.parametrize(
    ("arguments", "is_demo"),
    [
        (["--demo"], True),
        (["--demo=true"], True),
        (["--demo", "false"], False),
        (["--demo=0"], False),
        (["--no-demo"], False),
        (["--demo", "--no-demo"], False),
        (["--no-demo", "--demo", "--log.level=info"], True),
    ],
)
def test_switches_have_the_forms_of_kingpin(arguments: list[str], is_demo: bool) -> None:
    assert load(*arguments).demo is is_demo


def test_values_stand_behind_an_equals_sign_or_a_space() -> None:
    assert load("--query-range.split-interval", "1h") == load("--query-range.split-interval=1h")


def test_the_flags_of_query_frontend_are_understood() -> None:
    settings, idle = load_settings(FROM_QUERY_FRONTEND, {})
    assert settings.downstream_urls == ("http://thanos-query:9090",)
    assert settings.align_range_with_step
    assert settings.log_queries_longer_than_ms == 5000
    assert settings.log_level == "warn"
    assert sorted(line.split()[0] for line in idle) == [
        "--labels.default-time-range",
        "--labels.split-interval",
        "--query-frontend.forward-header",
        "--query-frontend.vertical-shards",
        "--query-range.partial-response",
        "--query-range.request-downsampled",
    ]


def test_a_list_is_given_by_several_flags_or_by_commas_or_by_both() -> None:
    several = load("--upstream.replica-label=a", "--upstream.replica-label", "b,c")
    assert several.replica_labels == ("a", "b", "c")
    assert load("--upstream.replica-label=a,b,c").replica_labels == ("a", "b", "c")
    assert load("--upstream.replica-label=a", "--upstream.replica-label=a").replica_labels == ("a",)


def test_addresses_are_a_list_and_each_is_checked() -> None:
    given = [f"--upstream.grpc-address={address}" for address in ("a:1", "[::1]:2")]
    assert load(*given).grpc_addresses == ("a:1", "[::1]:2")
    with pytest.raises(SettingError, match="=a:1,b: an address such as"):
        load("--upstream.grpc-address=a:1", "--upstream.grpc-address=b")


def test_an_empty_list_is_given_by_an_empty_value(config_file: Path) -> None:
    config_file.write_text('upstream.replica-label = ["a"]')
    given = f"--config.file={config_file}"
    assert load(given).replica_labels == ("a",)
    assert load(given, "--upstream.replica-label=").replica_labels == ()
    assert load(given, THANOXY_UPSTREAM_REPLICA_LABEL="").replica_labels == ()


def test_a_list_of_flags_takes_the_place_of_the_environments_and_of_the_files(
    config_file: Path,
) -> None:
    config_file.write_text('[upstream]\nreplica-label = ["a", "b"]')
    given = f"--config.file={config_file}"
    assert load(given).replica_labels == ("a", "b")
    environment = {"THANOXY_UPSTREAM_REPLICA_LABEL": "c d"}
    assert load(given, **environment).replica_labels == ("c", "d")
    assert load(given, "--upstream.replica-label=e", **environment).replica_labels == ("e",)


def test_a_file_may_write_a_list_as_text_or_leave_it_empty(config_file: Path) -> None:
    config_file.write_text("upstream.replica-label = 'a,b'\nupstream.grpc-address = []")
    settings = load(f"--config.file={config_file}")
    assert (settings.replica_labels, settings.grpc_addresses) == (("a", "b"), ())


def test_an_empty_list_names_nothing() -> None:
    assert (load().replica_labels, load().grpc_addresses) == ((), ())


def test_of_a_flag_that_is_no_list_the_last_one_counts() -> None:
    assert load("--log.level=warn", "--log.level=error").log_level == "error"


@pytest.mark.parametrize("flag", WITHOUT_EFFECT)
def test_a_flag_without_effect_is_named_with_the_reason(flag: str) -> None:
    settings, idle = load_settings([f"--{flag}=x"], {})
    assert settings == Settings()
    assert idle == [f"--{flag} has no effect: {WITHOUT_EFFECT[flag]}"]


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("--query-range.split-interval=0", "split_interval_ms", 0),
        ("--query-range.split-interval=1h30m", "split_interval_ms", 5_400_000),
        ("--upstream.request-timeout=2.5", "request_timeout_ms", 2500),
        ("--upstream.max-response-bytes=1GiB", "max_response_bytes", 2**30),
        ("--upstream.max-response-bytes=10 kb", "max_response_bytes", 10 * 2**10),
        ("--upstream.max-response-bytes=77", "max_response_bytes", 77),
        ("--query-range.max-retries-per-request=0", "max_retries_per_request", 0),
        ("--query-frontend.log-queries-longer-than=-1s", "log_queries_longer_than_ms", -1000),
    ],
)
def test_values_are_read_in_their_units(argument: str, name: str, value: int) -> None:
    assert getattr(load(argument), name) == value


@pytest.mark.parametrize(
    "argument",
    [
        "--nope", "--nope=1", "extra", "--http-address", "--query-range.split=1h",
        "--query-range.split-interval=", "--query-range.split-interval=soon",
        "--query-range.split-interval=-5m", "--query-range.max-query-parallelism=0",
        "--query-range.max-query-parallelism=-1", "--query-range.max-query-parallelism=1.5",
        "--query-range.max-query-parallelism=٣", "--demo=maybe", "--engine.worker-threads=0",
        "--upstream.max-response-bytes=1.5GB", "--upstream.max-response-bytes=lots",
        "--query-frontend.downstream-url=", "--query-frontend.downstream-url=thanos-query:9090",
        "--query-frontend.downstream-url=ftp://x", "--query-frontend.downstream-url=http://",
        "--query-frontend.downstream-url=http://x:99999",
        "--query-frontend.downstream-url=http://x/?a=b",
        "--query-frontend.downstream-url=http://[::1", "--log.level=loud",
        "--config.file=/does/not/exist",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_line_that_names_it(argument: str) -> None:
    with pytest.raises(SettingError) as caught:
        load(argument)
    assert "\n" not in str(caught.value)
    name = argument.lstrip("-").partition("=")[0].replace("config.file", "config file")
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("demo = maybe", "Invalid value"),
        ("[query-range]\nsplit = '1h'", "unknown settings query-range.split"),
        ("query-range.split-interval = 'soon'", "a duration such as"),
        ("\xff", "file"),
        ("upstream.grpc-address = ['a:1', 'b']", "a:1,b: an address such as"),
        ("upstream.grpc-address = [1]", "an address such as"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(config_file: Path, text: str, complaint: str) -> None:
    config_file.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingError, match=re.escape(complaint)):
        load(f"--config.file={config_file}")


def test_an_environment_variable_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(SettingError, match="split-interval"):
        load(THANOXY_QUERY_RANGE_SPLIT_INTERVAL="soon")


def test_variables_of_others_are_left_alone() -> None:
    assert load(THANOXY_UNKNOWN="1", HTTP_ADDRESS="x", QUERY_RANGE_SPLIT_INTERVAL="x") == Settings()


def test_every_setting_is_a_full_row_of_the_table() -> None:
    flags = [row["flag"] for row in rows()]
    assert len(set(flags)) == len(flags)
    assert not set(flags) & WITHOUT_EFFECT.keys()
    for row in rows():
        assert row["meaning"]
        assert getattr(Settings(), row["name"]) == row["parse"](row["default"])


def test_help_lists_every_setting_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        load("--help")
    assert left.value.code == 0
    text = re.sub(r"\s+", "", capsys.readouterr().out)  # lines break in words with hyphens
    for row in rows():
        assert f"--{row['flag']}" in text
        assert re.sub(r"\s+", "", f"{row['meaning']}[{row['default']}]") in text
