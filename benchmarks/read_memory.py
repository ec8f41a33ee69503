"""How much memory a remote read of everything takes: 14 million samples, streamed, fast and slowly.

python -m benchmarks.read_memory
"""

from __future__ import annotations

import http.client
import time
import urllib.parse

import snappy

from benchmarks.dataset import bench_thanos
from benchmarks.servers import Thanoxy
from proxy.codec._pb import remote_pb2, types_pb2

_MB = 1 << 20
_READ_BYTES = 1 << 18
MOST_GROWTH_BYTES = 64 * _MB


def request_body(end_ms: int) -> bytes:
    query = remote_pb2.Query(start_timestamp_ms=0, end_timestamp_ms=end_ms)
    query.matchers.append(
        types_pb2.LabelMatcher(type=types_pb2.LabelMatcher.EQ, name="__name__", value="bench_value")
    )
    streamed = remote_pb2.ReadRequest.STREAMED_XOR_CHUNKS
    request = remote_pb2.ReadRequest(queries=[query], accepted_response_types=[streamed])
    return bytes(snappy.compress(request.SerializeToString()))


def read_all(url: str, end_ms: int, pause_s: float) -> tuple[int, float]:
    """The bytes of the answer, and how long it took."""
    began_s = time.perf_counter()
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=120)
    connection.request("POST", "/api/v1/read", request_body(end_ms))
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()[:200]
    size = 0
    while part := answer.read(_READ_BYTES):
        size += len(part)
        time.sleep(pause_s)
    connection.close()
    return size, time.perf_counter() - began_s


def main() -> None:
    with bench_thanos() as thanos:
        flags = (f"--upstream.grpc-address={thanos.query_grpc_address}",)
        with Thanoxy(thanos.query_url, *flags) as thanoxy:
            read_all(thanoxy.url, 1, 0)  # loads what is loaded on first use
            before = thanoxy.rss_bytes()
            for pause_s in (0.0, 0.0, 0.02):
                size, took_s = read_all(thanoxy.url, thanos.end_ms, pause_s)
                growth = thanoxy.peak_rss_bytes() - before
                verdict = "yes" if growth <= MOST_GROWTH_BYTES else "NO"
                print(
                    f"{size / _MB:.0f} MB in {took_s:.1f} s, {pause_s * 1000:.0f} ms of rest after "
                    f"each {_READ_BYTES >> 10} KiB: peak memory grew by {growth / _MB:.0f} MB, "
                    f"at most {MOST_GROWTH_BYTES / _MB:.0f}: {verdict}"
                )


if __name__ == "__main__":
    main()
