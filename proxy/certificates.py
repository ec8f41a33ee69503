"""TLS contexts of both sides, made from files and made anew when these change.

A context that a connection has begun with serves it to its end; `current` is for the next one. Files
that cannot be used leave the old context in place: `use` raises before it changes anything.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.api.listener import Tls
from proxy.setting_values import SettingError

if TYPE_CHECKING:
    from proxy.http_config import TlsServer
    from proxy.tripper_config import TlsClient

_PROTOCOLS = ["http/1.1"]


class ServerCertificates:
    """What clients see, and whom of them it trusts.

    Raises:
        SettingError: a file that cannot be used, also from `use` and `reload`.
    """

    def __init__(self, config: TlsServer) -> None:
        self._config, self._tls = config, _server_side(config)

    def current(self) -> Tls:
        return self._tls

    def files(self) -> tuple[str, ...]:
        """All files that it was made from."""
        config = self._config
        named = (config.cert_file, config.key_file, config.client_ca_file)
        return tuple(path for path in named if path)

    def use(self, config: TlsServer) -> None:
        """Take another configuration for new connections."""
        self._tls = _server_side(config)
        self._config = config

    def reload(self) -> None:
        """Read the files again."""
        self.use(self._config)


class ClientCertificates:
    """How the upstream is verified, and what it sees.

    Raises:
        SettingError: a file that cannot be used, also from `reload`.
    """

    def __init__(self, config: TlsClient) -> None:
        self._config, self._context = config, _client_side(config)

    def current(self) -> ssl.SSLContext:
        return self._context

    @property
    def server_name(self) -> str | None:
        """The name to ask for and to verify; None: that of the address."""
        return self._config.server_name or None

    def files(self) -> tuple[str, ...]:
        """All files that it was made from."""
        config = self._config
        return tuple(path for path in (config.ca_file, config.cert_file, config.key_file) if path)

    def reload(self) -> None:
        """Read the files again."""
        self._context = _client_side(self._config)


def _server_side(config: TlsServer) -> Tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = config.min_version, config.max_version
    context.set_alpn_protocols(_PROTOCOLS)
    if config.ciphers:
        context.set_ciphers(":".join(config.ciphers))
    if not config.prefer_server_ciphers:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_own(context, config.cert_file, config.key_file)
    context.verify_mode = config.client_auth
    if config.client_ca_file:
        _load_trusted(context, config.client_ca_file)
    return Tls(context, frozenset(config.client_allowed_sans))


def _client_side(config: TlsClient) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = config.min_version
    context.set_alpn_protocols(_PROTOCOLS)
    if config.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if config.ca_file:
        _load_trusted(context, config.ca_file)
    elif not config.insecure_skip_verify:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if config.cert_file:
        _load_own(context, config.cert_file, config.key_file)
    return context


def _load_own(context: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    for path in (cert_file, key_file):
        _check_readable(path)  # OpenSSL does not say which of the two is missing
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_password)
    except ssl.SSLError as error:
        raise SettingError(f"certificate {cert_file} with key {key_file}: {_reason(error)}") from None


def _no_password() -> str:
    """Called for an encrypted key; without it OpenSSL would ask the terminal, and wait."""
    raise SettingError("the key of a certificate is encrypted; keys without a password can be read")


def _load_trusted(context: ssl.SSLContext, ca_file: str) -> None:
    _check_readable(ca_file)
    try:
        context.load_verify_locations(ca_file)
    except ssl.SSLError as error:
        raise SettingError(f"CA file {ca_file}: {_reason(error)}") from None
    # As in Go, what stands in the file is trusted by itself: an intermediate needs no root beside it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _check_readable(path: str) -> None:
    try:
        Path(path).open("rb").close()
    except OSError as error:
        raise SettingError(f"{path}: {error.strerror or 'cannot be read'}") from None


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's word for what is wrong; it never quotes the file."""
    return (error.reason or "cannot be used").replace("_", " ").lower()
