"""Where traces go: by flag, or as Thanos's YAML says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.config import load_settings
from proxy.setting_values import SettingError
from proxy.settings import Settings
from proxy.tracing_config import TracingConfig, read_tracing_config
from proxy.tripper_config import TlsClient

if TYPE_CHECKING:
    from pathlib import Path

ALL = """
type: OTLP
config:
  client_type: http
  service_name: proxy
  resource_attributes: {env: test}
  reconnection_period: 1m
  compression: gzip
  insecure: true
  endpoint: collector:4318
  url_path: /otlp/v1/traces
  timeout: 3s
  retry_config: {retry_enabled: true}
  headers: {Authorization: Bearer x}
  tls_config: {ca_file: ca.crt}
  sampler_type: ParentBasedTraceIDRatioBased
  sampler_param: "0.25"
"""


def read(text: str) -> TracingConfig:
    found = read_tracing_config(Settings(tracing_config=text))
    assert found is not None
    return found


def http(*lines: str) -> str:
    return "\n  ".join(("type: OTLP\nconfig:", "client_type: http", *lines))


def test_traces_are_off_by_default() -> None:
    assert read_tracing_config(Settings()) is None
    assert read_tracing_config(load_settings(["--tracing.sample-share=0.5"], {})[0]) is None


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("https://collector:4318/", "https://collector:4318/v1/traces"),
        ("http://[::1]:4318/own/path", "http://[::1]:4318/own/path"),
    ],
)
def test_one_flag_is_enough(given: str, url: str) -> None:
    flags = [f"--tracing.otlp-endpoint={given}", "--tracing.sample-share=0.5"]
    assert read_tracing_config(load_settings(flags, {})[0]) == TracingConfig(url, share=0.5)


@pytest.mark.parametrize(
    "flag",
    [
        "otlp-endpoint=collector:4318",
        "otlp-endpoint=grpc://collector:4317",
        "otlp-endpoint=http://",
        "otlp-endpoint=http://collector:0",
        "otlp-endpoint=http://collector:99999",
        "otlp-endpoint=http://user:word@collector",
        "otlp-endpoint=http://collector/v1?token=x",
        "sample-share=1.5",
        "sample-share=-1",
        "sample-share=nan",
    ],
)
def test_a_value_that_cannot_be_used_is_refused(flag: str) -> None:
    with pytest.raises(SettingError, match="tracing"):
        load_settings([f"--tracing.{flag}"], {})


def test_what_thanos_understands_is_understood() -> None:
    assert read(ALL) == TracingConfig(
        url="http://collector:4318/otlp/v1/traces",
        share=0.25,
        heeds_parents=True,
        resource={"env": "test", "service.name": "proxy"},
        headers={"Authorization": "Bearer x"},
        timeout_ms=3_000,
        gzip=True,
        tls=TlsClient("ca.crt"),
        idle=read(ALL).idle,
    )
    assert [line.partition(":")[0] for line in read(ALL).idle] == [
        "reconnection_period",
        "retry_config",
    ]


def test_a_file_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "tracing.yaml"
    file.write_text(ALL)
    assert read_tracing_config(Settings(tracing_config_file=str(file))) == read(ALL)


def test_what_is_left_out_is_as_in_thanos() -> None:
    config = read(http())
    assert config.url == "https://localhost:4318/v1/traces"
    assert (config.share, config.heeds_parents, config.gzip) == (1.0, True, False)
    assert config.resource == {"service.name": "thanoxy"}


@pytest.mark.parametrize(
    ("sampler", "heeds_parents", "share"),
    [
        ("alwayssample", False, 1.0),
        ("neversample", False, 0.0),
        ("traceidratiobased", False, 0.5),
        ("parentbasedalwayssample", True, 1.0),
        ("parentbasedneversample", True, 0.0),
        ("parentbasedtraceidratiobased", True, 0.5),
    ],
)
def test_all_samplers_of_thanos_are_known(sampler: str, heeds_parents: bool, share: float) -> None:
    config = read(http(f"sampler_type: {sampler}", "sampler_param: 0.5"))
    assert (config.heeds_parents, config.share) == (heeds_parents, share)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("type: JAEGER", "type JAEGER is not possible, only OTLP is"),
        ("type: OTLP\nconfig: {client_type: grpc}", "client_type grpc is not possible, only http is"),
        ("type: OTLP", "only http is"),
        ("typ: OTLP", "has no option typ"),
        (http("sampler: x"), "has no option sampler"),
        (http("sampler_type: ratelimiting"), "sampler_type ratelimiting is not known"),
        (http("sampler_type: traceidratiobased", "sampler_param: '2'"), "sampler_param is a number"),
        (http("sampler_type: traceidratiobased", "sampler_param: [1]"), "sampler_param is a number"),
        (http("compression: zstd"), "compression is gzip or none"),
        (http("endpoint: 'http://a:b@c'"), "endpoint: only scheme, host, port and path"),
        (http("headers: {a: 1}"), "headers maps texts to texts"),
        (http("tls_config: {cert_file: a}"), "cert_file and key_file together"),
    ],
)
def test_what_is_not_possible_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(SettingError, match=why) as raised:
        read(text)
    assert str(raised.value).startswith("--tracing.config")


def test_two_ways_at_once_are_one_too_many() -> None:
    with pytest.raises(SettingError, match="not several"):
        read_tracing_config(Settings(tracing_config=ALL, otlp_endpoint="http://a/v1/traces"))
