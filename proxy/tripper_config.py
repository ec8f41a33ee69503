"""The YAML of `--query-frontend.downstream-tripper-config`: how Thanos Query is connected to.

idle_conn_timeout: 90s
response_header_timeout: 2m
max_conns_per_host: 100
tls_config:
  ca_file: ca.crt
  cert_file: client.crt
  key_file: client.key
  server_name: thanos-query
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from proxy.setting_values import SettingError
from proxy.strict_yaml import Section, parse_section, read_section

_WHERE = "--query-frontend.downstream-tripper-config"
_DURATIONS = (
    "idle_conn_timeout",
    "response_header_timeout",
    "tls_handshake_timeout",
    "expect_continue_timeout",
)
_NUMBERS = ("max_idle_conns", "max_idle_conns_per_host", "max_conns_per_host")
_WITHOUT_EFFECT = {
    "tls_handshake_timeout": "--upstream.connect-timeout bounds connecting and handshake together",
    "expect_continue_timeout": "no request waits for leave to send its body",
    "max_idle_conns": "all connections may be idle, until idle_conn_timeout",
    "max_idle_conns_per_host": "all connections may be idle, until idle_conn_timeout",
}


@dataclass(frozen=True, slots=True)
class TlsClient:
    """How the upstream is known, and how thanoxy makes itself known to it.

    ca_file: "" trusts the system's CAs. server_name: the name that its certificate bears; "": the
    address's.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2


@dataclass(frozen=True, slots=True)
class TripperConfig:
    """None and 0, as in Thanos: not given.

    idle: what was given and changes nothing here, each with the reason.
    """

    tls: TlsClient | None = None
    idle_conn_timeout_ms: int = 0
    response_header_timeout_ms: int = 0
    max_conns_per_host: int = 0
    idle: tuple[str, ...] = ()


def read_tripper_config(text: str, file: str) -> TripperConfig:
    """The configuration, given as text or in a file.

    Raises:
        SettingError: it cannot be read, or has an option that is not known.
    """
    if text and file:
        raise SettingError(f"give {_WHERE} as text or as a file, not both")
    root = read_section(file, f"{_WHERE}-file") if file else parse_section(text, _WHERE)
    root.only(*_DURATIONS, *_NUMBERS, "tls_config")
    durations = {name: root.duration_ms(name) or 0 for name in _DURATIONS}
    numbers = {name: root.whole(name) or 0 for name in _NUMBERS}
    tls = root.section("tls_config")
    return TripperConfig(
        tls=read_tls(tls) if tls else None,
        idle_conn_timeout_ms=durations["idle_conn_timeout"],
        response_header_timeout_ms=durations["response_header_timeout"],
        max_conns_per_host=numbers["max_conns_per_host"],
        idle=tuple(f"{name}: {why}" for name, why in _WITHOUT_EFFECT.items() if root.has(name)),
    )


def read_tls(section: Section) -> TlsClient:
    """A `tls_config`, as it stands wherever Thanos connects to something over HTTP.

    Raises:
        SettingError: it has an option that is not known, or half a certificate.
    """
    section.only("ca_file", "cert_file", "key_file", "server_name", "insecure_skip_verify")
    cert_file, key_file = section.text("cert_file"), section.text("key_file")
    if bool(cert_file) != bool(key_file):
        raise SettingError(f"{section.where} needs cert_file and key_file together")
    return TlsClient(
        ca_file=section.text("ca_file"),
        cert_file=cert_file,
        key_file=key_file,
        server_name=section.text("server_name"),
        insecure_skip_verify=section.flag("insecure_skip_verify", default=False),
    )
