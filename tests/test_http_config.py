"""The file of `--http.config`: what is understood, and what is refused by name and never ignored."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

import pytest

from proxy.http_config import HttpConfig, TlsServer, read_http_config
from proxy.setting_values import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Read = Callable[[str], HttpConfig]

HASH = "$2y$10$" + "a" * 53
TOKEN = "ab" * 32
TLS = "tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_text(text: str) -> HttpConfig:
        file = tmp_path / "web.yml"
        file.write_text(text, "utf-8")
        return read_http_config(str(file))

    return read_text


def tls_of(config: HttpConfig) -> TlsServer:
    assert config.tls is not None
    return config.tls


def test_without_a_file_everybody_may_come_in_unencrypted() -> None:
    assert read_http_config("") == HttpConfig()


@pytest.mark.parametrize(
    "text", ["", "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nbearer_tokens:\n"]
)
def test_an_empty_file_configures_nothing(read: Read, text: str) -> None:
    assert read(text) == HttpConfig()


def test_paths_are_relative_to_the_file(read: Read, tmp_path: Path) -> None:
    tls = tls_of(read("tls_server_config: {cert_file: sub/a.crt, key_file: /etc/a.key}"))
    assert (tls.cert_file, tls.key_file) == (str(tmp_path / "sub/a.crt"), "/etc/a.key")
    assert not tls.client_ca_file


def test_tls_defaults_are_those_of_the_toolkit(read: Read) -> None:
    tls = tls_of(read(TLS))
    assert (tls.min_version, tls.max_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    assert tls.client_auth == ssl.CERT_NONE
    assert (tls.ciphers, tls.prefer_server_ciphers, tls.client_allowed_sans) == ((), True, ())


def test_all_of_tls_is_understood(read: Read, tmp_path: Path) -> None:
    tls = tls_of(
        read(
            TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
            "  client_allowed_sans: [grafana, 10.0.0.1]\n  min_version: TLS13\n  max_version: TLS13\n"
            "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,\n"
            "    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]\n  prefer_server_cipher_suites: false\n"
        )
    )
    assert tls.client_auth == ssl.CERT_REQUIRED
    assert tls.client_ca_file == str(tmp_path / "ca.crt")
    assert tls.client_allowed_sans == ("grafana", "10.0.0.1")
    assert tls.min_version == tls.max_version == ssl.TLSVersion.TLSv1_3
    assert tls.ciphers == ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305")
    assert not tls.prefer_server_ciphers


def test_every_suite_that_is_understood_can_be_had() -> None:
    from proxy.http_config import _CIPHERS

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(":".join(_CIPHERS.values()))
    had = {suite["name"] for suite in context.get_ciphers()}
    assert len(_CIPHERS) == 10
    assert had >= set(_CIPHERS.values())


@pytest.mark.parametrize(
    ("auth", "mode"),
    [
        ("NoClientCert", ssl.CERT_NONE),
        ("VerifyClientCertIfGiven", ssl.CERT_OPTIONAL),
        ("RequireAndVerifyClientCert", ssl.CERT_REQUIRED),
    ],
)
def test_what_python_can_verify_is_verified(read: Read, auth: str, mode: ssl.VerifyMode) -> None:
    ca = "" if auth == "NoClientCert" else "  client_ca_file: ca.crt\n"
    assert tls_of(read(TLS + ca + f"  client_auth_type: {auth}\n")).client_auth == mode


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("client_auth_type: RequestClientCert", "RequestClientCert takes certificates that nobody"),
        ("client_auth_type: RequireAnyClientCert", "RequireAnyClientCert takes certificates"),
        ("client_auth_type: RequireClientCert", "RequireClientCert takes certificates"),
        ("client_auth_type: Always", "client_auth_type Always is not known; NoClientCert, Verify"),
        ("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: name it"),
        ("client_auth_type: VerifyClientCertIfGiven", "client_ca_file: name it"),
        ("client_ca_file: ca.crt", "no use without client_auth_type"),
        ("client_allowed_sans: [a]", "client_allowed_sans needs"),
        (
            "client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: c\n"
            "  client_allowed_sans: [a]",
            "client_allowed_sans needs",
        ),
        ("min_version: TLS10", "min_version TLS10 is not safe"),
        ("max_version: TLS11", "max_version TLS11 is not safe"),
        ("min_version: TLS14", "min_version TLS14 is not known"),
        ("min_version: TLS13\n  max_version: TLS12", "min_version is above max_version"),
        ("cipher_suites: [TLS_AES_128_GCM_SHA256]", "TLS_AES_128_GCM_SHA256 belongs to TLS 1.3"),
        ("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "TLS_RSA_WITH_RC4_128_SHA is not to be had"),
        ("cipher_suites: TLS_ECDHE", "cipher_suites is a list"),
        ("curve_preferences: [X25519]", "curve_preferences cannot be chosen"),
        ("cert: PEM", "read from a file only: cert_file"),
        ("key: PEM", "read from a file only: key_file"),
        ("client_ca: PEM", "read from a file only: client_ca_file"),
        ("key_flie: a.key", "has no option key_flie"),
    ],
)
def test_what_tls_cannot_have_is_refused_by_name(read: Read, lines: str, words: str) -> None:
    with pytest.raises(SettingError, match=re.escape(words)):
        read(f"{TLS}  {lines}\n")


@pytest.mark.parametrize("text", ["{cert_file: a}", "{key_file: a}", "{min_version: TLS12}"])
def test_certificate_and_key_are_needed_together(read: Read, text: str) -> None:
    with pytest.raises(SettingError, match="needs both cert_file and key_file"):
        read(f"tls_server_config: {text}")


def test_security_headers_are_those_of_the_toolkit(read: Read) -> None:
    headers = (
        "Content-Security-Policy: default-src 'none'",
        "Strict-Transport-Security: max-age=31536000",
        "X-Content-Type-Options: nosniff",
        "X-Frame-Options: sameorigin",
        "X-XSS-Protection: '0'",
    )
    config = read("http_server_config:\n  http2: false\n  headers:\n    " + "\n    ".join(headers))
    assert dict(config.headers) == {
        "Content-Security-Policy": "default-src 'none'",
        "Strict-Transport-Security": "max-age=31536000",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "sameorigin",
        "X-XSS-Protection": "0",
    }
    assert read("http_server_config: {http2: true, headers: {X-Frame-Options: ''}}").headers == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{headers: {X-Frame-Options: allow}}", "X-Frame-Options may be deny or sameorigin"),
        ("{headers: {X-Content-Type-Options: sniff}}", "may be nosniff"),
        ("{headers: {Server: me}}", "has no option Server"),
        ("{headers: {X-XSS-Protection: 0}}", "X-XSS-Protection is a text"),
        ('{headers: {Content-Security-Policy: "a\\r\\nSet-Cookie: b"}}', "one line"),
        ("{headers: [a]}", "headers is a mapping"),
        ("{http2: 2}", "http2 is true or false"),
        ("{http3: true}", "has no option http3"),
    ],
)
def test_other_headers_and_values_are_refused(read: Read, text: str, words: str) -> None:
    with pytest.raises(SettingError, match=re.escape(words)):
        read(f"http_server_config: {text}")


def test_users_and_tokens_are_read(read: Read) -> None:
    config = read(f"basic_auth_users: {{alice: {HASH}}}\nbearer_tokens: {{grafana: {TOKEN.upper()}}}")
    assert config.users == {"alice": HASH.encode()}
    assert config.tokens == {"grafana": bytes.fromhex(TOKEN)}


@pytest.mark.parametrize(
    "text",
    [
        "basic_auth_users: {alice: hunter2}",
        "basic_auth_users: {hunter2: alice}",
        f"basic_auth_users: {{'hunter2:x': {HASH}}}",
        f"basic_auth_users: {{alice: {HASH}, alice: hunter2}}",
        "basic_auth_users: {alice: {hunter2: x}}",
        "basic_auth_users: [hunter2]",
        "basic_auth_users: hunter2",
        f"basic_auth_users: {{'': {HASH}}}",
        f"basic_auth_users: {{yes: {HASH}}}",
        f"basic_auth_users: {{a: {HASH.replace('10', '03')}}}",
        f"basic_auth_users: {{a: {HASH.replace('10', '18')}}}",
        f"basic_auth_users: {{a: {HASH}hunter2}}",
        "bearer_tokens: {grafana: hunter2}",
        f"bearer_tokens: {{a: {TOKEN}, b: {TOKEN}}}",
        f"bearer_tokens: {{a: {TOKEN}00}}",
        "bearer_tokens: {a: 1234}",
        "bearer_tokens: {a: *hunter2}",
        "bearer_tokens: {a: hunter2: b}",
        "rate_limit: {interval: 1s, burst: 5}",
        "basic_auth_user: {}",
    ],
)
def test_what_is_wrong_is_refused_in_one_line_without_a_secret(read: Read, text: str) -> None:
    with pytest.raises(SettingError) as caught:
        read(text)
    said = str(caught.value)
    assert said.startswith("--http.config ")
    assert "\n" not in said
    for secret in ("hunter2", HASH[7:], TOKEN):
        assert secret not in said


def test_nothing_secret_is_printed_with_the_configuration(read: Read) -> None:
    config = read(f"basic_auth_users: {{alice: {HASH}}}\nbearer_tokens: {{grafana: {TOKEN}}}")
    assert HASH not in repr(config)
    assert str(bytes.fromhex(TOKEN)) not in repr(config)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingError, match=r"--http.config nowhere.yml: No such file"):
        read_http_config("nowhere.yml")
