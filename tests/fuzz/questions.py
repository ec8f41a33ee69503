"""Requests as clients send them, and what can be done to their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode

import snappy

from proxy.codec._pb.remote_pb2 import Query, ReadRequest
from proxy.codec._pb.types_pb2 import LabelMatcher

if TYPE_CHECKING:
    import random

READ_PATH = "/api/v1/read"
PATHS = (
    *("/api/v1/query_range",) * 9,
    *("/api/v1/query", "/api/v1/labels", "/api/v1/series", "/api/v1/label/__name__/values") * 2,
    *(READ_PATH,) * 3,
    *("/api/v1/stores", "/", "/api/v1/query_exemplars", "/api/v1/admin/thanoxy/purge"),
    *("/-/ready", "/-/healthy", "/metrics"),
    *("/api/v1/thanoxy/explain",) * 3,
    "/api/v1/thanoxy/coverage",
    *("/api/v1/query%5Frange", "/api/v1/label//values", "/api/v1/label/..%2f..%2fx/values"),
    *("//evil/x", "/../x", "/x/%2e%2e/%2e%2e/x", "/x\\..\\..\\x", "*", "http://evil/x", "/x#y"),
)
GOOD = ("up", "rate(a[5m])", "sum by (x) (a)", "a @ end()", "a[5m:1m]", "a # b", "b", "c")
EXPRESSIONS = (
    *("up", "rate(a[5m])", "sum by (x) (a)", "a @ end()", "max_over_time(a[1h:5m] @ start())", "(", ""),
    *(
        '{__name__=~".+"}',
        "a offset -5m",
        "vector(step())",
        "a[",
        "label_replace(a, 'x', '$1', 'y', '(.*)')",
    ),
    *("a # comment\n+ b", '"\\', "((((((((((a))))))))))", "a{x='\u65e5\u672c'}", "\x00", "a" * 3000),
)
TIMES = (
    *("0", "3600", "10800", "1e9", "1.784144612388E9", "-1", "NaN", "Inf", "", "2030-01-01T00:00:00Z"),
    *("99999999999999999999", "0.0005", "1970-01-01", "1e400", "now"),
)
STEPS = ("15", "60", "600", "1h", "0", "-5", "1ms", "", "1y", "0.0001", "5m5s", "x")
METHODS = (
    *("GET",) * 10,
    *("POST",) * 10,
    *("HEAD", "PUT", "OPTIONS", "DELETE", "TRACE", "CONNECT", "G\u00cbT"),
)
VERSIONS = (*("HTTP/1.1",) * 30, *("HTTP/1.0",) * 3, "HTTP/2.0", "HTTP/9")
HEADERS = (
    *("Accept-Encoding: gzip", "Accept-Encoding: *;q=0", "THANOS-TENANT: a", "THANOS-TENANT: a/b"),
    *("Authorization: Basic eDp5", "Cookie: s=1", "Cache-Control: no-store", "Cache-Control: no-cache"),
    *(
        "Connection: close",
        "Connection: keep-alive, thanos-tenant",
        "Expect: 100-continue",
        "TE: trailers",
    ),
    *(
        "Content-Encoding: gzip",
        "Content-Encoding: snappy",
        "Transfer-Encoding: chunked",
        "Origin: http://x",
    ),
    *(
        "Content-Length: 5",
        "Content-Length: x",
        "X-Dashboard-Uid: d",
        "Range: bytes=0-1",
        "Upgrade: h2c",
    ),
    *(
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: application/json",
        "Host: evil:80",
    ),
    *("X-Forwarded-Host: evil", "X-Long: " + "x" * 5000, "Bad Name: x", " folded", "X-Nul: \x00"),
)
FORM = "Content-Type: application/x-www-form-urlencoded"
NOISE = (
    b"\x00",
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"%",
    b"%zz",
    b"&",
    b";",
    b"=",
    b"\xff\xfe",
    b" " * 50,
    b"\x7f",
)


def parameters(chance: random.Random) -> str:
    """A query's parameters: mostly ones that belong there, in any order, some twice."""
    if chance.random() < 0.6:
        start = 600 * chance.randrange(12)
        end = start + 600 * chance.randrange(20)
        times = {"start": start, "end": end, "step": 600, "time": end}
        return urlencode({"match[]": "a", "query": chance.choice(GOOD), **times})
    pairs = [("query", chance.choice(EXPRESSIONS))]
    pairs += [
        (name, chance.choice(TIMES)) for name in ("start", "end", "time") if chance.random() < 0.9
    ]
    if chance.random() < 0.9:
        pairs.append(("step", chance.choice(STEPS)))
    for name in (
        "match[]",
        "dedup",
        "timeout",
        "limit",
        "stats",
        "analyze",
        "max_source_resolution",
        "x\r\ny",
    ):
        if chance.random() < 0.1:
            pairs.append((name, chance.choice((*TIMES, *STEPS, *EXPRESSIONS))))
    chance.shuffle(pairs)
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)


def request(chance: random.Random) -> bytes:
    """A request; one in three has its bytes disturbed."""
    method, path, text = chance.choice(METHODS), chance.choice(PATHS), parameters(chance)
    body = b""
    headers = chance.sample(HEADERS, chance.choice((0, 0, 0, 0, 0, 1, 1, 1, 2, 4)))
    if path == READ_PATH and chance.random() < 0.9:
        method, text, body = "POST", "", read_body(chance)
        headers += [f"Content-Length: {len(body)}"]
    elif method == "POST" and chance.random() < 0.8:
        body = text.encode()
        headers += [FORM, f"Content-Length: {len(body)}"]
        text = parameters(chance) if chance.random() < 0.2 else ""
    target = f"{path}?{text}" if text else path
    head = "\r\n".join((f"{method} {target} {chance.choice(VERSIONS)}", "Host: x", *headers))
    made = f"{head}\r\n\r\n".encode("utf-8", "surrogatepass") + body
    return disturbed(made, chance) if chance.random() < 1 / 4 else made


def read_body(chance: random.Random) -> bytes:
    """A remote read: mostly one that can be answered, else one that is cut, disturbed, or a bomb."""
    queries = [
        Query(
            start_timestamp_ms=chance.choice((0, -1, 1 << 62, 3_600_000)),
            end_timestamp_ms=chance.choice((0, 7_200_000, -(1 << 63), (1 << 63) - 1)),
            matchers=[
                LabelMatcher(
                    type=chance.randrange(4),  # type: ignore[arg-type]
                    name=chance.choice(("__name__", "x", "", "a b")),
                    value=chance.choice(("a", "", ".*", "(", "\x00", "x" * 300)),
                )
                for _ in range(chance.choice((0, 1, 1, 1, 3)))
            ],
        )
        for _ in range(chance.choice((0, 1, 1, 1, 2, 5)))
    ]
    types: Any = chance.choice(([], [0], [1], [0, 1], [7], [1, 0]))
    made = ReadRequest(queries=queries, accepted_response_types=types).SerializeToString()
    if chance.random() < 0.1:
        made = disturbed(made, chance)
    if chance.random() < 0.02:
        made = bytes(2_000_000)
    block: bytes = snappy.compress(made)
    return disturbed(block, chance) if chance.random() < 0.2 else block


def disturbed(made: bytes, chance: random.Random) -> bytes:
    """Some bytes flipped, cut out, put in, or put in twice."""
    text = bytearray(made)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(text) + 1)
        what = chance.randrange(4)
        if what == 0 and at < len(text):
            text[at] = chance.randrange(256)
        elif what == 1:
            del text[at : at + chance.choice((1, 2, 20))]
        elif what == 2:
            text[at:at] = chance.choice(NOISE)
        else:
            text[at:at] = text[at : at + 30]
    return bytes(text)
