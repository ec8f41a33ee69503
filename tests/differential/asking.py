"""A request as it goes over the wire, and the answer to it."""

from __future__ import annotations

import dataclasses
import shlex
from urllib.parse import parse_qsl

import aiohttp
from yarl import URL

FORM = "application/x-www-form-urlencoded"
TIMEOUT_S = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """`url_query` and `body` are encoded already: they are sent as they are."""

    method: str
    path: str
    url_query: str = ""
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def curl(self) -> str:
        """The same for a terminal, readable, with the server's address in `$URL`."""
        fields = parse_qsl(self.url_query, keep_blank_values=True)
        fields += parse_qsl(self.body, keep_blank_values=True)
        texts = [f"--data-urlencode {shlex.quote(f'{name}={value}')}" for name, value in fields]
        method = "-G " if self.method == "GET" else f"-X {self.method} "
        return " ".join([f'curl -s {method}"$URL{self.path}"', *texts])


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the body without its content encoding.

    held: what thanoxy says its cache held of it; two answers may be the same in spite of it.
    """

    status: int
    content_type: str
    cache_control: str
    body: bytes
    held: str = dataclasses.field(default="", compare=False)


class Server:
    """One address that questions are put to."""

    def __init__(self, name: str, url: str, session: aiohttp.ClientSession) -> None:
        self.name = name
        self._url = url
        self._session = session

    async def ask(self, request: Request) -> Answer:
        query = f"?{request.url_query}" if request.url_query else ""
        headers = {"Accept-Encoding": "identity", **dict(request.headers)}
        if request.method == "POST" and "Content-Type" not in headers:
            headers["Content-Type"] = FORM
        async with self._session.request(
            request.method,
            URL(f"{self._url}{request.path}{query}", encoded=True),
            data=request.body.encode() if request.method == "POST" else None,
            headers=headers,
            allow_redirects=False,
        ) as response:
            return Answer(
                response.status,
                response.headers.get("Content-Type", ""),
                response.headers.get("Cache-Control", ""),
                await response.read(),
                response.headers.get("X-Thanoxy-Cache", "").partition(";")[0],
            )


def session() -> aiohttp.ClientSession:
    """A client that decodes content encodings and nothing else."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        connector=aiohttp.TCPConnector(limit=0),
        skip_auto_headers=("Content-Type",),
        max_line_size=1 << 17,
        max_field_size=1 << 17,
    )
