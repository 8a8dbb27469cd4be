"""`bptt check`: verdicts, exit status, JSON, templates, and bad input in one line."""

import json
import os
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import derive
import numeric
from numeric.check.template import scripts, template
from numeric.check.verdict import Finding, Verdict
from numeric.check.wording import html, text
from reports.cli import main
from reports.commands import check as command
from tests.numeric.check.styles import GLOBALS, ROWS

ROOT = Path(__file__).parents[2]
VERDICT_KEYS = {"verdict", "forward", "gradients", "diagnosis", "alternatives", "explained", "runner_up", "policies"}


def dump(change=("", ""), **extra):
    """Arrays of a hand-written network, or of one with a mistake."""
    space = {}
    exec(ROWS.replace(*change) if change[0] else ROWS, space)
    rng = np.random.default_rng(0)
    x, h0, up = rng.standard_normal((3, 6, 5)), rng.standard_normal((3, 4)), rng.standard_normal((3, 6, 4))
    W = {"Wx": rng.standard_normal((5, 4)) / 2, "Wh": rng.standard_normal((4, 4)) / 2, "b": rng.standard_normal(4)}
    hs, cache = space["forward"](x, h0, *W.values())
    grads = zip(("x", "h0", *W), space["backward"](up, cache), strict=True)
    found = {"input/x": x, "initial/h0": h0, "output/h": hs, "cotangent/h": up}
    return found | {f"param/{k}": w for k, w in W.items()} | {f"grad/{k}": np.array(g) for k, g in grads} | extra


CLIP = ("return dx, dprev, dWx, dWh, db", "return [np.clip(g, -1, 1) for g in (dx, dprev, dWx, dWh, db)]")
CUT = ("da @ Wx.T, da @ Wh.T", "da @ Wx.T, 0 * dprev")


def run(capsys, *arguments):
    status = main(["check", *map(str, arguments)])
    return status, *capsys.readouterr()


def saved(folder, arrays):
    np.savez(folder / "dump.npz", **arrays)
    return folder / "dump.npz"


def test_a_right_gradient(capsys, tmp_path):
    status, out, err = run(capsys, saved(tmp_path, dump()), "--cell", "rnn")
    assert (status, err) == (0, "")
    assert out.startswith("VERDICT    correct: every gradient agrees with the derivation\nFORWARD    matches RNN")
    assert "5 of 5 agree" in out


def test_a_recurrence_that_is_cut(capsys, tmp_path):
    path = saved(tmp_path, dump(CUT))
    status, out, _ = run(capsys, path, "--cell", "rnn")
    assert status == 1
    assert "DIAGNOSIS  cut-recurrence (h" in out
    status, out, _ = run(capsys, path, "--cell", "rnn", "--json")
    record = json.loads(out)
    assert set(record) >= VERDICT_KEYS | {"notes"}
    assert record["verdict"] == "wrong"
    assert record["explained"] is True
    assert status == 1
    assert run(capsys, path, "--cell", "rnn", "--allow", "truncate:1")[0] == 0
    assert run(capsys, path, "--cell", "rnn", "--allow", "truncate:2")[0] == 1


def test_a_policy(capsys, tmp_path):
    path = saved(tmp_path, dump(CLIP))
    status, out, _ = run(capsys, path, "--cell", "rnn")
    assert status == 1
    assert out.startswith("VERDICT    policy")
    assert "POLICY     clip" in out
    assert run(capsys, path, "--cell", "rnn", "--allow", "clip")[0] == 0
    assert run(capsys, path, "--cell", "rnn", "--allow", "truncate:2")[0] == 1


def test_a_system_in_a_file(capsys, tmp_path):
    (tmp_path / "mine.eqs").write_text("h[t] = tanh(W @ h[t-1] + U @ x[t] + b)", encoding="utf-8")
    assert run(capsys, saved(tmp_path, dump()), "--cell", tmp_path / "mine.eqs")[0] == 0


def test_functions_of_a_file(capsys, tmp_path):
    (tmp_path / "theirs.py").write_text(ROWS.replace(*CUT) + "\nprint('noise')\n", encoding="utf-8")
    name = f"{tmp_path / 'theirs.py'}:backward"
    status, out, err = run(capsys, name, "--forward", "forward", "--cell", "rnn")
    assert (status, err) == (1, "")
    assert "noise" not in out
    assert "cut-recurrence" in out
    assert "weights of size 0.5" in out


BAD = {
    "no file": (["none.npz"], "there is no such file"),
    "no Python file": (["none.py:f"], "there is no such file"),
    "which function": (["theirs.py"], "which function of"),
    "no function": (["theirs.py:g"], "has no g; it has lossFun"),
    "an exception": (["boom.py:f"], "boom.py:1: RuntimeError: boom"),
    "no time": (["loop.py:f", "--timeout", "2"], "was stopped after 2 s"),
    "adapter that is no JSON": (["theirs.py:lossFun", "--adapter", "{"], "--adapter is not JSON"),
    "adapter of another form": (["theirs.py:lossFun", "--adapter", '{"call": ""}'], "no field 'call'"),
    "map": (["right.npz", "--map", "Wx"], "--map: 'Wx' is not AUTHOR=QUANTITY"),
    "policy": (["right.npz", "--allow", "everything"], "'everything' is not a policy"),
    "cell": (["right.npz", "--cell", "lstn"], "neither a name, a file nor equations"),
    "budget": (["right.npz", "--budget", "-1"], "--budget"),
    "nothing": ([], "takes a file, or --template"),
    "NaN": (["nan.npz"], "NaN"),
    "no gradient": (["gradless.npz"], "no gradient"),
    "unknown key": (["key.npz"], "weights/W"),
    "no steps": (["empty.npz"], "empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file, content in {"theirs": GLOBALS, "boom": "raise RuntimeError('boom')", "loop": "while 1: pass"}.items():
        (tmp_path / f"{file}.py").write_text(content, encoding="utf-8")
    right = dump()
    spoilt = {
        "right": right,
        "nan": right | {"param/Wx": right["param/Wx"] * np.nan},
        "gradless": {k: v for k, v in right.items() if not k.startswith("grad/")},
        "key": right | {"weights/W": np.ones(3)},
        "empty": right | {"input/x": np.zeros((3, 0, 5))},
    }
    for file, arrays in spoilt.items():
        np.savez(tmp_path / f"{file}.npz", **arrays)
    arguments, said = BAD[name]
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_what_cannot_be_guessed_is_shown_below_the_reason(capsys, tmp_path):
    (tmp_path / "odd.py").write_text("def b(blob, knob): return blob\n", encoding="utf-8")
    status, _, err = run(capsys, f"{tmp_path / 'odd.py'}:b")
    assert status == 2
    head, *rest = err.splitlines()
    assert "what the argument knob of b is" in head
    assert all(line.startswith("  ") for line in rest)


# --- templates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["lstm", "gru", "h[t] = tanh(W @ h[t-1] + U @ x[t] + b)"])
def test_the_template_names_every_leaf(capsys, cell):
    status, out, err = run(capsys, "--template", cell)
    assert (status, err) == (0, "")
    system = derive.load(cell) if "=" not in cell else derive.parse(cell)
    for name in system.parameters:
        assert f"  param/{name} " in out
        assert f"  grad/{name} " in out
    assert "initial/h0" in out


def test_the_scripts_are_short():
    for script in scripts(derive.load("lstm")).values():
        assert len([line for line in script.splitlines() if line and not line.startswith(("#", "import"))]) <= 10
        assert script in template(derive.load("lstm")) + "\n"


def script_space(torch=None):
    """Hand-written code in the form that the scripts name."""
    space = {}
    exec(ROWS, space)
    rng = np.random.default_rng(1)
    made = (lambda a: torch.tensor(a)) if torch else (lambda a: a)
    drawn = {"x": (3, 6, 5), "h": (3, 4), "Wx": (5, 4), "Wh": (4, 4), "b": (4,)}
    values = {name: made(rng.standard_normal(shape) / 2) for name, shape in drawn.items()}
    kept = {}

    def forward(inputs, initial, parameters):
        arrays = [np.asarray(v) for v in (inputs["x"], initial["h"], *parameters.values())]
        hs, kept["cache"] = space["forward"](*arrays)
        return {"h": made(hs)}

    def backward(up):
        grads = space["backward"](np.asarray(up["h"]), kept["cache"])
        return {name: made(np.asarray(g)) for name, g in zip(("x", "h", "Wx", "Wh", "b"), grads, strict=True)}

    groups = {"inputs": {"x": values["x"]}, "initial": {"h": values["h"]}}
    return groups | {"parameters": {k: values[k] for k in ("Wx", "Wh", "b")}, "forward": forward, "backward": backward}


@pytest.mark.parametrize("library", ["numpy", pytest.param("torch", marks=pytest.mark.needs("torch"))])
def test_the_script_dumps_what_can_be_checked(library, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch = pytest.importorskip("torch") if library == "torch" else None
    (tmp_path / "script.py").write_text(scripts(derive.load("rnn"))[library], encoding="utf-8")
    runpy.run_path(str(tmp_path / "script.py"), script_space(torch))
    status, out, _ = run(capsys, "dump.npz", "--cell", "rnn")
    assert status == 0, out


# --- wording --------------------------------------------------------------------------------------------------------

LONG = Verdict(
    "wrong",
    True,
    "LSTM",
    "gates f,i,g,o split, [h,x], columns",
    6e-17,
    {"Wf": 1.05, "x": 0.48, "<b>": float("nan"), "Wo": 1e-16},
    frozenset({"Wo"}),
    (
        Finding(
            "cut-recurrence",
            "h",
            "δh[t-1] ← δh[t]",
            {"text": "g_h[t] = W @ dz[t]", "equation": "8", "numpy": "dh = dh_prev + up"},
        ),
    ),
    ((Finding("truncate", "h", "1 step"),),),
    True,
    0.25,
    (),
    ("ONE STEP: 11 of 11 gradients agree", "SEQUENCE  0 of 10 agree", "no label here"),
    ("one note " * 30,),
)


def test_text_has_every_part_and_no_long_line():
    shown = text(LONG.as_json(), width=90)
    for part in (
        "FORWARD    matches LSTM: gates f,i,g,o split, [h,x], columns   (largest difference 6e-17)",
        "ONE STEP   11 of 11",
        "SEQUENCE   0 of 10",
        "WHERE      no label here",
        "GRADIENTS  1 of 4 agree (<b> not a number, Wf 1.05, x 0.48)",
        "DIAGNOSIS  cut-recurrence (h): δh[t-1] ← δh[t]",
        "next best explanation",
        "OR         truncate (h): 1 step   (the same numbers)",
        "REPAIR     g_h[t] = W @ dz[t]   (eq. 8 of the report)",
        "           dh = dh_prev + up",
    ):
        assert part in shown
    assert max(map(len, shown.splitlines())) <= 90
    assert str(LONG).startswith("VERDICT    wrong")


def test_html_escapes_names():
    shown = LONG._repr_html_()
    assert shown == html(LONG.as_json())
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown


@pytest.mark.parametrize(
    ("verdict", "allow", "status"),
    [
        (Verdict("correct", True), [], 0),
        (Verdict("undecided", False), ["clip", "truncate"], 2),
        (Verdict("policy", True, policies=("truncate:3",)), [], 1),
        (Verdict("policy", True, policies=("truncate:3",)), ["truncate:2"], 1),
        (Verdict("policy", True, policies=("truncate:3",)), ["truncate"], 0),
        (Verdict("policy", True, policies=("truncate:3", "clip:value")), ["truncate:3"], 1),
        (Verdict("policy", True, policies=("truncate:3", "clip:value")), ["truncate:3", "clip"], 0),
        (LONG, ["truncate:1"], 0),
        (LONG, ["clip"], 1),
    ],
)
def test_exit_status(verdict, allow, status, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "check_arrays", lambda *_, **__: verdict)
    arguments = [part for policy in allow for part in ("--allow", policy)]
    assert run(capsys, saved(tmp_path, dump()), *arguments)[0] == status


# --- assertions -----------------------------------------------------------------------------------------------------


def test_assert_gradients(tmp_path):
    assert numeric.assert_gradients(dump(), cell="rnn").verdict == "correct"
    with pytest.raises(AssertionError, match="cut-recurrence"):
        numeric.assert_gradients(saved(tmp_path, dump(CUT)), cell="rnn")
    assert numeric.assert_gradients(dump(CLIP), cell="rnn", allow=["clip"]).verdict == "policy"
    with pytest.raises(ValueError, match="either arrays or functions"):
        numeric.assert_gradients()


def test_the_plugin_imports_nothing_heavy():
    code = (
        "import sys, pytest; before = set(sys.modules); import reports.pytest_plugin;"
        "print(sorted(name for name in set(sys.modules) - before if '.' not in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['reports']"


PROJECT = """
from own import backward, forward

def test_right(bptt_check):
    bptt_check(forward=forward, backward=backward, cell="rnn")

def test_wrong(bptt_check):
    def broken(dhs, cache):
        dx, dprev, dWx, dWh, db = backward(dhs, cache)
        return dx, dprev, dWx, 2 * dWh, db
    bptt_check(forward=forward, backward=broken, cell="rnn")
"""


def test_the_fixture_in_a_project(tmp_path):
    (tmp_path / "own.py").write_text(ROWS, encoding="utf-8")
    (tmp_path / "test_own.py").write_text(PROJECT, encoding="utf-8")
    plugin = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]["pytest11"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", plugin["bptt"], "-p", "no:cacheprovider", "-q"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert "1 failed, 1 passed" in done.stdout
    assert "AssertionError: the gradient is not right" in done.stdout
    assert "DIAGNOSIS  scale (Wh" in done.stdout
