"""How the upstream is connected to: what has a meaning here, and what is named as having none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from proxy.setting_values import SettingError
from proxy.tripper_config import TlsClient, TripperConfig, read_tripper_config

if TYPE_CHECKING:
    from pathlib import Path

ALL = """
idle_conn_timeout: 90s
response_header_timeout: 2m
tls_handshake_timeout: 10s
expect_continue_timeout: 1s
max_idle_conns: 100
max_idle_conns_per_host: 50
max_conns_per_host: 70
tls_config:
  ca_file: ca.crt
  cert_file: a.crt
  key_file: a.key
  server_name: thanos
  insecure_skip_verify: true
"""


def test_nothing_given_is_nothing_configured() -> None:
    assert read_tripper_config("", "") == TripperConfig()
    assert read_tripper_config("tls_config:", "") == TripperConfig()


def test_what_has_a_meaning_is_read_and_what_has_none_is_named() -> None:
    config = read_tripper_config(ALL, "")
    assert config.tls == TlsClient("ca.crt", "a.crt", "a.key", "thanos", insecure_skip_verify=True)
    assert (config.idle_conn_timeout_ms, config.response_header_timeout_ms) == (90_000, 120_000)
    assert config.max_conns_per_host == 70
    assert [line.partition(":")[0] for line in config.idle] == [
        "tls_handshake_timeout",
        "expect_continue_timeout",
        "max_idle_conns",
        "max_idle_conns_per_host",
    ]


def test_it_may_stand_in_a_file_but_not_in_both(tmp_path: Path) -> None:
    file = tmp_path / "tripper.yml"
    file.write_text("max_conns_per_host: 5", "utf-8")
    assert read_tripper_config("", str(file)) == TripperConfig(max_conns_per_host=5)
    with pytest.raises(SettingError, match="not both"):
        read_tripper_config("max_conns_per_host: 5", str(file))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("idle_conn_timeout: soon", "idle_conn_timeout: a duration"),
        ("max_conns_per_host: -1", "max_conns_per_host is a whole number"),
        ("max_conns_per_host: many", "max_conns_per_host is a whole number"),
        ("max_idle_conn: 5", "has no option max_idle_conn"),
        ("tls_config: {cert_file: a}", "needs cert_file and key_file together"),
        ("tls_config: {key_file: a}", "needs cert_file and key_file together"),
        ("tls_config: {min_version: TLS13}", "has no option min_version"),
        ("tls_config: on", "tls_config is a mapping"),
        ("tls_config: {insecure_skip_verify: maybe}", "insecure_skip_verify is true or false"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(SettingError, match=re.escape(words)):
        read_tripper_config(text, "")
