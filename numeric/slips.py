"""Mistakes that lecture notes make, each built as it is printed and shown to be something else.

Most are equations with one sign or letter wrong.  They are equations all the same, so they are parsed, derived and
evaluated like any other: what is wrong with them is what follows from them.  What notes say of gradients that vanish or
explode is in `numeric.claims`.  Memory: Gers, Schmidhuber & Cummins 2000; outputs of LSTMs: Greff et al. 2017, arXiv
1503.04069.

Read next: `reports.commands.claims`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import derive
from derive.counts import parameter_count
from derive.dimensions import dimension
from derive.expr import refs
from derive.networks import bidirectional, stack
from derive.networks.attention import attention
from derive.reach import ancestors
from derive.stability import stability
from derive.unroll import unroll
from numeric.claims import Claim, gates_held
from numeric.examples import example
from numeric.notes import descent, shown
from numeric.reference import evaluate
from numeric.stability import spectra

CARRIED_CANDIDATE = """
z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
n[t] = tanh(W_n @ [h[t-1], x[t]] + b_n)
h[t] = z[t] * n[t] + (1 - z[t]) * n[t-1]
"""
CANDIDATE_OUT = """
f[t] = sigmoid(W_f @ [a[t-1], x[t]] + b_f)
i[t] = sigmoid(W_i @ [a[t-1], x[t]] + b_i)
g[t] = tanh(W_g @ [a[t-1], x[t]] + b_g)
o[t] = sigmoid(W_o @ [a[t-1], x[t]] + b_o)
c[t] = f[t] * c[t-1] + i[t] * g[t]
a[t] = o[t] * tanh(g[t])
"""
PEEPHOLE_CANDIDATE_OUT = """
f[t] = sigmoid(W_f @ [a[t-1], x[t], c[t-1]] + b_f)
i[t] = sigmoid(W_i @ [a[t-1], x[t], c[t-1]] + b_i)
g[t] = tanh(W_g @ [a[t-1], x[t]] + b_g)
o[t] = sigmoid(W_o @ [a[t-1], x[t], c[t-1]] + b_o)
c[t] = f[t] * c[t-1] + i[t] * g[t]
a[t] = o[t] * g[t]
"""
TWICE_FORWARD = """
p[t] = tanh(W_p @ [p[t-1], x[t]] + b_p)
q[t] = tanh(W_q @ [q[t-1], x[t]] + b_q)
h[t] = [p[t], q[t]]
"""
KEPT = np.array([4.0, 5.0, 6.0])


# --- gated recurrent units ----------------------------------------------------------------------------------------


def _pulse(system: derive.System) -> tuple[list[float], np.ndarray[Any, Any]]:
    """What remains of an input at the first step, and the gradient by lag: z = ½, no recurrent weights."""
    parameters = {"W_z": np.zeros((1, 2)), "b_z": np.zeros(1), "W_n": np.array([[0.0, 1.0]]), "b_n": np.zeros(1)}
    x = np.zeros((5, 1, 1))
    x[0] = np.arctanh(0.5)
    (found,) = spectra(system, parameters, {"x": x})
    return evaluate(system, parameters, {"x": x})["h"].ravel().tolist(), found.norms[:, 0]


def _carried_candidate() -> tuple[bool, str]:
    right, wrong = derive.load("gru-simplified"), derive.parse(CARRIED_CANDIDATE)
    paths = [len(recurrence.direct) for system in (right, wrong) for recurrence in stability(system).recurrences]
    (kept, norms), (lost, gone) = _pulse(right), _pulse(wrong)
    exact = kept == [0.25 / 2**k for k in range(5)] and lost == [0.25, 0.25, 0, 0, 0]
    powers = bool((norms == 0.5 ** np.arange(6)).all() and (gone[2:] == 0).all())
    found = f"direct paths {paths[0]} and {paths[1]}; with z = ½ a pulse leaves {shown(kept)}, as printed {shown(lost)}"
    return exact and powers and paths == [1, 0], found


def _gru_output() -> tuple[bool, str]:
    system = derive.parse(f"{derive.load('gru')}\na[t] = n[t]")
    values = gates_held(system, "h", {"z": -40.0}, 10)
    memory, output = values["h"][9, 0], values["a"][9, 0]
    holds = np.allclose(memory, KEPT, rtol=1e-14, atol=0) and (np.abs(output) < 1).all()
    return bool(holds), f"z = 0, 10 steps: the memory is {shown(memory)}, the candidate {shown(output, 3)}"


# --- LSTMs --------------------------------------------------------------------------------------------------------


def _lstm_left_side() -> tuple[bool, str]:
    try:
        derive.parse("g[t] = u[t] * g[t] + f[t] * c[t-1]")
    except derive.EquationError as error:
        return "cycle" in str(error), str(error).splitlines()[0].partition(": ")[2]
    return False, "no complaint"


def _lstm_output() -> tuple[bool, str]:
    right, wrong = derive.load("lstm"), derive.parse(CANDIDATE_OUT)
    unused = sorted(set(wrong.parameters) - ancestors(wrong, ["a"]))
    whole = set(right.parameters) <= ancestors(right, ["h"])
    holds = whole and unused == ["W_f", "W_i", "b_f", "b_i"] and "c" not in ancestors(wrong, ["a"])
    return holds, f"as printed nothing reads c, and {', '.join(unused)} have no path to the output"


def _peephole_output() -> tuple[bool, str]:
    """The memory at 4, 5, 6 or elsewhere, kept for ever, and the output gate held open: who sees it?"""
    held = {"f": 40.0, "i": -700.0, "o": 40.0}
    differences = []
    for system, output in ((derive.load("lstm-peephole-full"), "h"), (derive.parse(PEEPHOLE_CANDIDATE_OUT), "a")):
        case = example(system, 10, {"D": 2, "H": 3})
        parameters = dict(case.parameters)
        for gate, bias in held.items():
            parameters[f"W_{gate}"] = 0 * parameters[f"W_{gate}"]
            parameters[f"b_{gate}"] = np.full(3, bias)
        parameters["W_g"] = np.hstack([np.zeros((3, 3)), parameters["W_g"][:, 3:]])
        ends = [
            evaluate(system, parameters, case.inputs, {"c": sign * KEPT[None]})[output][-1, 0] for sign in (1.0, -1.0)
        ]
        differences.append(ends[0] - ends[1])
    seen, unseen = differences
    holds = bool(np.allclose(seen, 2 * np.tanh(KEPT), rtol=1e-14, atol=0) and (unseen == 0).all())
    return holds, f"c = [4, 5, 6] and its negative: outputs differ by {shown(seen, 3)}, as printed by {shown(unseen)}"


def _peephole_kinds() -> tuple[bool, str]:
    sizes = {dimension("D"): 4, dimension("H"): 3}
    names = ("lstm-peephole-full", "lstm-peephole", "lstm-peephole-prev")
    cells = {name: derive.load(name) for name in names}
    counts = [int(parameter_count(cell).subs(sizes)) for cell in cells.values()]
    old = [any(str(read) == "c[t-1]" for read in refs(cell.equation("o").expr)) for cell in cells.values()]
    found = ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))
    return counts == [123, 105, 105] and old == [True, False, True], f"parameters for D = 4, H = 3: {found}"


def _box() -> tuple[bool, str]:
    values = gates_held(derive.load("lstm"), "c", {"f": 40.0, "i": -700.0}, 1)
    boxed, cell = (values["i"] * values["g"])[0, 0], values["c"][0, 0]
    holds = bool((np.abs(boxed) < 1e-300).all() and (cell == KEPT).all())
    return holds, f"f = 1, i = 0: i ⊙ c̃ = {shown(boxed.round(6) + 0.0)}, c = {shown(cell)}"


def _candidate_box() -> tuple[bool, str]:
    values = gates_held(derive.load("lstm"), "c", {"f": 40.0}, 3)
    candidate, cell = values["g"][-1, 0], values["c"][-1, 0]
    holds = bool((np.abs(candidate) < 1).all() and (cell > 1).all())
    return holds, f"c̃ = {shown(candidate, 3)} and c = {shown(cell, 3)}, which no tanh can be"


def _ones() -> tuple[bool, str]:
    cell = derive.parse("f[t] : 3\nc[t] = f[t] * c[t-1]")
    ends = [
        evaluate(cell, {}, {"f": np.array(f)[None, None]}, {"c": KEPT[None]})["c"][0, 0]
        for f in ([1.0, 1.0, 1.0], [1.0, 0.0, 0.0])
    ]
    (recurrence,) = stability(cell).recurrences
    path = str(recurrence.direct[0])
    holds = ends[0].tolist() == KEPT.tolist() and ends[1].tolist() == [4, 0, 0] and path == "c: diag(f[t])"
    return holds, f"f = [1, 1, 1] keeps {shown(ends[0])}, [1, 0, 0] keeps {shown(ends[1])}; ∂c_t/∂c_(t-1) = diag(f)"


def _three_outputs() -> tuple[bool, str]:
    lstm = derive.load("lstm")
    net = stack(lstm, 2)
    readers = sorted({str(read) for e in net.equations for read in refs(e.expr) if read.name == "h_1"})
    found = f"states {' and '.join(lstm.states)}; in a stack h is read as {' and '.join(readers)}"
    return lstm.states == ("h", "c") and readers == ["h_1[t-1]", "h_1[t]"], found


# --- networks -----------------------------------------------------------------------------------------------------


def _backward_half() -> tuple[bool, str]:
    moved = []
    for system in (bidirectional(derive.load("rnn")), derive.parse(TWICE_FORWARD)):
        case = example(system, 5, {"D": 2, "H": 3})
        x = case.inputs["x"].copy()
        before = evaluate(system, case.parameters, {"x": x})["h"][0, 0]
        x[-1] += 1
        moved.append(float(np.abs(evaluate(system, case.parameters, {"x": x})["h"][0, 0] - before).max()))
    return moved[0] > 1e-6 and moved[1] == 0, f"the last word moves h_1 by {moved[0]:.2g}, as printed by {moved[1]:g}"


def _first_step() -> tuple[bool, str]:
    system = derive.load("rnn")
    lines = unroll(system, 3, {"D": 1, "H": 1})
    times = {name: sorted({key[1] or 0 for key in lines.leaves.values() if key[0] == name}) for name in ("x", "h")}
    return times == {"x": [1, 2, 3], "h": [0]}, f"T = 3: inputs at {times['x']}, given states at {times['h']}"


def _blocks() -> tuple[bool, str]:
    joined, apart = derive.load("rnn-readout"), derive.load("rnn-nobias")
    case = example(derive.load("rnn"), 4, {"D": 2, "H": 3})
    w = case.parameters["W_h"]
    one = evaluate(derive.load("rnn"), case.parameters, case.inputs)["h"]
    two = evaluate(apart, {"W_h": w[:, :3], "W_x": w[:, 3:]}, case.inputs)["h"]
    again = evaluate(derive.load("rnn"), {**case.parameters, "W_h": w[:, [3, 4, 0, 1, 2]]}, case.inputs)["h"]
    holds = bool(np.allclose(one, two, rtol=0, atol=1e-15) and not np.allclose(one, again, atol=1e-3))
    return holds, f"{joined.shapes['W_h']} beside {apart.shapes['W_h']} and {apart.shapes['W_x']}: the same states"


def _attention_weights() -> tuple[bool, str]:
    system = attention("additive")
    case = example(system, 3, {"A": 2, "H": 2, "S": 2})
    other = {**case.inputs, "h": -case.inputs["h"]}
    parameters = {**case.parameters, "v_a": np.ones(2)}
    alphas = [evaluate(system, parameters, given)["alpha"][0, 0] for given in (case.inputs, other)]
    free = sorted(system.parameters)
    holds = free == ["U_a", "W_a", "v_a"] and bool(np.abs(alphas[0] - alphas[1]).max() > 1e-3)
    return holds, f"parameters {', '.join(free)}; two sentences, α = {shown(alphas[0], 3)} and {shown(alphas[1], 3)}"


def _rate() -> tuple[bool, str]:
    without, small = descent(1.0), descent(0.1)
    holds = np.allclose(without, (-3.0) ** np.arange(6)) and abs(small[-1]) < 0.1
    return bool(holds), f"L = 2θ²: η = 1 gives θ = {shown(without)}, η = 0.1 {shown(small, 3)}"


SLIPS = (
    Claim("carried candidate", "GRU: the part 1 − Γ_u keeps the old candidate", False,
          "it keeps the old memory; a carried candidate is gone after one step", _carried_candidate),
    Claim("gru output", "GRU: a_t is the candidate", False,
          "a_t = c_t: the candidate does not know what the update gate decided", _gru_output),
    Claim("lstm left side", "LSTM: the candidate is Γ_u ⊙ candidate + Γ_f ⊙ c_(t-1)", False,
          "the left side is c_t; as printed the candidate would be needed to compute itself", _lstm_left_side),
    Claim("lstm output", "LSTM: a_t = Γ_o ⊙ tanh of the candidate", False,
          "a_t = Γ_o ⊙ tanh(c_t): else forget and input gate are of no use", _lstm_output),
    Claim("peephole output", "LSTM with peepholes: a_t = Γ_o ⊙ candidate", False,
          "a_t = Γ_o ⊙ tanh(c_t), or Γ_o ⊙ c_t (NOAF of Greff et al.); never the candidate", _peephole_output),
    Claim("peephole kinds", "peepholes: the output gate reads c_(t-1), in the concatenation", True,
          "so it may; usual peepholes are diagonal, and the output gate reads c_t: three models", _peephole_kinds),
    Claim("boxed product", "the boxed i ⊙ c̃ is the cell", False,
          "it is what is added to f ⊙ c_(t-1)", _box),
    Claim("boxed candidate", "input gate: c_t = tanh(W_C [h; x] + b_C)", False,
          "that is the candidate c̃_t; c_t is not bounded by 1", _candidate_box),
    Claim("vector of ones", "a forget gate that keeps everything is an identity vector", False,
          "it is the vector of ones; the identity is the matrix diag(f)", _ones),
    Claim("three outputs", "an LSTM cell has three outputs", False,
          "two, h and c; h goes to the next step and to the layer above", _three_outputs),
    Claim("backward half", "bidirectional: the backward half reads h_(t-1)", False,
          "it reads h_(t+1), or no word would know of later ones", _backward_half),
    Claim("first step", "0 ≤ t ≤ T_x", False,
          "1 ≤ t ≤ T_x for inputs; what is at 0 is the initial state", _first_step),
    Claim("blocks", "W_a is made of W_a and W_x", False,
          "W_a = [W_aa | W_ax], in the order of [a; x]", _blocks),
    Claim("attention", "the α_ij are parameters to be learned, and c_i = Σ α_ij w_ij", False,
          "α is computed by a softmax from learned scores, and c_i = Σ_j α_ij h_j", _attention_weights),
    Claim("learning rate", "w ← w − ∂L/∂w", False,
          "w ← w − η ∂L/∂w, with a rate η small enough", _rate),
)  # fmt: skip
