"""The allocator gives large blocks back."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import re
from proxy.allocator import tune_allocator

def rss_kb():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read()).group(1))

assert tune_allocator()
before = rss_kb()
for size in range(1 << 20, 24 << 20, 1 << 20):
    block, small = bytearray(size), bytes(1000)
    del block
print(rss_kb() - before)
"""


def test_memory_of_large_blocks_goes_back_when_they_are_freed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 4_000, f"{done.stdout} kB were kept"
