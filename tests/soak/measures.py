"""What the process takes: memory, tasks, sockets."""

from __future__ import annotations

import asyncio
import gc
import os
from dataclasses import dataclass
from pathlib import Path

from proxy.allocator import give_back

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
