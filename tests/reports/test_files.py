"""Files are written whole or not at all; the certificate is JSON that every reader accepts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from reports import jsonreport
from reports.document import Report
from reports.files import FileError, guard, mark, marked, write, write_all

ROOT = Path(__file__).parents[2]


def test_written_as_given(tmp_path: Path) -> None:
    path = write(tmp_path / "new" / "δ.txt", "δ\n")
    assert path.read_bytes() == "δ\n".encode()
    assert write(path, b"\x00\xff", force=True).read_bytes() == b"\x00\xff"
    assert os.listdir(path.parent) == ["δ.txt"]


def test_mode_is_that_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    assert write(tmp_path / "ours", "x").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_all_or_none(tmp_path: Path) -> None:
    write(tmp_path / "a", "old")
    (tmp_path / "b").mkdir()
    with pytest.raises(FileError, match=r"cannot write .*b: ") as caught:
        write_all(tmp_path, {"a": "new", "b": "new"}, force=True)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "a").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_failure_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a", "old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left on device"):
        write(tmp_path / "a", "new", force=True)
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
    write(tmp_path / "link", "new", force=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


# --- what is in the way ---------------------------------------------------------------------------------------------

FORMATS = {
    "html": f'<html>\n<meta name="generator" content="{mark("report")}"/>\nδ',
    "json": f'{{\n  "a": 1,\n  "generator": "{mark("report")}"\n}}\n',
    "tex": f"% {mark('report')}\ntext",
    "py": f"# {mark('report')}\ntext",
    "pdf": marked(b"%PDF\x00\xff%%EOF"),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_command_replaces_its_own_file(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / "x", FORMATS[kind])
    first = path.read_bytes()
    assert b"0" * 16 not in first
    assert write(path, FORMATS[kind]).read_bytes() == first
    with pytest.raises(FileError, match="exists and bptt code did not write it; --force overwrites it"):
        guard(path, "code")


@pytest.mark.parametrize("kind", FORMATS)
def test_what_somebody_changed_stays(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / "x", FORMATS[kind])
    changed = path.read_bytes() + b" "
    path.write_bytes(changed)
    with pytest.raises(FileError, match="was changed since bptt report wrote it; --force overwrites it"):
        write_all(tmp_path, {"new": FORMATS[kind], "x": FORMATS[kind]})
    assert path.read_bytes() == changed
    assert os.listdir(tmp_path) == ["x"]
    assert write(path, FORMATS[kind], force=True).read_bytes() != changed


def test_no_text_of_a_user_is_a_mark(tmp_path: Path) -> None:
    for text in (f"see {mark('report')}", f'{{\n  "a": "{mark("report")}"\n}}', f"<p>% {mark('report')}"):
        path = write(tmp_path / "x", text, force=True)
        assert path.read_text() == text
        with pytest.raises(FileError, match="bptt report did not write it"):
            guard(path, "report")


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for force in (False, True):
        with pytest.raises(FileError, match="is not a regular file"):
            write(fifo, "x", force=force)
    assert os.listdir(tmp_path) == ["fifo"]


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """A real one, as far as a process without rights can have one: no file may grow past 40 000 bytes."""
    script = (
        "import resource, sys, reports.commands.report as command; from reports.cli import main;"
        "command.evidence_of = lambda system, tell: [];"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000));"
        f"sys.exit(main(['report', 'rnn', '-o', {str(tmp_path / 'out')!r}]))"
    )
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"bptt: cannot write .*/out/rnn\.html: .+\n", done.stderr)
    assert os.listdir(tmp_path / "out") == []


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
