"""Writing reports: files, errors, and the same bytes in every process."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import derive
import reports
from derive.evidence import Evidence
from derive.library import UnknownArchitecture
from derive.networks import NAMED, build
from reports.notations import UnknownNotation

HOLDS = Evidence("gradient", "autograd", 8, 1.5e-16, 1e-13, True)
SCRIPT = """
import sys, reports
from derive.networks import build
files = reports.write("lstm", sys.argv[1], evidence=[])
files += reports.write("gru", sys.argv[1], notation="ng", evidence=[])
files += reports.write(build("attention-bahdanau"), sys.argv[1], detail="brief", evidence=[])
"""
ROOT = Path(__file__).parents[2]


def test_files_and_certificate(tmp_path):
    files = reports.write("lstm", tmp_path, sizes={"D": 4, "H": 3}, evidence=[HOLDS])
    assert {path.name for path in files} >= {"lstm.html", "lstm.tex", "lstm.json"}
    assert all(path.is_file() and path.stat().st_size for path in files)
    certificate = json.loads((tmp_path / "lstm.json").read_text())
    assert certificate["holds"] is True
    assert certificate["counts"]["parameters"]["total"] == 96
    assert certificate["counts"]["conventions"]["pytorch"] == 108
    assert certificate["evidence"] == [HOLDS.as_dict()]
    assert "dc[t] = dh[t] * o[t] * (1 - tanh(c[t])**2) + dc[t+1] * f[t+1]" in certificate["backward"]
    assert derive.parse("\n".join(certificate["forward"])).states == ("h", "c")


@pytest.mark.usefixtures("undrawn")
def test_only_what_is_asked_for(tmp_path):
    (path,) = reports.write(derive.load("rnn"), tmp_path, formats=("json",), evidence=[])
    assert path == tmp_path / "rnn.json"
    assert list(tmp_path.iterdir()) == [path]
    assert json.loads(path.read_text())["holds"] is None


@pytest.mark.usefixtures("undrawn")
def test_verified_by_default(tmp_path):
    told = []
    (path,) = reports.write("rnn", tmp_path, formats=("json",), progress=told.append)
    certificate = json.loads(path.read_text())
    assert certificate["holds"] is True
    assert len(certificate["evidence"]) >= 4
    assert "report" in told


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"system": "ltsm"}, UnknownArchitecture, "did you mean 'lstm'"),
        ({"system": "rnn", "notation": "x"}, UnknownNotation, "no notation is called 'x'"),
        ({"system": "rnn", "formats": ("pdf",)}, ValueError, "no format is called 'pdf'; there are html, tex, json"),
        ({"system": "rnn", "detail": "long"}, ValueError, "no detail is called 'long'; there are full, brief"),
        ({"system": "rnn", "sizes": {"Q": 3}}, ValueError, "has no dimension Q"),
    ],
)
def test_errors_are_one_line(arguments, error, message, tmp_path):
    with pytest.raises(error, match=message) as caught:
        reports.write(**arguments, out=tmp_path, evidence=[])
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("name", "file"), [("a/b: c", "a-b-c.json"), ("..", "system.json"), ("é", "é.json")])
def test_names_of_files(name, file, tmp_path):
    system = derive.parse("h[t] = tanh(h[t-1] + x[t])", name=name)
    (path,) = reports.write(system, tmp_path, formats=("json",), evidence=[])
    assert path == tmp_path / file


def test_same_bytes_in_every_process(tmp_path):
    """Across processes and hash seeds; pictures included."""
    digests = []
    for seed in ("0", "1"):
        out = tmp_path / seed
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(out)],
            env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
            check=True,
            timeout=120,
        )
        digests.append({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(out.iterdir())})
    assert digests[0] == digests[1]
    assert len(digests[0]) >= 6


@pytest.mark.needs("latexmk")
@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("lstm", "standard"),
        ("lstm", "ng"),
        ("lstm", "pytorch+bar"),
        ("gru", "bar"),
        ("lstm-peephole", "partial"),
        ("rhn-3", "standard"),  # a Jacobian of more terms than fit a page
        ("lmu", "standard"),  # signs beyond the fonts of TeX
        ("lstm-bidirectional-deep", "standard"),
        ("attention-luong-local", "ng"),
    ],
)
def test_the_latex_compiles_clean(name, style, tmp_path):
    """No error, no box more than a point too wide or too high, no reference into the void."""
    system = build(name) if name in NAMED else derive.load(name)
    reports.write(system, tmp_path, formats=("tex",), notation=style, evidence=[HOLDS])
    command = ["latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
    done = subprocess.run(command, cwd=tmp_path, timeout=120, capture_output=True)
    log = (tmp_path / f"{name}.log").read_text("latin-1")
    assert done.returncode == 0, [line for line in log.splitlines() if line.startswith(("!", "l."))]
    assert [points for points in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", log) if float(points) > 1] == []
    assert not re.search(r"(?:Reference|reference|Citation) `[^']*' .*undefined|multiply defined", log)
    assert (tmp_path / f"{name}.pdf").stat().st_size > 50_000


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = reports.nothing
