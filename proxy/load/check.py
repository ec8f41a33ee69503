"""Is this address a Prometheus API? One cheap question before the load, and a plain sentence."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp

from proxy.load import LoadError
from proxy.load.client import REDIRECTS, SUCCESSES, shown
from proxy.load.json_text import mapping, read_json, string
from proxy.load.saved import read_counters

if TYPE_CHECKING:
    from proxy.load.client import Client

PROBE = "/api/v1/query?" + urlencode({"query": "1"})
_MOST_BYTES = 64 * 1024
_METRICS_BYTES = 16 * 2**20
_METRICS_TIMEOUT_S = 5.0
_REASONS = {
    401: "it wants a login (401): --header 'Authorization=Bearer …'",
    403: "it forbids the request (403): --header or --tenant may be missing",
    404: "there is no Prometheus API at this address (404 for /api/v1/query)",
    405: "there is no Prometheus API at this address (405 for /api/v1/query)",
}


async def target_problem(client: Client, timeout_s: float) -> str | None:
    """Why the target cannot be used, as a sentence; None when it answers as it should."""
    where = shown(client.url)
    try:
        async with asyncio.timeout(timeout_s):
            status, content_type, body = await client.text(PROBE, _MOST_BYTES)
    except TimeoutError:
        return f"{where}: no answer to a small query within {timeout_s:g}s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"{where}: {_cause(error)}"
    problem = answer_problem(status, content_type, body)
    return f"{where}: {problem}" if problem else None


def answer_problem(status: int, content_type: str, body: bytes) -> str | None:
    """What is wrong with an answer to the probe; of a redirect, `body` is where it goes."""
    if status in REDIRECTS:
        there = _one_line(body.decode("latin-1"))
        return f"it redirects to {there or 'nowhere'} ({status}); redirects are not followed"
    if status in _REASONS:
        return _REASONS[status]
    if "html" in content_type:
        return f"it answers with a web page ({status}, {content_type}), not with a Prometheus API"
    return _document_problem(status, content_type, body)


def _document_problem(status: int, content_type: str, body: bytes) -> str | None:
    try:
        document = mapping(read_json(body))
    except LoadError:
        return f"it answers {status} with something that is not JSON ({content_type or 'no type'})"
    if document.get("status") == "success" and mapping(document.get("data")).get("resultType"):
        return None
    if document.get("status") == "error":
        return f"it answers {status}: {_one_line(string(document.get('error')))}"
    return f"it answers {status} with JSON that is not a Prometheus API's"


def _cause(error: Exception) -> str:
    """The most telling of the sentences that fit; aiohttp's errors are subclasses of each other."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            cause = f"the name {error.host} is not known"
        case aiohttp.ClientConnectorCertificateError():
            cause = f"its certificate is not accepted ({_one_line(str(error.certificate_error))})"
        case aiohttp.ClientConnectorSSLError():
            cause = "no TLS connection (is it http instead of https?)"
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            cause = f"no connection ({os.strerror(number).lower() if number else 'refused'})"
        case aiohttp.ServerDisconnectedError() | OSError():
            cause = "it closed the connection without an answer"
        case _:
            cause = f"it does not speak HTTP ({type(error).__name__})"
    return cause


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text[:300]).split())


async def thanoxy_counters(client: Client) -> dict[str, float] | None:
    """Its counters, where the target is thanoxy; None for anything else, and for any trouble."""
    try:
        async with asyncio.timeout(_METRICS_TIMEOUT_S):
            status, _, body = await client.text("/metrics", _METRICS_BYTES)
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
        return None
    return read_counters(body.decode("utf-8", "replace")) if status in SUCCESSES else None
