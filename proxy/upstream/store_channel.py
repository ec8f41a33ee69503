"""Channels to the StoreAPI: their bounds, and who is trusted."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio

_READ_AHEAD_BYTES = 1 << 20
"""What a server may send of one stream before it is read (HTTP/2's flow-control window)."""
_PING_MS = 30_000
"""Between pings while a stream is open; Thanos takes one every 10 s (`pkg/server/grpc/grpc.go`)."""
_PING_TIMEOUT_MS = 10_000
_LEAST_BACKOFF_MS, _MOST_BACKOFF_MS = 500, 5_000
"""Between attempts to connect: gRPC's own 2 minutes would outlast a restart of Thanos by far."""


@dataclass(frozen=True, slots=True)
class StoreTls:
    """TLS towards the StoreAPI; the files are PEM, "" where there is none.

    ca_file: whom to trust, the system's roots when "". cert_file, key_file: who we are.
    server_name: the name to expect in the certificate, that of the address when "".
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """Bounds of a connection. tls: None for plain text."""

    max_message_bytes: int
    connect_timeout_ms: int
    tls: StoreTls | None = None


def open_channel(address: str, policy: ChannelPolicy) -> grpc.aio.Channel:
    """A channel to `host:port`; it connects by itself when first used. Needs the event loop.

    Raises:
        OSError: a file of the TLS settings cannot be read.
    """
    options = _options(policy)
    if policy.tls is None:
        return grpc.aio.insecure_channel(address, options)
    return grpc.aio.secure_channel(address, _credentials(policy.tls), options)


def _options(policy: ChannelPolicy) -> list[tuple[str, int | str]]:
    options: list[tuple[str, int | str]] = [
        ("grpc.max_receive_message_length", policy.max_message_bytes),
        # The window would grow with the bandwidth, and with it what a slow reader has in memory.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", _READ_AHEAD_BYTES),
        ("grpc.keepalive_time_ms", _PING_MS),
        ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
        # How long an attempt to connect may take (whatever the name says): this, or the backoff.
        ("grpc.min_reconnect_backoff_ms", policy.connect_timeout_ms),
        ("grpc.initial_reconnect_backoff_ms", min(_LEAST_BACKOFF_MS, policy.connect_timeout_ms)),
        ("grpc.max_reconnect_backoff_ms", _MOST_BACKOFF_MS),
        # As towards the HTTP API: what is configured is asked, not a proxy of the environment.
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.primary_user_agent", "thanoxy"),
    ]
    if policy.tls and policy.tls.server_name:
        options.append(("grpc.ssl_target_name_override", policy.tls.server_name))
    return options


def _credentials(tls: StoreTls) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        _content(tls.ca_file or ssl.get_default_verify_paths().cafile),
        _content(tls.key_file),
        _content(tls.cert_file),
    )


def _content(file: str | None) -> bytes | None:
    """None lets gRPC take its own: the roots it carries, no certificate."""
    return Path(file).read_bytes() if file else None
