"""Files are written whole or not at all; the certificate is JSON that every reader accepts."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path

import pytest

from reports import jsonreport
from reports.document import Report
from reports.files import FileError, write, write_all


def test_written_as_given(tmp_path: Path) -> None:
    path = write(tmp_path / "new" / "δ.txt", "δ\n")
    assert path.read_bytes() == "δ\n".encode()
    assert write(path, b"\x00\xff").read_bytes() == b"\x00\xff"
    assert os.listdir(path.parent) == ["δ.txt"]


def test_mode_is_that_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    assert write(tmp_path / "ours", "x").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_all_or_none(tmp_path: Path) -> None:
    write(tmp_path / "a", "old")
    (tmp_path / "b").mkdir()
    with pytest.raises(FileError, match=r"cannot write .*b: ") as caught:
        write_all(tmp_path, {"a": "new", "b": "new"})
    assert "\n" not in str(caught.value)
    assert (tmp_path / "a").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_failure_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a", "old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left on device"):
        write(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_reason_is_one_line(tmp_path: Path) -> None:
    write(tmp_path / "file", "x")
    with pytest.raises(FileError) as caught:
        write(tmp_path / "file" / "below", "x")
    assert str(caught.value).startswith("cannot write ")
    assert "\n" not in str(caught.value)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path / "target", "old")
    (tmp_path / "link").symlink_to("target")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_names_stay_in_the_directory(tmp_path: Path) -> None:
    for name in ("../x", "a/b", "..", ""):
        with pytest.raises(ValueError, match="is not the name of a file"):
            write_all(tmp_path / "in", {name: "x"})
    assert os.listdir(tmp_path) == ["in"]


def test_certificate_is_strict_sorted_json(sample: Report) -> None:
    text = jsonreport.render(sample)
    assert text.endswith("}\n")
    assert "Infinity" not in text
    read = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert list(read) == sorted(read)
    assert read["unbounded"] is None
    assert read["holds"] is True
    assert read["sizes"] == [4, 3]


def test_only_plain_data() -> None:
    assert jsonreport.to_json({"b": Fraction(1, 2), "a": (float("nan"), True)}) == (
        '{\n  "a": [\n    null,\n    true\n  ],\n  "b": 0.5\n}\n'
    )
    with pytest.raises(TypeError, match=r"certificate\.x\[1\]: object"):
        jsonreport.to_json({"x": [1, object()]})
    with pytest.raises(TypeError, match="the key 1"):
        jsonreport.to_json({1: "x"})
