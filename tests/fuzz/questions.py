"""Requests as clients send them, and what can be done to their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote_plus

if TYPE_CHECKING:
    import random

PATHS = (
    *("/api/v1/query_range", "/api/v1/query_range", "/api/v1/query", "/api/v1/labels"),
    *("/api/v1/series", "/api/v1/label/__name__/values", "/api/v1/read", "/api/v1/stores", "/"),
    *("/-/ready", "/-/healthy", "/metrics", "/api/v1/admin/thanoxy/purge", "/api/v1/query_exemplars"),
    *(
        "/api/v1/query%5Frange",
        "//evil/x",
        "/../x",
        "/%2e%2e/x",
        "*",
        "http://evil/x",
        "/api/v1/label//values",
    ),
)
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
    "GET",
    "GET",
    "POST",
    "POST",
    "HEAD",
    "PUT",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "DELETE",
    "G\u00cbT",
)
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
    headers = chance.sample(HEADERS, chance.choice((0, 0, 1, 1, 2, 4)))
    if method == "POST" and chance.random() < 0.8:
        body = text.encode()
        if path == "/api/v1/read":
            body = chance.randbytes(chance.choice((0, 3, 60)))
        headers += [FORM, f"Content-Length: {len(body)}"]
        text = parameters(chance) if chance.random() < 0.2 else ""
    target = f"{path}?{text}" if text else path
    version = chance.choice(("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9"))
    head = "\r\n".join((f"{method} {target} {version}", "Host: x", *headers))
    made = f"{head}\r\n\r\n".encode("utf-8", "surrogatepass") + body
    return disturbed(made, chance) if chance.random() < 1 / 3 else made


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
