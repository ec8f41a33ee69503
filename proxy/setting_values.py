"""The values that settings take, read from text. Each parser raises ValueError with what it expects."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from proxy.codec.durations import parse_duration_ms
from proxy.upstream.addresses import parse_upstream

_LAST_PORT = 65_535


class SettingError(ValueError):
    """A setting that cannot be used; the text says which and why."""


def duration_ms(text: str) -> int:
    value = parse_duration_ms(text)
    if value is None or value < 0:
        raise ValueError("a duration such as 30s, 5m or 1h30m is expected")
    return value


def positive_duration_ms(text: str) -> int:
    if not (value := duration_ms(text)):
        raise ValueError("a duration above 0 is expected")
    return value


def signed_duration_ms(text: str) -> int:
    return -duration_ms(text[1:]) if text.startswith("-") else duration_ms(text)


def size_bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+)\s*([KMGT]?)(i?)B?", text, re.IGNORECASE)
    if match is None:
        raise ValueError("a size such as 512MB or 1GiB is expected")
    number, unit, _ = match.groups()
    power: int = 1024 ** " KMGT".index(unit.upper() or " ")
    return int(number) * power


def boolean(text: str) -> bool:
    if text.lower() not in {"true", "false", "1", "0"}:
        raise ValueError("true or false is expected")
    return text.lower() in {"true", "1"}


def count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError("a whole number is expected")
    return int(text)


def count_or_auto(text: str) -> int | None:
    """None for `auto`."""
    return None if text == "auto" else count(text)


def positive(text: str) -> int:
    if not (number := count(text)):
        raise ValueError("a whole number above 0 is expected")
    return number


def share(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1:
        raise ValueError("a number above 0 and at most 1 is expected")
    return number


def part(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError("a number from 0 to 1 is expected")
    return number


def urls(text: str) -> tuple[str, ...]:
    """A list of addresses; the flag may be given several times."""
    found = names(text)
    if not found:
        raise ValueError("an address such as http://thanos-query:10902 is expected")
    for one in found:
        parse_upstream(one)
    return found


def collector_url(text: str) -> str:
    """Where traces go; the usual path is added where none is given."""
    if not text:
        return ""
    wanted = "an address such as http://collector:4318 is expected"
    try:
        address = urlsplit(text)
        port = address.port
    except ValueError:
        raise ValueError(wanted) from None
    if address.scheme not in {"http", "https"} or not address.hostname or port == 0:
        raise ValueError(wanted)
    if "@" in address.netloc or address.query or address.fragment:
        raise ValueError(
            "only scheme, host, port and path are expected; headers go to --tracing.config"
        )
    path = address.path if address.path.strip("/") else "/v1/traces"
    return f"{address.scheme}://{address.netloc}{path}"


def names(text: str) -> tuple[str, ...]:
    """A list: the flag may be given several times, or once with commas."""
    return tuple(dict.fromkeys(part for part in re.split(r"[,\s]+", text) if part))


def host_and_port(text: str) -> tuple[str | None, int]:
    """Where to listen; None for all addresses of the machine.

    Raises:
        SettingError: it is no such address.
    """
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > _LAST_PORT:
        raise SettingError(f"--http-address={text}: host:port is expected")
    return host.strip("[]") or None, int(port)


def addresses(text: str) -> tuple[str, ...]:
    """A list of `host:port`; the flag may be given several times."""
    found = names(text)
    for address in found:
        host, _, port = address.rpartition(":")
        is_number = port.isascii() and port.isdecimal()
        if not host or "/" in host or not is_number or not 0 < int(port) <= _LAST_PORT:
            raise ValueError("an address such as thanos-query:10901 is expected")
    return found


def log_format(text: str) -> str:
    if text not in {"logfmt", "json"}:
        raise ValueError("logfmt or json is expected")
    return text


def level_name(text: str) -> str:
    if text not in {"debug", "info", "warn", "error"}:
        raise ValueError("debug, info, warn or error is expected")
    return text


def certificate_field(text: str) -> str:
    if text not in {"", "organization", "organizationalUnit", "commonName"}:
        raise ValueError("organization, organizationalUnit or commonName is expected")
    return text
