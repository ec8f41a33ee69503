"""The file of `--http.config`: Prometheus's web configuration, and bearer tokens beside it.

tls_server_config:
  cert_file: server.crt            # paths are relative to this file
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: clients-ca.crt
http_server_config:
  headers: {X-Frame-Options: deny}
basic_auth_users:
  grafana: $2y$10$…                # bcrypt, as `htpasswd -nBC 10 ""` makes it
bearer_tokens:
  alerting: 5e88…                  # sha256 of the token, as `printf %s "$TOKEN" | sha256sum` prints it

What Go can do and Python cannot is refused by name. No error repeats a name or value of the last two.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.setting_values import SettingError
from proxy.strict_yaml import Section, read_section, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADERS: dict[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that may be set, with the values that they may have; (): any."""

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_OLD_VERSIONS = {"TLS10", "TLS11"}

_CLIENT_AUTH = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_UNVERIFIED = {"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"}

_CIPHERS = {
    f"TLS_ECDHE_{key}_WITH_{go}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for go, openssl in {
        "AES_128_CBC_SHA": "AES128-SHA",
        "AES_256_CBC_SHA": "AES256-SHA",
        "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
        "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
        "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
    }.items()
}
"""Go's name of a suite (`tls.CipherSuites`) to OpenSSL's."""
_TLS13_CIPHERS = {
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
}

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_COSTS = range(4, 18)
"""What `htpasswd` makes. Each more doubles the time of a check: 17 takes some seconds."""
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class TlsServer:
    """How connections of clients are encrypted, and which of their certificates are trusted."""

    cert_file: str
    key_file: str
    client_auth: ssl.VerifyMode = ssl.CERT_NONE
    client_ca_file: str = ""
    client_allowed_sans: tuple[str, ...] = ()
    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    max_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: tuple[str, ...] = ()
    prefer_server_ciphers: bool = True


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Who may come in, and how.

    headers: added to every answer. users: name to bcrypt hash. tokens: name to sha256 of the token.
    """

    tls: TlsServer | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    tokens: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def read_http_config(path: str) -> HttpConfig:
    """What a file says; without one everybody may come in, unencrypted.

    Raises:
        SettingError: the file cannot be read, or asks for something that cannot be had.
    """
    if not path:
        return HttpConfig()
    root = read_section(path, "--http.config")
    if root.has("rate_limit"):
        raise SettingError(f"{root.where}: rate_limit is not known here; limits are settings")
    root.only("tls_server_config", "http_server_config", "basic_auth_users", "bearer_tokens")
    tls, http = root.section("tls_server_config"), root.section("http_server_config")
    return HttpConfig(
        tls=_tls(tls, Path(path).parent) if tls else None,
        headers=_headers(http) if http else (),
        users=_users(root),
        tokens=_tokens(root),
    )


def _tls(section: Section, folder: Path) -> TlsServer:
    _refuse_what_python_cannot(section)
    section.only(
        "cert_file", "key_file", "client_auth_type", "client_ca_file", "client_allowed_sans",
        "min_version", "max_version", "cipher_suites", "prefer_server_cipher_suites",
    )  # fmt: skip
    paths = {name: section.text(name) for name in ("cert_file", "key_file", "client_ca_file")}
    if not paths["cert_file"] or not paths["key_file"]:
        raise SettingError(f"{section.where} needs both cert_file and key_file")
    made = TlsServer(
        **{name: str(folder / path) if path else "" for name, path in paths.items()},
        client_auth=_client_auth(section),
        client_allowed_sans=section.texts("client_allowed_sans"),
        min_version=_version(section, "min_version", ssl.TLSVersion.TLSv1_2),
        max_version=_version(section, "max_version", ssl.TLSVersion.TLSv1_3),
        ciphers=_ciphers(section),
        prefer_server_ciphers=section.flag("prefer_server_cipher_suites", default=True),
    )
    _check_clients(made, section.where)
    if made.min_version > made.max_version:
        raise SettingError(f"{section.where}: min_version is above max_version")
    return made


def _refuse_what_python_cannot(section: Section) -> None:
    for inline in ("cert", "key", "client_ca"):
        if section.has(inline):
            raise SettingError(f"{section.where}: {inline} is read from a file only: {inline}_file")
    if section.has("curve_preferences"):
        raise SettingError(
            f"{section.where}: curve_preferences cannot be chosen here; OpenSSL's are used"
        )


def _client_auth(section: Section) -> ssl.VerifyMode:
    asked = section.text("client_auth_type")
    if asked in _UNVERIFIED:
        raise SettingError(
            f"{section.where}: client_auth_type {asked} takes certificates that nobody has verified, "
            "which cannot be had here; use VerifyClientCertIfGiven or RequireAndVerifyClientCert"
        )
    if asked not in _CLIENT_AUTH:
        raise SettingError(
            f"{section.where}: client_auth_type {shown(asked)} is not known; "
            f"{', '.join(name for name in _CLIENT_AUTH if name)} are"
        )
    return _CLIENT_AUTH[asked]


def _check_clients(made: TlsServer, where: str) -> None:
    """Go would take the system's CAs for clients where none is named: everybody's certificates."""
    if made.client_auth != ssl.CERT_NONE and not made.client_ca_file:
        raise SettingError(f"{where}: certificates of clients are verified by client_ca_file: name it")
    if made.client_auth == ssl.CERT_NONE and made.client_ca_file:
        raise SettingError(f"{where}: client_ca_file has no use without client_auth_type")
    if made.client_allowed_sans and made.client_auth != ssl.CERT_REQUIRED:
        raise SettingError(
            f"{where}: client_allowed_sans needs client_auth_type RequireAndVerifyClientCert"
        )


def _version(section: Section, name: str, default: ssl.TLSVersion) -> ssl.TLSVersion:
    asked = section.text(name)
    if asked in _OLD_VERSIONS:
        raise SettingError(f"{section.where}: {name} {asked} is not safe; TLS12 and TLS13 can be had")
    if asked and asked not in _VERSIONS:
        raise SettingError(f"{section.where}: {name} {shown(asked)} is not known; TLS12 and TLS13 are")
    return _VERSIONS.get(asked, default)


def _ciphers(section: Section) -> tuple[str, ...]:
    found = []
    for name in section.texts("cipher_suites"):
        if name in _TLS13_CIPHERS:
            raise SettingError(
                f"{section.where}: {name} belongs to TLS 1.3, whose suites cannot be chosen "
                "(neither in Go): leave it out"
            )
        if name not in _CIPHERS:
            raise SettingError(f"{section.where}: cipher suite {shown(name)} is not to be had")
        found.append(_CIPHERS[name])
    return tuple(found)


def _headers(section: Section) -> tuple[tuple[str, str], ...]:
    section.only("headers", "http2")
    section.flag("http2", default=True)  # understood; only HTTP/1.1 is spoken
    inside = section.section("headers")
    if inside is None:
        return ()
    inside.only(*_HEADERS)
    found = []
    for name, allowed in _HEADERS.items():
        value = inside.text(name)
        if value and allowed and value not in allowed:
            raise SettingError(f"{inside.where}: {name} may be {' or '.join(allowed)}")
        if not value.isprintable() or not value.isascii():
            raise SettingError(f"{inside.where}: {name} is one line of printable ASCII")
        if value:
            found.append((name, value))
    return tuple(found)


def _users(root: Section) -> dict[str, bytes]:
    found = {}
    for where, name, value in _secrets(root, "basic_auth_users"):
        if ":" in name:
            raise SettingError(f"{where}: a name with a colon cannot be sent by basic authentication")
        match = _BCRYPT.fullmatch(value)
        if match is None:
            raise SettingError(f"{where}: a bcrypt hash is expected, as htpasswd -nBC 10 makes it")
        if int(match.group(1)) not in _COSTS:
            raise SettingError(f"{where}: the hash's cost is from {_COSTS[0]} to {_COSTS[-1]}")
        found[name] = value.encode()
    return found


def _tokens(root: Section) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for where, name, value in _secrets(root, "bearer_tokens"):
        if not _SHA256.fullmatch(value):
            raise SettingError(f"{where}: the sha256 of a token is expected, as 64 hex digits")
        digest = bytes.fromhex(value)
        if digest in found.values():
            raise SettingError(f"{where}: the token has another name already")
        found[name] = digest
    return found


def _secrets(root: Section, option: str) -> list[tuple[str, str, str]]:
    """Where, name, value; told apart by their place, for a mistake may have put a secret anywhere."""
    section = root.section(option)
    found = []
    for number, (name, value) in enumerate(section.values.items() if section else (), 1):
        where = f"{root.where}: {option}, entry {number}"
        if not isinstance(name, str) or not isinstance(value, str):
            raise SettingError(f"{where}: name and value are texts; put quotes around them")
        if not name or not name.isprintable():
            raise SettingError(f"{where}: a name of printable characters is expected")
        found.append((where, name, value))
    return found
