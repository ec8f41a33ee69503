"""Strings as Go's encoders write them, so that re-written text equals Thanos's own byte for byte.

Thanos writes label names and values without HTML escaping and everything else (warnings, error
texts) with it (json-iterator `stream_str.go`: WriteString, WriteStringWithHTMLEscaped).
"""

from __future__ import annotations

import re

import orjson

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_PLAIN = re.compile(r'["\\\x00-\x1f]')
_HTML = re.compile(r'["\\\x00-\x1f<>&\u2028\u2029]')


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


def label_text(text: str) -> str:
    """A label name or value as a JSON string, quotes included."""
    return f'"{_PLAIN.sub(_escape, text)}"'


def message_text(text: str) -> str:
    """A warning or error as a JSON string, quotes included, safe inside HTML."""
    return f'"{_HTML.sub(_escape, text)}"'


def error_body(error_type: str, message: str) -> bytes:
    """The error JSON that Prometheus clients know (Thanos `pkg/api/api.go`, response)."""
    fields = f'"errorType":"{error_type}","error":{message_text(message)}'
    return f'{{"status":"error",{fields}}}'.encode(errors="replace")  # headers may be no UTF-8


def with_warning(body: bytes, text: str) -> bytes:
    """An answer with one more warning; written anew only where it has some already."""
    end = body.rstrip()
    if b'"warnings"' not in body and end.endswith(b"}") and len(end) > len(b"{}"):
        return b"".join((memoryview(end)[:-1], b',"warnings":[', message_text(text).encode(), b"]}"))
    answer = orjson.loads(body)
    answer["warnings"] = [*(answer.get("warnings") or ()), text]
    return orjson.dumps(answer)
