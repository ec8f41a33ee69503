"""The generated protobuf modules."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from proxy.codec._pb import store_pb2
from proxy.codec._pb.remote_pb2 import ChunkedReadResponse, WriteRequest
from proxy.codec._pb.types_pb2 import Chunk, Sample, TimeSeries
from scripts import generate_pb

if TYPE_CHECKING:
    from pathlib import Path


def test_the_generated_modules_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate_pb.main(["--check"]) == 0, capsys.readouterr().err


def test_what_is_stale_missing_or_left_over_is_named_and_then_repaired(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(generate_pb, "ROOT", tmp_path)
    monkeypatch.setattr(generate_pb, "OUTPUT_FOLDER", tmp_path / "_pb")
    assert generate_pb.main([]) == 0
    (tmp_path / "_pb" / "remote_pb2.py").write_text("edited by hand", "utf-8")
    (tmp_path / "_pb" / "types_pb2.pyi").unlink()
    (tmp_path / "_pb" / "old_pb2.py").touch()

    assert generate_pb.main(["--check"]) == 1
    named = capsys.readouterr().err
    assert [line for line in named.splitlines() if line.startswith("stale: ")] == [
        "stale: _pb/old_pb2.py",
        "stale: _pb/remote_pb2.py",
        "stale: _pb/types_pb2.pyi",
    ]
    assert generate_pb.main([]) == 0
    assert generate_pb.main(["--check"]) == 0


def test_proto_files_of_all_folders_become_modules_of_one_package() -> None:
    files = generate_pb.generate()
    assert {"remote_pb2.py", "types_pb2.pyi", "store_pb2.py", "store_pb2.pyi"} <= files.keys()
    module = generate_pb.name_modules(
        "from thanos import store_pb2 as thanos_dot_store__pb2\n"
        "from google.protobuf import descriptor as _descriptor\n"
        "_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, 'thanos.store_pb2', _globals)\n",
        {"prometheus", "thanos"},
    )
    assert module == (
        "from proxy.codec._pb import store_pb2 as thanos_dot_store__pb2\n"
        "from google.protobuf import descriptor as _descriptor\n"
        "_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, 'proxy.codec._pb.store_pb2', _globals)\n"
    )
    assert store_pb2.Series.__module__ == "proxy.codec._pb.store_pb2"


def test_two_proto_files_of_one_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "types.proto").write_text('syntax = "proto3";', "utf-8")
    monkeypatch.setattr(generate_pb, "PROTO_FOLDER", tmp_path)
    with pytest.raises(SystemExit, match="types"):
        generate_pb.generate()


def test_field_numbers_are_those_of_the_public_protocol() -> None:
    request = WriteRequest()
    series = request.timeseries.add()
    series.labels.add(name="a", value="b")
    series.samples.add(value=1.0, timestamp=2)
    series.histograms.add(timestamp=3)
    label = b"\x0a\x06\x0a\x01a\x12\x01b"
    sample = b"\x12\x0b\x09" + struct.pack("<d", 1.0) + b"\x10\x02"
    histogram = b"\x22\x02\x78\x03"
    body = label + sample + histogram
    assert request.SerializeToString() == b"\x0a" + bytes([len(body)]) + body

    frame = ChunkedReadResponse(query_index=5)
    frame.chunked_series.add().chunks.add(type=Chunk.XOR, data=b"x")
    assert frame.SerializeToString() == b"\x0a\x07\x12\x05\x18\x01\x22\x01x\x10\x05"


def test_fields_that_are_not_known_here_are_skipped() -> None:
    exemplars = b"\x1a\x00"  # field 3 of TimeSeries
    assert not TimeSeries.FromString(exemplars).samples


def test_the_bits_of_a_nan_survive() -> None:
    stale_marker = struct.unpack("<d", bytes.fromhex("020000000000f07f"))[0]
    assert Sample(value=stale_marker).SerializeToString() == bytes.fromhex("09020000000000f07f")
