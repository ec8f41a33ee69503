"""Kills processes while they write to one LMDB file, and reads all of it after each.

    python -m tests.store.lmdb_writer FOLDER KILLS

Started by a test as a process of its own, because it forks: neither threads nor an open environment may
be there when it does.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import random
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from lmdb.verify import verify

from proxy.store.lmdb_file import LmdbEntry, LmdbFile
from proxy.store.lmdb_open import FORMAT

if TYPE_CHECKING:
    from proxy.codec.sections import Buffer

MAX_BYTES = 32 << 20
FOR_EVER_S = 10**10
NAMES = 400
LOCKED_S = 20


def value_of(name: str, number: int) -> bytes:
    """A value that says whether it is whole; one in five is large."""
    times = random.Random(f"{name} {number}").choice([1, 40, 400, 4_000, 12_000])
    body = hashlib.sha256(f"{name} {number}".encode()).digest() * times
    return hashlib.sha256(body).digest() + body


def is_whole(value: Buffer) -> bool:
    return hashlib.sha256(value[32:]).digest() == value[:32]


def write_for_ever(folder: Path, seed: int, told: int) -> None:
    """told: where each write is told."""
    chance = random.Random(seed)
    file = LmdbFile(folder, MAX_BYTES)
    for number in itertools.count():
        names = [f"name-{chance.randrange(NAMES)}" for _ in range(chance.randint(1, 20))]
        entries = [LmdbEntry(name, value_of(name, number), FOR_EVER_S) for name in names]
        file.write(entries, names[:2], number)
        os.write(told, b".")
        if number % 10 == 0:
            file.add(f"lease-{number}", b"mine", FOR_EVER_S, number)
            file.remove(names[0])
        file.get(names, 0)


def kill_some(folder: Path, number: int) -> None:
    """Start two that write at the same time; kill one, and when the other goes on, that too."""
    children = [start_writer(folder, 2 * number), start_writer(folder, 2 * number + 1)]
    time.sleep(random.Random(number).uniform(0.02, 0.12))
    for child, _ in children:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WTERMSIG(status) != signal.SIGKILL:
            raise SystemExit(f"a writer has ended by itself: {status}")
        if child == children[0][0]:
            expect_writes(children[1][1])
    for _, told in children:
        os.close(told)


def start_writer(folder: Path, seed: int) -> tuple[int, int]:
    """A process, and where it tells of its writes."""
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        try:
            write_for_ever(folder, seed, tell)
        finally:
            traceback.print_exc()
            os._exit(1)
    os.close(tell)
    return child, told


def expect_writes(told: int) -> None:
    """Wait for two writes that began after now."""
    os.set_blocking(told, False)
    with contextlib.suppress(BlockingIOError):
        os.read(told, 1 << 16)
    os.set_blocking(told, True)
    for _ in range(2):
        if not select.select([told], [], [], LOCKED_S)[0]:
            raise SystemExit("a writer waits for the lock of one that was killed")
        os.read(told, 1)


def check(folder: Path, number: int) -> int:
    """How many values there are; each is whole, no file is nobody's, and writing is possible."""
    problems = verify(str(folder / FORMAT))  # type: ignore[no-untyped-call]  # it has no types
    if problems:
        raise SystemExit(f"after kill {number}: {problems}")
    signal.alarm(LOCKED_S)  # a write that hangs ends this process
    file = LmdbFile(folder, MAX_BYTES)
    found = file.get(["after", *(f"name-{n}" for n in range(NAMES))], 0)
    large = [value for value in found.values() if isinstance(value, memoryview)]
    if len(large) != len(large_files(folder)):
        raise SystemExit(f"after kill {number}: {len(large)} of {len(large_files(folder))} are known")
    if not all(is_whole(value) for value in found.values()):
        raise SystemExit(f"after kill {number}: a value is not whole")
    file.write([LmdbEntry("after", value_of("after", number), FOR_EVER_S)], [], number)
    if file.get(["after"], 0) != {"after": value_of("after", number)}:
        raise SystemExit(f"after kill {number}: what is written is not there")
    file.close()
    signal.alarm(0)
    return len(found)


def large_files(folder: Path) -> list[Path]:
    return list((folder / FORMAT / "large").glob("*"))


def main(folder: Path, kills: int) -> None:
    found = 0
    for number in range(kills):
        kill_some(folder, number)
        found = max(found, check(folder, number))
    files = [folder / FORMAT / "data.mdb", *large_files(folder)]
    size_bytes = sum(path.stat().st_size for path in files)
    told = f"at most {found} values, {size_bytes} bytes, {len(files) - 1} of them large"
    sys.stdout.write(f"{kills} kills, {told}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
