"""Functions of any style are called rightly: what is dumped is the derivative, by differences of the same code."""

import importlib.util
import sys

import numpy as np
import pytest

import numeric
from numeric.check.calling.adapter import Adapter, adapter_of, sizes_of
from numeric.check.calling.callables import code_of, judge
from numeric.check.calling.calls import Code, Session
from numeric.check.calling.child import run_file
from numeric.check.calling.regimes import trials
from numeric.check.verdict import Finding, Verdict
from tests.numeric.check.styles import COLUMNS, FINAL, GLOBALS, LAYER, ROWS, STYLES

STEP = 1e-5
TOLERANCE = 1e-7  # central differences: STEP² · f‴/6 ~ 1e-9 and rounding eps/STEP ~ 2e-11, of values up to 1e2


def load(text, folder, name="users"):
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code(style, folder, text=None):
    module = load(text or style.text, folder)

    def member(name):
        value = module
        for part in name.split("."):
            owner, value = value, getattr(value, part)
        return value, owner if isinstance(owner, type) else None

    backward, owner = member(style.backward)
    forward = member(style.forward)[0] if style.forward else None
    found = code_of(backward, forward)
    return Code(found.backward, found.forward, owner or found.owner, found.module)


def objective(dump):
    if "loss" in dump:
        return float(dump["loss"])
    total = 0.0
    for key in (key for key in dump if key.startswith("cotangent/")):
        up, out = dump[key], dump["output/" + key[10:]]
        total += float((up * (out if up.shape == out.shape else out[1:])).sum())
    return total


def disagreements(code, trial):
    """By name, the difference between ⟨gradient, direction⟩ and the slope of what the code itself computes."""
    dump, rng = trial.dumps["main"], np.random.default_rng(7)
    roles = {key.partition("/")[2]: key for key in dump if key.startswith(("param/", "input/", "initial/"))}
    drawn = {key: value for key, value in dump.items() if key.startswith(("param/", "input/", "initial/", "target/"))}
    worst = {}
    for name, key in roles.items():
        if f"grad/{name}" not in dump:
            continue
        along = rng.standard_normal(drawn[key].shape)

        def at(step, key=key, along=along):
            changed = drawn | {key: drawn[key] + step * along}
            again = Session(code, trial.adapter).run(changed, trial.sizes, np.random.default_rng(0))
            return objective(again | {k: v for k, v in dump.items() if k.startswith("cotangent/")})

        slope = (at(STEP) - at(-STEP)) / (2 * STEP)
        worst[name] = abs(float((dump[f"grad/{name}"] * along).sum()) - slope) / max(abs(slope), 1.0)
    return worst


@pytest.mark.parametrize("name", STYLES)
def test_the_dump_of_right_code_is_its_derivative(name, tmp_path):
    style = STYLES[name]
    users = code(style, tmp_path)
    trial = trials(users, adapter=style.adapter and adapter_of(style.adapter), cell="rnn")[0]
    worst = disagreements(users, trial)
    assert max(worst.values()) < TOLERANCE, worst
    assert {key[6:] for key in trial.dumps["main"] if key.startswith("param/")} <= set(worst)


def test_the_dump_of_wrong_code_is_not(tmp_path):
    users = code(STYLES["rows and caches"], tmp_path, ROWS.replace("da @ Wh.T", "da @ Wh"))
    assert max(disagreements(users, trials(users)[0]).values()) > 0.01


def test_sizes_are_distinct_and_weights_large(tmp_path):
    (trial,) = trials(code(STYLES["rows and caches"], tmp_path))
    shape = trial.dumps["main"]["input/x"].shape + trial.dumps["main"]["param/b"].shape
    assert len(set(shape)) == 4
    assert 0.4 < trial.dumps["main"]["param/Wh"].std() < 0.6
    assert {"T = 1", "T = 2", "zero initial states"} < set(trial.dumps)
    assert any("T = 1, T = 2" in note and "0.5" in note for note in trial.notes)
    assert not trial.dumps["zero initial states"]["initial/h0"].any()


def test_code_that_rounds_to_float32_is_given_float32(tmp_path):
    text = ROWS.replace("dWx, dWh, db = dWx + xt.T @ da", "da = da.astype(np.float32); dWx, dWh, db = dWx + xt.T @ da")
    (trial,) = trials(code(STYLES["rows and caches"], tmp_path, text))
    assert {value.dtype for key, value in trial.dumps["main"].items() if key.startswith("param/")} == {np.dtype("f4")}
    assert any("float32" in note for note in trial.notes)


def test_gradients_that_add_up_are_a_note(tmp_path):
    adding = LAYER.replace(
        "        self.grads = g\n", "        self.grads = {k: v + self.grads.get(k, 0) for k, v in g.items()}\n"
    )
    (trial,) = trials(code(STYLES["a layer with dictionaries"], tmp_path, adding))
    assert "a second call" not in trial.dumps
    assert any("add up over calls" in note for note in trial.notes)


def test_a_stale_buffer_shows_in_the_second_call(tmp_path):
    stale = LAYER.replace("self.grads = {}", "self.carry = 0").replace(
        "for k, v in self.params.items()}, 0", "for k, v in self.params.items()}, self.carry"
    )
    stale = stale.replace("        self.grads = g\n", "        self.grads, self.carry = g, carry\n")
    style = STYLES["a layer with dictionaries"]
    assert "a second call" not in trials(code(style, tmp_path))[0].dumps
    (trial,) = trials(code(style, tmp_path, stale))
    again = trial.dumps["a second call"]
    assert np.abs(again["grad/W"] - trial.dumps["main"]["grad/W"]).max() > 0.1


def test_a_final_state_and_a_sequence_with_its_initial_state(tmp_path):
    trial = trials(code(STYLES["lists and a final state"], tmp_path))[0]
    steps = trial.sizes["T"]
    assert len(trial.dumps["main"]["output/hs"]) == steps + 1
    assert len(trial.dumps["main"]["cotangent/hs"]) == steps


# --- what cannot be done ------------------------------------------------------------------------------------------


def test_what_cannot_be_guessed_is_said_with_what_to_write(tmp_path):
    with pytest.raises(ValueError, match="told from its name what the argument knob of f is") as raised:
        trials(code(STYLES["words of one's own"], tmp_path))
    reason, adapter = str(raised.value).split("\n")
    assert reason.endswith("in which each ? is replaced:")
    assert "forward='blob, knob, qq -> " in adapter
    assert "'?/knob': '?'" in adapter


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("prev, h = h, np.tanh", "prev, h = h, 1 / 0 * np.tanh"), r"users.py:8: forward raised ZeroDivisionError"),
        (("da @ Wx.T, da @ Wh.T", "da @ Wx.T, da @ missing"), r"users.py:20: backward raised NameError"),
    ],
)
def test_an_exception_has_its_line(change, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        trials(code(STYLES["rows and caches"], tmp_path, ROWS.replace(*change)))


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"forwards": "x -> h"}, "no field 'forwards'"),
        ({"forward": 1}, "forward is a text"),
        ({"shapes": {"x": "T D"}}, "not a role and a name"),
        ({"shapes": {"param/W": "H Q"}}, "not written in B, T, D, H, O"),
        ({"shapes": ["param/W"]}, "mapping of texts"),
        ({"forward": "x, __import__('os') -> h"}, "holds more than names"),
        ({"forward": "x ->-> h"}, "does not read as"),
    ],
)
def test_a_wrong_adapter(record, said):
    with pytest.raises(ValueError, match=said):
        adapter_of(record)


def test_shapes():
    sizes = {"B": 2, "T": 3, "D": 5, "H": 7, "O": 11}
    assert sizes_of("4H D+H+1", sizes) == (False, (28, 13))
    assert sizes_of("int T", sizes) == (True, (3,))
    assert sizes_of("", sizes) == (False, ())
    assert Adapter(shapes={"param/W": "4H D+H"}).leaves == {"W": "param"}


# --- verdicts -----------------------------------------------------------------------------------------------------


def stub(right):
    """A verdict that depends on the dump."""

    def check_dump(dump, budget):
        correct = right(dump)
        found = () if correct else (Finding("scale", "Wh"),)
        return Verdict(
            "correct" if correct else "wrong",
            True,
            gradients={"Wh": 0.0 if correct else 1.0},
            correct=frozenset({"Wh"} if correct else ()),
            diagnosis=found,
        )

    return check_dump


def test_the_regimes_are_judged(tmp_path):
    found = trials(code(STYLES["rows and caches"], tmp_path))
    right = judge(found, stub(lambda dump: True), 1.0)
    assert (right.verdict, right.stages[:2]) == (
        "correct",
        ("T = 1: 1 of 1 gradients agree", "T = 2: 1 of 1 gradients agree"),
    )
    one = judge(found, stub(lambda dump: dump["input/x"].shape[1] != 1), 1.0)
    assert one.verdict == "wrong"
    assert any("with T = 1 0 of 1" in note for note in one.notes)
    assert any("Adapter(forward='x, h0, Wx, Wh, b -> hs, cache'" in note for note in one.notes)


def test_no_regime_is_checked_when_the_time_is_up(tmp_path):
    found = trials(code(STYLES["rows and caches"], tmp_path))
    late = judge(found, stub(lambda dump: dump["input/x"].shape[1] != 1), -1.0)
    assert late.verdict == "correct"
    assert "REGIME: T = 1: not checked, the time was up" in late.stages


@pytest.mark.parametrize(
    ("text", "change", "cell", "kind"),
    [
        (ROWS, ("", ""), "rnn", None),
        (ROWS, ("da @ Wh.T", "da @ Wh"), "rnn", "transpose"),
        (COLUMNS, ("carry = back[:n]", "pass"), "rnn", "cut-recurrence"),
        (FINAL, ("gR + np.outer(da, hs[t])", "gR + np.outer(da, hs[t + 1])"), None, "time-shift"),
    ],
)
def test_check(text, change, cell, kind, tmp_path):
    module = load(text.replace(*change) if change[0] else text, tmp_path)
    names = {ROWS: ("forward", "backward"), COLUMNS: ("rnn_forward", "rnn_backward"), FINAL: ("run", "grad")}[text]
    forward, backward = (getattr(module, name) for name in names)
    verdict = numeric.check(forward=forward, backward=backward, cell=cell, budget=20)
    assert verdict.verdict == ("wrong" if kind else "correct"), str(verdict)
    assert [finding.kind for finding in verdict.diagnosis] == ([kind] if kind else [])


@pytest.mark.needs("torch")
def test_a_function_of_torch(tmp_path):
    text = """
import torch

class Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, h0, Wx, Wh, b):
        h = [h0]
        for xt in x:
            h.append(torch.tanh(xt @ Wx + h[-1] @ Wh + b))
        out = torch.stack(h[1:])
        ctx.save_for_backward(x, h0, Wx, Wh, out)
        return out

    @staticmethod
    def backward(ctx, dout):
        x, h0, Wx, Wh, out = ctx.saved_tensors
        dx, dWx, dWh, db, carry = [], 0, 0, 0, 0
        for t in reversed(range(len(x))):
            da = (dout[t] + carry) * (1 - out[t] ** 2)
            dx.insert(0, da @ Wx.T)
            dWx, dWh, db = dWx + x[t].T @ da, dWh + (out[t - 1] if t else h0).T @ da, db + da.sum(0)
            carry = da @ Wh.T
        return torch.stack(dx), carry, dWx, dWh, db
"""
    users = code_of(load(text, tmp_path).Step, None)
    (trial,) = trials(users)
    assert {key for key in trial.dumps["main"] if key.startswith("grad/")} == {
        f"grad/{name}" for name in ("x", "h0", "Wx", "Wh", "b")
    }
    assert max(disagreements(users, trial).values()) < TOLERANCE


# --- a file, run apart --------------------------------------------------------------------------------------------


def write(folder, text):
    path = folder / "theirs.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_is_run_in_a_process_of_its_own(tmp_path, capfd):
    path = write(tmp_path, GLOBALS + "import warnings; warnings.warn('loud')\n")
    (trial,) = run_file(path, "lossFun", cell="rnn")
    assert {"loss", "grad/Whh", "output/h_last"} <= set(trial.dumps["main"])
    assert capfd.readouterr() == ("", "")
    assert "theirs" not in sys.modules
    run_file(path, "lossFun", cell="rnn", shown=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "loaded" in err


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("while True: pass", "f", "was stopped after 3 s"),
        ("x = (", "f", r"theirs.py:1: SyntaxError"),
        ("\nraise RuntimeError('no data')", "f", r"theirs.py:2: RuntimeError: no data"),
        ("\nclass Own(Exception): pass\nraise Own('mine')", "f", r"theirs.py:3: Own: mine"),
        ("import sys\nsys.exit(3)", "f", r"theirs.py:2: the file ends the process"),
        ("import os\nos._exit(3)", "f", r"ended the process \(status 3\)"),
        ("def g(): pass", "f", "has no f; it has g"),
        ("f = 3", "f", "f of theirs.py is no function"),
    ],
)
def test_a_file_that_fails_gives_one_line(text, name, said, tmp_path):
    with pytest.raises(ValueError, match=said) as raised:
        run_file(write(tmp_path, text), name, timeout=3 if "while" in text else 60)
    assert "\n" not in str(raised.value)


def test_methods_of_an_object_that_is_there(tmp_path):
    layer = load(LAYER, tmp_path).Layer(5, 4)
    before = {name: value.copy() for name, value in layer.params.items()}
    users = code_of(layer.backward, layer.forward)
    (trial,) = trials(users)
    assert (trial.sizes["D"], trial.sizes["H"]) == (5, 4)
    assert max(disagreements(users, trial).values()) < TOLERANCE
    assert all(np.array_equal(layer.params[name], value) for name, value in before.items())
    assert layer.grads == {}


def test_a_parameter_that_an_update_forgets_has_the_gradient_zero(tmp_path):
    style = STYLES["in-place updates"]
    right = trials(code(style, tmp_path))[0].dumps["main"]
    forgets = trials(code(style, tmp_path, style.text.replace("    V -= eta * gV\n", "")))[0].dumps["main"]
    assert right["grad/V"].any()
    assert not forgets["grad/V"].any()
    np.testing.assert_array_equal(forgets["grad/U"], right["grad/U"])
