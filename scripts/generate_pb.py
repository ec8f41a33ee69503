"""Generates `proxy/codec/_pb/` from `proto/`, and with `--check` only compares.

    python scripts/generate_pb.py           write the modules and their type stubs
    python scripts/generate_pb.py --check   exit with 1 and name what is stale

protoc names modules after the path of the proto file (`from prometheus import types_pb2`); the
names are rewritten here to where the modules live: all in one folder, so two proto files may not
have the same name.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO_FOLDER = ROOT / "proto"
OUTPUT_FOLDER = ROOT / "proxy" / "codec" / "_pb"
OUTPUT_PACKAGE = "proxy.codec._pb"
PACKAGE_DOCSTRING = '"""Generated from `proto/` by `scripts/generate_pb.py`: do not edit."""\n'


def generate() -> dict[str, str]:
    """File name to text of every generated module and stub, the package's own file included."""
    with tempfile.TemporaryDirectory(prefix="thanoxy-protoc-") as scratch:
        sources = sorted(PROTO_FOLDER.rglob("*.proto"))
        check_names(sources)
        folders = {source.parent.name for source in sources}
        # grpc_tools carries the well-known types next to its own code.
        well_known = resources.files("grpc_tools") / "_proto"
        arguments = [
            "protoc",
            f"--proto_path={PROTO_FOLDER}",
            f"--proto_path={well_known}",
            f"--python_out={scratch}",
            f"--pyi_out={scratch}",
            *(str(source) for source in sources),
        ]
        if status := protoc.main(arguments):
            raise SystemExit(f"protoc failed with status {status}")
        written = [path for path in sorted(Path(scratch).rglob("*_pb2.py*")) if path.is_file()]
        files = {path.name: name_modules(path.read_text("utf-8"), folders) for path in written}
    return {"__init__.py": PACKAGE_DOCSTRING, **files}


def check_names(sources: list[Path]) -> None:
    """Refuse two proto files of one name: one's module would overwrite the other's."""
    counts = Counter(source.stem for source in sources)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise SystemExit(f"more than one proto file is called {', '.join(twice)}")


def name_modules(text: str, folders: set[str]) -> str:
    """Rewrite imports between generated modules, and the `__module__` of their classes.

    Args:
        text: of a module or its stub.
        folders: those of the proto files, which protoc takes for packages.
    """
    package = "|".join(sorted(folders))
    imported = re.sub(rf"(?m)^from (?:{package}) import ", f"from {OUTPUT_PACKAGE} import ", text)
    return re.sub(rf"'(?:{package})\.(\w+_pb2)'", rf"'{OUTPUT_PACKAGE}.\1'", imported)


def stale_files(wanted: dict[str, str]) -> list[str]:
    """Names that are missing, differ, or should no longer be there."""
    present = {
        path.name: path.read_text("utf-8") for path in OUTPUT_FOLDER.glob("*.py*") if path.is_file()
    }
    return sorted(
        name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name)
    )


def write(wanted: dict[str, str]) -> None:
    """Bring the folder to exactly the wanted files."""
    OUTPUT_FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale_files(wanted):
        path = OUTPUT_FOLDER / name
        if name in wanted:
            path.write_text(wanted[name], "utf-8")
        else:
            path.unlink()


def main(arguments: list[str]) -> int:
    wanted = generate()
    if "--check" not in arguments:
        write(wanted)
        return 0
    stale = stale_files(wanted)
    for name in stale:
        sys.stderr.write(f"stale: {OUTPUT_FOLDER.relative_to(ROOT) / name}\n")
    if stale:
        sys.stderr.write("run: python scripts/generate_pb.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
