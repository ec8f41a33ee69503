"""The page's own files: read once, sent with a tag, so that browsers ask and get them only once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES = {
    "style.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "coverage.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class UiFile:
    """Answers a file's text, or that it is as it was."""

    content_type: str
    body: bytes
    etag: str

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {
            "ETag": self.etag,
            "Cache-Control": "no-cache",  # kept, and asked about each time
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        known = request.headers.get("If-None-Match", "")
        if self.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
            return web.Response(status=304, headers=headers)
        return web.Response(body=self.body, headers={**headers, "Content-Type": self.content_type})


@lru_cache(1)
def ui_files() -> Mapping[str, UiFile]:
    """By their names."""
    folder = files("proxy.status") / "ui"
    found = {}
    for name, content_type in _TYPES.items():
        body = (folder / name).read_bytes()
        found[name] = UiFile(content_type, body, f'"{hashlib.sha256(body).hexdigest()[:20]}"')
    return found
